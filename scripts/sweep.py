"""Sends every number that a client can send to the Engine API at its extremes, and checks that the daemon lives.

The endpoints, query parameters and numbers in bodies come from Tests/IntegrationTests/Fixtures/api_numbers.json, which
scripts/api-numbers.py makes of Docker's OpenAPI document; headers, ports and filters are added here. What the daemon answers is
not looked at: 400 and 200 are as good as each other.

usage: scripts/sweep.py SOCKET PID [--quick]
"""

import io
import json
import os
import socket
import sys
import tarfile
import time
import urllib.parse

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))

NUMBERS = ["9223372036854775807", "-9223372036854775808", "4611686018427387904", "18446744073709551616", "1e400", "1.5", "-1",
           "4294967296", "9223372036854775808", "-9223372036854775809", "18446744073709551615", "-1e400", "-0", "0", "65536",
           "2147483648", "9.3e18", "1e18", "1e-400", "0.1e1", "null", '"1"', "[]", "1" * 400]
TEXTS = ["9223372036854775807", "-9223372036854775808", "9223372036854775807.999999999", "-9223372036854775808.999999999",
         "9223372036.9999999999", "1.5", "1e400", "-1", "18446744073709551616", "9223372036854775808", "9223372036", "-9223372036.5",
         "-0.5", "0.0000000001", "1.", ".5", ".", "-", "+5", "0x10", "inf", "nan", "x", "0", "1e3", "9" * 300, "1." + "9" * 300,
         "\u0663", "4294967296", "65536", "9999-12-31T23:59:59.999999999Z", "0000-01-01T00:00:00Z", "99999999-01-01T00:00:00Z",
         "-292277022657-01-27T08:29:52Z", "2562048h", "-2562048h", "9223372036854775807h", "1e30s", "\x1b[31m"]
QUICK = 7
SIGNALS = ["RTMIN+2147483647", "RTMIN--2147483648", "RTMAX-2147483647", "RTMAX--2147483648", "SIGRTMIN+99999999999", "65", "-9"]

# What must stand beside a number for it to be looked at.
BESIDE = {
    "Ulimits": {"Name": "nofile", "Soft": 1, "Hard": 1}, "BlkioWeightDevice": {"Path": "/dev/null"},
    "BlkioDeviceReadBps": {"Path": "/dev/null"}, "BlkioDeviceWriteBps": {"Path": "/dev/null"},
    "BlkioDeviceReadIOps": {"Path": "/dev/null"}, "BlkioDeviceWriteIOps": {"Path": "/dev/null"},
    "Mounts": {"Type": "tmpfs", "Target": "/t"}, "RestartPolicy": {"Name": "on-failure"},
    "Healthcheck": {"Test": ["CMD", "true"]},
}
# Queries that an endpoint needs besides.
QUERIES = {
    ("GET", "/containers/{id}/logs"): {"stdout": "1", "follow": "0"}, ("GET", "/events"): {"since": "1", "until": "2"},
    ("POST", "/containers/{id}/resize"): {"h": "1", "w": "1"}, ("POST", "/exec/{id}/resize"): {"h": "1", "w": "1"},
    ("GET", "/images/search"): {"term": "127.0.0.1:1/x"}, ("POST", "/images/create"): {"fromImage": "127.0.0.1:1/x"},
    ("POST", "/containers/{id}/wait"): {"condition": "not-running"}, ("POST", "/containers/{id}/rename"): {"name": "x"},
    ("POST", "/commit"): {"container": "{id}"},
}
MARK = "@number@"


class Dead(Exception):
    pass


