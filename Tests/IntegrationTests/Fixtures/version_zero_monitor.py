"""version_zero_monitor.py RUN-DIRECTORY: makes a monitor speak version 0 of the protocol.

Takes the place of the monitor's socket. Towards the daemon it is a monitor of the release before messages had a header; what it is asked
it hands to the real monitor, in version 1 with the descriptors, and what that reports it hands back. Ends with either of them.
"""

import array
import fcntl
import os
import select
import socket
import struct
import sys

MARK, REQUIRED = 0x4D, 0x8000


class Zero:
    """Reads values that stand one behind the other."""

    def __init__(self, data):
        self.data, self.at = data, 0

    def take(self, form):
        values = struct.unpack_from("<" + form, self.data, self.at)
        self.at += struct.calcsize("<" + form)
        return values[0]

    def bytes(self):
        length = self.take("I")
        assert self.at + length <= len(self.data)
        self.at += length
        return self.data[self.at - length : self.at]

    def list(self, read):
        return [read() for _ in range(self.take("I"))]


def field(tag, value):
    if isinstance(value, int):
        value = struct.pack("<Q", value & 0xFFFFFFFFFFFFFFFF)
    return struct.pack("<HI", tag, len(value)) + value


def message(number, fields):
    return struct.pack("<BBHI", MARK, 0, number, len(fields)) + fields


def fields(data):
    assert data[0] == MARK
    _, _, number, length = struct.unpack_from("<BBHI", data)
    at, found = 8, {}
    while at < 8 + length:
        tag, size = struct.unpack_from("<HI", data, at)
        value = data[at + 6 : at + 6 + size]
        found[tag] = struct.unpack("<q", value)[0] if size == 8 and tag not in (7, 8, 9) else value
        at += 6 + size
    return number, found


def process(data):
    """The specification of an exec, from version 0 to version 1."""
    zero, out = Zero(data), b""

    def put(name, value):
        nonlocal out
        names = (
            "argument variable directory userID groupID group userName additionalGroup bounding effective permitted inheritable "
            "ambient limit noNewPrivileges seccomp seccompFlags seccompNotifies oomScoreAdj isLenient clampsLimits scheduling "
            "ioPriority personality initialAffinity finalAffinity keyring appArmorProfile seLinuxLabel umask terminal openStdin "
            "stdinOnce"
        ).split()
        tag = {"columns": 1, "rows": 2}.get(name) or REQUIRED | names.index(name) + 1
        if value is not False and value != b"":
            out += field(tag, int(value) if isinstance(value, bool) else value)

    for word in zero.list(zero.bytes):
        out += field(REQUIRED | 1, word)
    for variable in zero.list(zero.bytes):
        put("variable", variable)
    put("directory", zero.bytes())
    if zero.take("B") == 0:
        put("userID", zero.take("I"))
        put("groupID", zero.take("I"))
        for group in zero.list(lambda: zero.take("I")):
            put("group", group)
    else:
        out += field(REQUIRED | 7, zero.bytes())
    for group in zero.list(zero.bytes):
        put("additionalGroup", group)
    for name in "bounding effective permitted inheritable ambient".split():
        put(name, zero.take("Q"))
    for resource, soft, hard in zero.list(lambda: (zero.take("i"), zero.take("Q"), zero.take("Q"))):
        put("limit", field(REQUIRED | 1, resource) + field(REQUIRED | 2, soft) + field(REQUIRED | 3, hard))
    put("noNewPrivileges", zero.take("?"))
    put("seccomp", zero.bytes())
    has_score, score = zero.take("?"), zero.take("i")
    if has_score:
        put("oomScoreAdj", score)
    put("isLenient", zero.take("?"))
    put("clampsLimits", zero.take("?"))
    for _ in range(3):
        assert not zero.take("?"), "an exec of the daemon has no scheduling, priority or personality"
    put("initialAffinity", zero.bytes())
    put("finalAffinity", zero.bytes())
    put("seccompFlags", zero.take("I"))
    put("seccompNotifies", zero.take("?"))
    for name in "keyring appArmorProfile seLinuxLabel".split():
        put(name, zero.bytes())
    put("umask", zero.take("I"))
    put("terminal", zero.take("?"))
    put("columns", zero.take("H"))
    put("rows", zero.take("H"))
    put("openStdin", zero.take("?"))
    put("stdinOnce", zero.take("?"))
    assert zero.at == len(data), "%d bytes behind the specification" % (len(data) - zero.at)
    return message(2, out)


