"""Listens at a socket for a seccomp descriptor, prints the state that came with it, and answers every call with ENOMEDIUM."""
import array, fcntl, json, socket, struct, sys

NOTIF_RECV, NOTIF_SEND = 0xC0502100, 0xC0182101
server = socket.socket(socket.AF_UNIX)
server.bind(sys.argv[1])
server.listen(1)
print("listening", flush=True)
connection, _ = server.accept()
fds = array.array("i")
message, ancillary, _, _ = connection.recvmsg(65536, socket.CMSG_LEN(fds.itemsize))
for _, _, data in ancillary:
    fds.frombytes(data)
print(json.dumps(json.loads(message)), flush=True)
for _ in range(int(sys.argv[2])):
    request = bytearray(80)
    fcntl.ioctl(fds[0], NOTIF_RECV, request)
    identity, pid, _, number = struct.unpack_from("=QIIi", request)
    fcntl.ioctl(fds[0], NOTIF_SEND, bytearray(struct.pack("=QqiI", identity, 0, -123, 0)))
    print("answered", number, flush=True)