class Sweep:
    def __init__(self, path, alive, quick):
        self.path, self.alive, self.count = path, alive, 0
        self.numbers = NUMBERS[:QUICK] if quick else NUMBERS
        self.texts = TEXTS[:QUICK] if quick else TEXTS

    # MARK: Requests

    def raw(self, data, wait=5.0):
        """The answer's status and body; None for a connection that was closed or says nothing for a while."""
        self.count += 1
        self.last = data
        answer = b""
        try:
            with socket.socket(socket.AF_UNIX) as connection:
                connection.settimeout(wait)
                connection.connect(self.path)
                connection.sendall(data)
                while True:
                    piece = connection.recv(65536)
                    if not piece:
                        break
                    answer += piece
                    head, _, body = answer.partition(b"\r\n\r\n")
                    for line in head.lower().split(b"\r\n"):
                        if line.startswith(b"content-length:") and len(body) >= int(line[15:]):
                            raise TimeoutError
        except TimeoutError:
            pass
        except OSError:
            answer = answer or b""
            time.sleep(0.05)
        if not self.alive():
            raise Dead()
        head, _, body = answer.partition(b"\r\n\r\n")
        words = head.split(b" ", 2)
        return (int(words[1]), body) if len(words) > 1 and words[1].isdigit() else (None, b"")

    def call(self, method, path, query=None, body=None, wait=5.0):
        if query:
            path += "?" + urllib.parse.urlencode(query)
        data = (body or "").encode()
        head = f"{method} {path} HTTP/1.1\r\nHost: d\r\nConnection: close\r\n"
        if body is not None:
            head += f"Content-Type: application/json\r\nContent-Length: {len(data)}\r\n"
        return self.raw(head.encode() + b"\r\n" + data, wait)

    # MARK: Things to ask about

    def prepare(self):
        if self.call("GET", "/images/busybox/json")[0] != 200:
            archive = io.BytesIO()
            with tarfile.open(fileobj=archive, mode="w") as tar:
                tar.add("/bin/busybox", "bin/busybox")
                for name in ("sh", "sleep", "true"):
                    link = tarfile.TarInfo("bin/" + name)
                    link.type, link.linkname = tarfile.SYMTYPE, "busybox"
                    tar.addfile(link)
            data = archive.getvalue()
            self.raw(b"POST /images/create?fromSrc=-&repo=busybox HTTP/1.1\r\nHost: d\r\nConnection: close\r\n"
                     b"Content-Type: application/x-tar\r\nContent-Length: %d\r\n\r\n" % len(data) + data, 30)
        self.running = self.container(["sleep", "100000"])

    def container(self, words):
        body = {"Image": "busybox", "Cmd": words, "StopSignal": "KILL", "HostConfig": {"NetworkMode": "none"}}
        status, answer = self.call("POST", "/containers/create", body=json.dumps(body))
        if status != 201:
            raise SystemExit(f"sweep: no container could be made: {status} {answer!r}")
        identifier = json.loads(answer)["Id"]
        self.call("POST", f"/containers/{identifier}/start")
        return identifier

    def remove(self, identifier):
        self.call("DELETE", f"/containers/{identifier}", {"force": "1"})

    def live(self):
        """The running container; another one when it was stopped or killed."""
        status, answer = self.call("GET", f"/containers/{self.running}/json")
        if status != 200 or not json.loads(answer)["State"]["Running"]:
            self.remove(self.running)
            self.running = self.container(["sleep", "100000"])
        return self.running

    def fill(self, path):
        name = "busybox"
        if path.startswith("/exec/"):
            body = json.dumps({"Cmd": ["true"], "Tty": True})
            status, answer = self.call("POST", f"/containers/{self.live()}/exec", body=body)
            name = json.loads(answer)["Id"] if status == 201 else "none"
        elif path.startswith("/containers/"):
            name = self.live()
        for part in ("{id}", "{name}"):
            path = path.replace(part, name)
        return path

    # MARK: The sweep

    @staticmethod
    def document(base, path):
        """`base` with the mark at `path`; in an array twice, for pairs like a console's size."""
        if not path:
            return MARK
        name, rest = path[0], path[1:]
        if name == "[]":
            known = base if isinstance(base, dict) else {}
            one = Sweep.document(dict(known), rest)
            return [one, one] if not rest else [one]
        if name == "{}":
            return {"x": Sweep.document({}, rest)}
        whole = dict(base) if isinstance(base, dict) else {}
        below = whole.get(name)
        whole[name] = Sweep.document({**(below if isinstance(below, dict) else {}), **BESIDE.get(name, {})}, rest)
        return whole

    def bodies(self, endpoint):
        method, path = endpoint["method"], endpoint["path"]
        base = {}
        if path == "/containers/create":
            base = {"Image": "busybox", "Cmd": ["true"], "HostConfig": {"NetworkMode": "none"}}
        elif path.endswith("/exec"):
            base = {"Cmd": ["true"], "Tty": True}
        for place in endpoint["body"]:
            for number in self.numbers:
                text = json.dumps(self.document(base, place)).replace(f'"{MARK}"', number)
                yield method, path, text

    def try_body(self, method, path, text):
        status, answer = self.call(method, self.fill(path), body=text)
        if path == "/containers/create" and status == 201:
            identifier = json.loads(answer)["Id"]
            self.call("POST", f"/containers/{identifier}/start")
            self.call("GET", f"/containers/{identifier}/json", {"size": "1"})
            self.call("POST", f"/containers/{identifier}/stop")
            self.call("GET", "/containers/json", {"all": "1", "size": "1"})
            self.remove(identifier)
        elif path.endswith("/exec") and status == 201:
            self.call("POST", f"/exec/{json.loads(answer)['Id']}/start", body='{"Detach":true,"Tty":true}')

    def queries(self, endpoint):
        method, path = endpoint["method"], endpoint["path"]
        for name in endpoint["query"]:
            for text in self.texts + (SIGNALS if name == "signal" else []):
                query = dict(QUERIES.get((method, path), {}))
                query[name] = text
                yield method, path, query
                # Alone as well: beside `since` a moment before it is refused, and never computed with.
                if name == "until" and "since" in query:
                    yield method, path, {name: text}
            if name == "filters":
                for key in ("until", "since", "before", "exited", "expose", "publish", "stars", "dangling", "label"):
                    for text in self.texts:
                        yield method, path, {**QUERIES.get((method, path), {}), "filters": json.dumps({key: [text]})}

    def try_query(self, method, path, query):
        filled = self.fill(path)
        query = {name: value.replace("{id}", self.running) for name, value in query.items()}
        # An answer that waits for something is as good as one that comes at once.
        waits = any(path.endswith(end) for end in ("/wait", "/attach", "/events", "/logs", "/start"))
        self.call(method, filled, query, wait=0.05 if waits else 5)

    def ports(self):
        for text in self.texts + SIGNALS:
            for key, value in ((text, "1"), ("80/tcp", text), (text + "/udp", text), ("80/tcp", f"1-{text}"), (f"{text}-1", "")):
                host = {"PortBindings": {key: [{"HostPort": value, "HostIp": "127.0.0.1"}]}}
                yield "POST", "/containers/create", json.dumps({"Image": "busybox", "Cmd": ["true"], "HostConfig": host})
            yield "POST", "/containers/create", json.dumps({"Image": "busybox", "User": text, "Cmd": ["true"],
                                                            "StopSignal": text, "HostConfig": {"NetworkMode": "none"}})
            yield "POST", "/containers/create", json.dumps({
                "Image": "busybox", "Cmd": ["true"], "HostConfig": {
                    "NetworkMode": "none", "CpusetCpus": text, "Tmpfs": {"/t": f"size={text},mode={text}"},
                    "Sysctls": {"net.core.somaxconn": text}, "GroupAdd": [text]}})

    def headers(self):
        for text in self.texts + ["00", "0x5", "5,5", " 5", "1" * 19, "f" * 16, "7fffffffffffffff", "8000000000000000"]:
            text = text.encode("ascii", "ignore")
            yield (b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\nContent-Length: "
                   + text + b"\r\n\r\n{}")
            yield (b"POST /containers/create HTTP/1.1\r\nHost: d\r\nContent-Type: application/json\r\n"
                   b"Transfer-Encoding: chunked\r\n\r\n" + text + b"\r\n{}\r\n0\r\n\r\n")
            yield b"GET /_ping HTTP/1.1\r\nHost: d:" + text + b"\r\nRange: bytes=" + text + b"-\r\n\r\n"
            yield b"GET /v" + text.replace(b" ", b"") + b"/_ping HTTP/1.1\r\nHost: d\r\n\r\n"
            yield b"GET /v1." + text.replace(b" ", b"") + b"/_ping HTTP/1.1\r\nHost: d\r\n\r\n"

    def cases(self):
        with open(ROOT + "/Tests/IntegrationTests/Fixtures/api_numbers.json") as file:
            endpoints = json.load(file)
        for endpoint in endpoints:
            for case in self.bodies(endpoint):
                yield self.try_body, case
            for case in self.queries(endpoint):
                yield self.try_query, case
        for case in self.ports():
            yield self.try_body, case
        for data in self.headers():
            yield lambda data: self.raw(data, 0.05), (data,)

    def run(self, on_death):
        self.prepare()
        for step, case in self.cases():
            try:
                step(*case)
            except Dead:
                on_death(case, self.last)
                self.prepare()
        self.remove(self.running)
        if self.call("GET", "/_ping")[0] != 200:
            on_death(("GET", "/_ping"), b"")


def is_alive(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rsplit(")", 1)[1].split()[0] not in "ZX"
    except OSError:
        return False


def main():
    path, pid = sys.argv[1], int(sys.argv[2])

    def on_death(case, last):
        sys.exit(f"sweep: the daemon ended at {case!r}; the last request was {last[:400]!r}")

    sweep = Sweep(path, lambda: is_alive(pid), "--quick" in sys.argv)
    sweep.run(on_death)
    print(f"sweep: {sweep.count} requests, the daemon answers")


if __name__ == "__main__":
    main()