def sealed(data):
    # MFD_CLOEXEC | MFD_ALLOW_SEALING; F_ADD_SEALS with all four
    memory = os.memfd_create("spec", 3)
    os.write(memory, data)
    fcntl.fcntl(memory, 1033, 0xF)
    return memory


def request(data, descriptors):
    """From the daemon's bytes to the monitor's; None for what version 0 passes over."""
    zero = Zero(data)
    number = zero.take("B")
    if number == 2 or number == 3 or number == 9:
        return message(number, b"")
    if number == 4:
        flags = [zero.take("?") for _ in range(3)]
        return message(4, b"".join(field(REQUIRED | 1 + i, 1) for i, flag in enumerate(flags) if flag))
    if number == 5:
        length = os.fstat(descriptors[0]).st_size
        converted = sealed(process(os.pread(descriptors[0], length, 0)))
        os.close(descriptors[0])
        descriptors[0] = converted
        return message(5, field(REQUIRED | 1, zero.bytes()))
    if number == 6:
        signal, exec_ = zero.take("i"), zero.bytes()
        return message(6, (field(REQUIRED | 1, exec_) if exec_ else b"") + field(REQUIRED | 2, signal))
    if number == 7:
        columns, rows, exec_ = zero.take("H"), zero.take("H"), zero.bytes()
        name = field(REQUIRED | 1, exec_) if exec_ else b""
        return message(7, name + field(REQUIRED | 3, columns) + field(REQUIRED | 4, rows))
    if number == 8:
        exec_ = zero.bytes()
        return message(8, field(REQUIRED | 1, exec_) if exec_ else b"")
    return None


def event(data):
    """From the monitor's bytes to the daemon's; None for what version 0 does not have."""
    number, found = fields(data)

    def text(tag):
        value = found.get(tag, b"")
        return struct.pack("<I", len(value)) + value

    def of(form, *tags):
        return struct.pack("<" + form, *[found.get(tag, 0) for tag in tags])

    bodies = {
        1: lambda: of("iQ", 1, 2),
        2: lambda: of("i", 4) + text(9),
        3: lambda: of("ii?", 4, 5, 6) + text(7),
        4: lambda: text(8) + of("i", 1),
        5: lambda: text(8) + of("i", 4) + text(9),
        6: lambda: text(8) + of("i", 4),
        7: lambda: of("iQi", 1, 2, 3),
        9: lambda: text(9),
    }
    return bytes([number]) + bodies[number]() if number in bodies else None


def receive(end):
    data, ancillary, _, _ = end.recvmsg(8192, socket.CMSG_SPACE(253 * 4))
    descriptors = array.array("i")
    for _, _, content in ancillary:
        descriptors.frombytes(content[: len(content) // 4 * 4])
    return data, list(descriptors)


def main():
    # An address has room for 107 bytes.
    os.chdir(sys.argv[1])
    path = "monitor.sock"
    monitor = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monitor.connect(path)
    adopted = None
    while not adopted:
        answer = event(receive(monitor)[0])
        adopted = answer if answer and answer[0] == 7 else None
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(path + ".zero")
    listener.listen(4)
    os.rename(path + ".zero", path)
    print("ready", flush=True)
    daemon = None
    while True:
        ready, _, _ = select.select([end for end in (monitor, listener, daemon) if end], [], [])
        if monitor in ready:
            data, _ = receive(monitor)
            if not data:
                return
            answer = event(data)
            if answer and daemon:
                daemon.send(answer)
        if listener in ready:
            daemon, _ = listener.accept()
            daemon.send(adopted)
        if daemon and daemon in ready:
            data, descriptors = receive(daemon)
            if not data:
                daemon = None
                continue
            asked = request(data, descriptors)
            if asked:
                socket.send_fds(monitor, [asked], descriptors)
            print("%d %s" % (data[0], "passed on" if asked else "passed over"), flush=True)
            for descriptor in descriptors:
                os.close(descriptor)


main()
