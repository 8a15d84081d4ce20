"""Runs in a container that has CAP_SYS_PTRACE: stops every process that appears in its process namespace as early as it can, and
looks at what the process still has of the host. Usage: tracer.py PATH, a file of the host's; in /secret is a text of the runtime's
environment. Prints a line for each process that was stopped before it executed its program, and `leak …` for what it should not have.
Then it takes the process's socket to the runtime and says something with it; with `hold` as second argument it keeps the socket.
Ends after 60 seconds or when /stop is there."""
import ctypes, os, sys, time

SEIZE, INTERRUPT, DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
libc = ctypes.CDLL(None, use_errno=True)
libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
canary, secret = sys.argv[1], open("/secret", "rb").read()
own = {}
for line in open("/proc/self/status"):
    name, _, value = line.partition(":")
    own[name] = value.strip()


def read(path):
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError:
        return b""


def link(path):
    try:
        return os.readlink(path)
    except OSError:
        return ""


def memory(pid):
    """What can be read of the process's memory that it can write to."""
    parts = []
    try:
        with open(f"/proc/{pid}/mem", "rb", 0) as file:
            for line in read(f"/proc/{pid}/maps").decode().splitlines():
                fields = line.split()
                if "w" not in fields[1]:
                    continue
                first, last = (int(end, 16) for end in fields[0].split("-"))
                try:
                    file.seek(first)
                    parts.append(file.read(last - first))
                except OSError:
                    pass
    except OSError:
        pass
    return b"".join(parts)


def look(pid):
    # Once it has executed its program it is like every other process of the container.
    if read(f"/proc/{pid}/comm").strip() not in (b"gantry-runtime", b"gantry-monitor", b"exe", b"3", b"runc:[2:INIT]"):
        return
    print("stopped", pid, flush=True)
    if os.path.exists(f"/proc/{pid}/root{canary}"):
        print("leak root", flush=True)
    if os.path.exists(f"/proc/{pid}/cwd/{os.path.basename(canary)}"):
        print("leak cwd", flush=True)
    # The gate of a container that was created is a FIFO, and leads nowhere else.
    for name in os.listdir(f"/proc/{pid}/fd"):
        target = link(f"/proc/{pid}/fd/{name}")
        if int(name) > 2 and not target.startswith("socket:") and not target.removesuffix(" (deleted)").endswith("/start"):
            print("leak descriptor", target, flush=True)
    for line in read(f"/proc/{pid}/status").decode().splitlines():
        name, _, value = line.partition(":")
        if name in ("CapPrm", "CapEff", "CapBnd") and int(value, 16) & ~int(own[name], 16):
            print("leak capabilities", line, flush=True)
        if name == "Seccomp" and int(value) < int(own[name]):
            print("leak seccomp", line, flush=True)
    if secret in read(f"/proc/{pid}/environ"):
        print("leak environment", flush=True)
    if secret in memory(pid):
        print("leak memory", flush=True)
    for kind in ("mnt", "net", "ipc", "uts"):
        if link(f"/proc/{pid}/ns/{kind}") != link(f"/proc/self/ns/{kind}"):
            print("leak namespace", kind, flush=True)
    forge(pid)


def forge(pid):
    handle = libc.syscall(434, pid, 0)  # pidfd_open
    taken = libc.syscall(438, handle, 3, 0)  # pidfd_getfd
    if taken >= 0:
        text = b"forged by the container"
        try:
            # A warning, as Sources/Runtime/StatusChannel.swift has it.
            os.write(taken, b"\4" + len(text).to_bytes(4, sys.byteorder) + text)
            print("forged", flush=True)
        except OSError:
            pass
        if sys.argv[2:] != ["hold"]:
            os.close(taken)
    os.close(handle)


highest = os.getpid()
print("looking", flush=True)
deadline = time.monotonic() + 60
rounds = 0
while rounds % 1000 or (time.monotonic() < deadline and not os.path.exists("/stop")):
    rounds += 1
    for pid in range(highest + 1, highest + 4):
        if libc.ptrace(SEIZE, pid, None, None) < 0:
            continue
        highest = pid
        libc.ptrace(INTERRUPT, pid, None, None)
        try:
            _, status = os.waitpid(pid, WALL)
            if os.WIFSTOPPED(status):
                look(pid)
        except OSError:
            pass
        libc.ptrace(DETACH, pid, None, None)
        break
print("looked", flush=True)
