"""criu.py DIRECTORY FAILURE|- swrk DESCRIPTOR: stands in for criu where that does not work. Writes the members of the request to
DIRECTORY/criu.words, each as its number and value, and answers. What it restores is a process that sleeps."""
import os
import socket
import subprocess
import sys


def fields(data):
    def number():
        value = shift = 0
        while True:
            byte = data[place[0]]
            place[0] += 1
            value |= (byte & 0x7F) << shift
            shift += 7
            if byte < 0x80:
                return value

    place = [0]
    while place[0] < len(data):
        key = number()
        if key & 7 == 0:
            yield key >> 3, number()
        else:
            length = number()
            place[0] += length
            yield key >> 3, data[place[0] - length : place[0]]


directory, failure, _, descriptor = sys.argv[1:]
channel = socket.socket(fileno=int(descriptor))
request = dict(fields(channel.recv(65536)))
options = list(fields(request[2]))
handles = {number: os.readlink(f"/proc/{os.getppid()}/fd/{value}") for number, value in options if number in (1, 17)}
lines = [f"type {request[1]}"]
for number, value in options:
    if number in (11, 25, 27):
        value = " ".join(str(part.decode() if isinstance(part, bytes) else part) for _, part in fields(value))
    lines.append(f"{number} {handles.get(number, value.decode() if isinstance(value, bytes) else value)}")
root = dict(options).get(13, b"").decode()
lines.append("root has " + " ".join(os.listdir(root)))
with open(directory + "/criu.words", "w") as file:
    file.write("\n".join(lines) + "\n")
answer = bytes([1 << 3, request[1], 2 << 3, 1])
if failure != "-":
    log = dict(options)[10].decode()
    with open(f"{handles[17]}/{log}", "w") as file:
        file.write(f"(00.1) Error (criu/x.c:1): {failure}\n")
    answer = bytes([1 << 3, request[1], 2 << 3, 0])
elif request[1] == 2:
    null = subprocess.DEVNULL
    process = subprocess.Popen(["sleep", "100"], stdin=null, stdout=null, stderr=null, close_fds=True)
    high = bytearray()
    pid = process.pid
    while pid > 0x7F:
        high.append(pid & 0x7F | 0x80)
        pid >>= 7
    high.append(pid)
    answer += bytes([4 << 3 | 2, len(high) + 1, 1 << 3]) + high
channel.send(answer)
