"""console.py SOCKET OUTPUT INPUT: takes a container's terminal at a console socket, writes what comes to OUTPUT, and types
what it reads from the FIFO INPUT."""
import array
import os
import socket
import sys
import threading

path, output, typed = sys.argv[1:]
listener = socket.socket(socket.AF_UNIX)
listener.bind(path)
os.mkfifo(typed)
listener.listen(1)
connection, _ = listener.accept()
_, ancillary, _, _ = connection.recvmsg(100, socket.CMSG_SPACE(4))
numbers = array.array("i")
numbers.frombytes(ancillary[0][2][:4])
terminal = numbers[0]


def read():
    with open(output, "wb", buffering=0) as file:
        try:
            while data := os.read(terminal, 1000):
                file.write(data)
        except OSError:
            file.write(b"<end>\n")


threading.Thread(target=read, daemon=True).start()
while True:
    with open(typed, "rb") as file:
        os.write(terminal, file.read())
