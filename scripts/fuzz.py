"""Throws broken requests at a daemon of its own for SECONDS (60), and checks that it answers all the same.

First every number of every endpoint is sent at its extremes (sweep.py). Then requests are made from good ones by cutting,
doubling, swapping and flipping bytes. SEED repeats a run.
"""

import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

import sweep

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
SECONDS = float(os.environ.get("FUZZ_SECONDS", "60"))
SEED = int(os.environ.get("SEED", random.SystemRandom().randrange(1 << 32)))

BODY = b'{"Image":"x","Cmd":["a","b"],"HostConfig":{"Memory":1e9,"PortBindings":{"80/tcp":[{"HostPort":"1"}]}},"Tty":true}'
GOOD = [
    b"GET /_ping HTTP/1.1\r\nHost: d\r\n\r\n",
    b"HEAD /v1.41/_ping HTTP/1.1\r\nHost: d\r\nConnection: close\r\n\r\n",
    b"GET /v1.50/containers/json?all=1&filters=%7B%22name%22%3A%7B%22x%22%3Atrue%7D%7D HTTP/1.1\r\nHost: d\r\n\r\n",
    b"POST /v1.41/containers/create?name=x HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: "
    + str(len(BODY)).encode() + b"\r\n\r\n" + BODY,
    b"POST /v1.41/containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"a\":\r\n2\r\n1}\r\n0\r\n\r\n",
    b"POST /v1.41/containers/x/attach?stream=1&stdin=1 HTTP/1.1\r\nHost: d\r\nUpgrade: tcp\r\nConnection: Upgrade\r\n\r\nabc",
    b"POST /v1.41/exec/x/start HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: 16\r\n\r\n{\"Detach\":false}",
    b"POST /v1.41/images/create?fromSrc=-&repo=f HTTP/1.1\r\nHost: d\r\nContent-Length: 8\r\n\r\nnot.tar!",
    b"POST /v1.41/images/create?fromImage=127.0.0.1:1/x&tag=y HTTP/1.1\r\nHost: d\r\n\r\n",
    b"GET /v1.41/events?since=1&until=2 HTTP/1.1\r\nHost: d\r\n\r\n",
    b"DELETE /v1.41/images/x?force=1 HTTP/1.0\r\n\r\n",
]
PIECES = [b"\r\n", b"\n", b"\0", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Transfer-Encoding: chunked\r\n", b"%00",
          b"../", b"ffffffffffffffff\r\n", b"[" * 600, b'{"a":' * 300, b"9" * 400, b"\xff\xfe", b" ", b"/" * 300, b'"', b"\\u0000"]


def mutate(generator, data):
    data = bytearray(data)
    for _ in range(generator.randint(1, 6)):
        place = generator.randrange(len(data) + 1)
        action = generator.randrange(6)
        if action == 0 and data:
            data[place % len(data)] ^= 1 << generator.randrange(8)
        elif action == 1:
            del data[place:place + generator.randint(1, 20)]
        elif action == 2:
            data[place:place] = generator.choice(PIECES)
        elif action == 3:
            data[place:place] = data[place:place + generator.randint(1, 60)]
        elif action == 4:
            data = data[:place]
        else:
            data += generator.choice(GOOD)
        if not data:
            data = bytearray(generator.choice(GOOD))
    return bytes(data)


def exchange(path, data, wait):
    with socket.socket(socket.AF_UNIX) as connection:
        connection.settimeout(5)
        connection.connect(path)
        try:
            connection.sendall(data)
            connection.shutdown(socket.SHUT_WR)
            if select.select([connection], [], [], wait)[0]:
                return connection.recv(65536)
        except OSError:
            pass
    return b""


def main():
    directory = tempfile.mkdtemp(prefix="gantry-fuzz-")
    path = directory + "/s"
    with open(directory + "/daemon.json", "w") as file:
        file.write('{"bip": "10.241.1.1/24"}')
    daemon = subprocess.Popen(
        [ROOT + "/.build/release/gantryd", "--data-root", directory + "/data", "--exec-root", directory + "/exec",
         "--pidfile", directory + "/pid", "-H", "unix://" + path, "--config-file", directory + "/daemon.json"],
        stdin=subprocess.DEVNULL, stdout=open(directory + "/log", "w"), stderr=subprocess.STDOUT)
    ping = GOOD[0]
    generator = random.Random(SEED)
    print(f"fuzz: seed {SEED}, {SECONDS:.0f} s")
    count, last, failed = 0, b"", ""

    def on_death(case, request):
        sys.exit(f"fuzz: the daemon ended at {case!r}; the last request was {request[:400]!r}\n{open(directory + '/log').read()[-2000:]}")

    try:
        end = time.monotonic() + 30
        while not os.path.exists(path) or b"200 OK" not in exchange(path, ping, 5):
            if time.monotonic() > end or daemon.poll() is not None:
                sys.exit("fuzz: the daemon does not start; " + open(directory + "/log").read()[-500:])
            time.sleep(0.02)
        numbers = sweep.Sweep(path, lambda: daemon.poll() is None, quick=False)
        numbers.run(on_death)
        print(f"fuzz: {numbers.count} requests with numbers at their extremes")
        end = time.monotonic() + SECONDS
        while time.monotonic() < end and not failed:
            last = mutate(generator, generator.choice(GOOD))
            exchange(path, last, 0.05)
            count += 1
            if count % 50 == 0 and b"200 OK" not in exchange(path, ping, 10):
                failed = "the daemon does not answer any more"
            if daemon.poll() is not None:
                failed = f"the daemon ended with {daemon.returncode}"
        memory = 0
        if not failed:
            memory = next(int(line.split()[1]) for line in open(f"/proc/{daemon.pid}/status") if line.startswith("VmRSS"))
    finally:
        if daemon.poll() is None:
            daemon.send_signal(signal.SIGTERM)
            daemon.wait(30)
        if failed:
            print(open(directory + "/log").read()[-2000:])
        shutil.rmtree(directory, ignore_errors=True)
    if failed:
        sys.exit(f"fuzz: {failed} after {count} requests; SEED={SEED} repeats it; the last one was {last!r}")
    print(f"fuzz: {count} requests, the daemon answers, {memory // 1024} MB resident")


main()
