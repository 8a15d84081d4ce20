"""Every number of a registry's documents and headers at its extremes: python3 extreme_numbers.py SOCKET.

Serves a registry in which a repository's name says which number is how large, and has the daemon behind SOCKET pull from it,
push to it, log in, search and look at manifests. Prints what went wrong, and "swept N" at the end. That something is refused is as
good as that it works: the daemon must answer, every time, and be there afterwards.
"""

import concurrent.futures
import functools
import gzip
import hashlib
import http.client
import io
import json
import os
import socket
import sys
import tarfile
import threading
import urllib.parse
from http.server import ThreadingHTTPServer

from plain_http import PlainHandler

VALUES = ["0", "-1", "1", "65536", "2147483648", "4294967296", "9223372036854775807", "9223372036854775808",
          "-9223372036854775808", "18446744073709551616", "1e308", "-1e308", "1.5", "-0.5", "99999999999999999999999999"]
YEARS = ["0000", "9999", "10000", "99999", "2147485547", "-2147483648", "9223372036854775807", "-1", "1e9"]
STATUSES = ["000", "001", "099", "100", "101", "102", "199", "204", "205", "304", "600", "999", "65536", "-1"]
FIELDS = {
    # Documents. A value stands in JSON as it is.
    "schema-version": VALUES, "configuration-size": VALUES, "layer-size": VALUES, "every-layer-size": VALUES,
    "entry-size": VALUES, "variant": VALUES, "entries": ["0", "1", "40000"], "annotation": VALUES,
    "health": VALUES, "history": ["0", "20000"], "created-year": YEARS, "history-year": YEARS,
    "created-offset": ["+00:00", "-23:59", "+99:99", "+24:00", "-00:01"],
    "expires-in": VALUES, "issued-year": YEARS, "stars": VALUES, "results": VALUES,
    # Headers.
    "manifest-length": VALUES, "layer-length": VALUES, "range-start": VALUES, "range-end": VALUES, "range-total": VALUES,
    "chunk": ["0", "-1", "7fffffffffffffff", "8000000000000000", "ffffffffffffffff", "10000000000000000", "1e308"],
    "retry-after": VALUES, "retry-year": YEARS, "retry-day": VALUES, "realm-port": VALUES, "redirect-port": VALUES,
    "link-port": VALUES, "status": STATUSES, "upload-status": STATUSES, "announcements": ["1", "20", "20000"],
    "digest": ["sha256:../../x", "sha256:", "sha512:0", "sha256:" + "0" * 63 + "/", "md5:0", "x", "sha256:" + "F" * 64],
    # Uploads.
    "upload-port": VALUES, "upload-range": VALUES, "upload-range-start": VALUES, "upload-digest": ["sha256:../../x", "x"],
}
DOCUMENT, INDEX = "application/vnd.oci.image.manifest.v1+json", "application/vnd.oci.image.index.v1+json"
counts, lock = {}, threading.Lock()


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def tar(name):
    """Of a file that does not get smaller."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        info = tarfile.TarInfo("file")
        content = b"".join(hashlib.sha256(b"%s %d" % (name.encode(), number)).digest() for number in range(150))
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@functools.cache
def layers(field, value):
    """Of each repository its own: what is here is not asked for again."""
    plain = [tar("%s %s %d" % (field, value, number)) for number in range(2)]
    return plain, [gzip.compress(data, 1, mtime=0) for data in plain]




def write(document, literals):
    """JSON with literals put in for the strings that stand for them: json has no way to write 1e308 as it is."""
    text = json.dumps(document)
    for name, value in literals.items():
        text = text.replace('"%s"' % name, value)
    return text.encode()


def image(field, value):
    """The bytes of configuration, manifest and index."""
    plain, packed = layers(field, value)
    date = "%s-01-02T03:04:05Z" % (value if field in ("created-year", "history-year") else "2020")
    offset = "2020-01-02T03:04:05" + value if field == "created-offset" else date
    history = [{"created": date if field == "history-year" else "2020-01-02T03:04:05Z", "created_by": "x",
                "empty_layer": number >= 2}
               for number in range(2 + (int(value) if field == "history" else 0))]
    health = {name: "HEALTH" for name in ("Interval", "Timeout", "StartPeriod", "StartInterval", "Retries")}
    configuration = {
        "architecture": "amd64", "os": "linux", "created": "2020-01-02T03:04:05Z" if field == "history-year" else offset,
        "config": {"Cmd": ["/file"], "Env": [field + "=" + value],
                   "Healthcheck": dict(health, Test=["CMD", "true"]) if field == "health" else None},
        "rootfs": {"type": "layers", "diff_ids": [sha(data) for data in plain]}, "history": history}
    config = write(configuration, {"HEALTH": value})
    sizes = [len(layer) for layer in packed]
    if field == "layer-size":
        sizes[1] = "SIZE"
    if field == "every-layer-size":
        sizes = ["SIZE", "SIZE"]
    manifest = write({
        "schemaVersion": "VERSION" if field == "schema-version" else 2, "mediaType": DOCUMENT,
        "config": {"mediaType": "application/vnd.oci.image.config.v1+json", "digest": sha(config),
                   "size": "SIZE" if field == "configuration-size" else len(config)},
        "layers": [{"mediaType": "application/vnd.oci.image.layer.v1.tar+gzip", "digest": sha(layer), "size": size,
                    "annotations": {"n": "NOTE" if field == "annotation" else "x"}}
                   for layer, size in zip(packed, sizes)]}, {"SIZE": value, "VERSION": value, "NOTE": value})
    platform = {"os": "linux", "architecture": "amd64"}
    entries = [{"mediaType": DOCUMENT, "digest": sha(manifest), "size": "SIZE" if field == "entry-size" else len(manifest),
                "platform": platform}]
    if field == "variant":
        # Beside one that fits, so that both are compared.
        entries += [dict(entries[0], platform=dict(platform, architecture=name, variant=letter + value))
                    for name in ("amd64", "arm64", "arm", "386") for letter in ("v", "")]
    if field == "entries":
        entries = [dict(entries[0], platform=dict(platform, variant="v%d" % number)) for number in range(int(value))]
    index = write({"schemaVersion": 2, "mediaType": INDEX, "manifests": entries}, {"SIZE": value})
    return config, manifest, index if field in ("entry-size", "variant", "entries") else None


class Handler(PlainHandler):
    def go(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path, _, query = self.path.partition("?")
        if path == "/v2/":
            return self.answer_bytes(200, b"{}")
        if path == "/v1/search":
            field, number = urllib.parse.parse_qs(query)["q"][0].rsplit("-", 1)
            value = FIELDS[field][int(number)]
            row = {"name": "x", "star_count": "STARS", "is_official": False, "is_automated": False, "description": "x"}
            body = write({"num_results": "STARS" if field == "results" else 1, "results": [row]}, {
                "STARS": value})
            return self.answer_bytes(200, body)
        if path == "/token":
            field, number = urllib.parse.parse_qs(query)["service"][0].rsplit("-", 1)
            value = FIELDS[field][int(number)]
            token = {"token": "t", "expires_in": "SECONDS" if field == "expires-in" else 60,
                     "issued_at": "%s-01-02T03:04:05Z" % (value if field == "issued-year" else "2020")}
            return self.answer_bytes(200, write(token, {"SECONDS": value}))
        name, kind, reference = path[4:].split("/", 2)
        field, number = name.rsplit("-", 1)
        self.serve(field, FIELDS[field][int(number)], name, kind, reference)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = go

    def count(self, key):
        with lock:
            counts[key] = counts.get(key, 0) + 1
            return counts[key]

    def here(self, port=None):
        return "http://127.0.0.1:%s" % (self.server.server_port if port is None else port)

    def refuse(self, status, **headers):
        self.answer_bytes(status, b'{"errors":[{"code":"X","message":"x"}]}', **headers)

    def serve(self, field, value, name, kind, reference):
        given = self.headers.get("Authorization")
        if field in ("expires-in", "issued-year", "realm-port") and not given:
            realm = self.here(value if field == "realm-port" else None) + "/token"
            return self.refuse(401, WWW_Authenticate='Bearer realm="%s",service="%s"' % (realm, name))
        if field.startswith("retry"):
            if self.count(name) > 1:
                return self.refuse(403)
            day, year = value if field == "retry-day" else "06", value if field == "retry-year" else "1994"
            date = "Sun, %s Nov %s 08:49:37 GMT" % (day, year)
            return self.refuse(429, Retry_After=value if field == "retry-after" else date)
        if kind == "tags":
            link = "<%s/v2/%s/tags/list?last=x>; rel=\"next\"" % (self.here(value), name)
            return self.answer_bytes(200, b'{"tags":["latest"]}', Link=link)
        if field.startswith("upload"):
            return self.upload(field, value, name, kind)
        config, manifest, index = image(field, value)
        if kind == "manifests":
            body = index if index and not reference.startswith("sha256:") else manifest
            headers = {"Docker_Content_Digest": value} if field == "digest" else {}
            if field == "manifest-length":
                return self.raw(value, body)
            if field == "status":
                return self.status(value)
            if field == "announcements":
                self.wfile.write(b"HTTP/1.1 102 X\r\n\r\n" * int(value))
            return self.answer_bytes(200, body, INDEX if body is index else DOCUMENT, **headers)
        if reference == sha(config):
            return self.answer_bytes(200, config)
        packed = layers(field, value)[1]
        layer = packed[0] if reference == sha(packed[0]) else packed[1]
        if field == "redirect-port":
            return self.answer_bytes(307, Location=self.here(value) + self.path)
        if field == "layer-length":
            return self.raw(value, layer)
        if field == "chunk":
            self.send_response(200)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.write(value.encode() + b"\r\n" + layer)
            self.close_connection = True
            return
        if field.startswith("range"):
            return self.part(field, value, layer)
        self.answer_bytes(200, layer)

    def status(self, value):
        self.wfile.write(b"HTTP/1.1 %s X\r\nContent-Length: 0\r\n\r\n" % value.encode())
        self.close_connection = True

    def raw(self, length, body):
        self.send_response(200)
        self.send_header("Content-Length", length)
        self.end_headers()
        self.wfile.write(body)
        self.close_connection = True

    def part(self, field, value, layer):
        """Breaks off, and goes on with a strange idea of where."""
        asked = self.headers.get("Range")
        if not asked:
            self.send_response(200)
            self.send_header("Content-Length", str(len(layer)))
            self.end_headers()
            self.wfile.write(layer[:2000])
            self.close_connection = True
            return
        start = int(asked[6:].split("-")[0])
        numbers = {"range-start": start, "range-end": len(layer) - 1, "range-total": len(layer)}
        numbers[field] = value
        rest = layer[start:]
        self.send_response(206)
        self.send_header("Content-Range", "bytes %s-%s/%s" % (
            numbers["range-start"], numbers["range-end"], numbers["range-total"]))
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest)

    def upload(self, field, value, name, kind):
        place = "/v2/%s/blobs/uploads/1" % name
        if kind == "manifests":
            return self.answer_bytes(201, **({"Docker_Content_Digest": value} if field == "upload-digest" else {}))
        if self.command == "HEAD":
            return self.refuse(404)
        if self.command == "POST":
            return self.answer_bytes(202, Location=self.here(value if field == "upload-port" else None) + place)
        if self.command == "GET":
            start = value if field == "upload-range-start" else "0"
            return self.answer_bytes(204, Location=place, Range="%s-%s" % (start, value if field == "upload-range" else "99"))
        if field == "upload-status":
            return self.status(value)
        if field.startswith("upload-range") and self.count(name) == 1:
            self.connection.shutdown(socket.SHUT_RDWR)
            self.close_connection = True
            return
        self.answer_bytes(201)


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
registry = "127.0.0.1:%d" % server.server_port


class Daemon(http.client.HTTPConnection):
    def __init__(self):
        super().__init__("localhost", timeout=120)

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(120)
        self.sock.connect(sys.argv[1])


def ask(method, path, body=None):
    daemon = Daemon()
    try:
        headers = {"X-Registry-Auth": "eyJ1c2VybmFtZSI6ImEiLCJwYXNzd29yZCI6ImIifQ==", "Content-Type": "application/json"}
        daemon.request(method, "/v1.41" + path, json.dumps(body) if body else None, headers)
        answer = daemon.getresponse()
        return answer.status, answer.read().decode("utf-8", "replace")
    finally:
        daemon.close()


def sweep(field, number):
    name, problems = "%s-%d" % (field, number), []

    def must_answer(method, path, body=None, accepted=range(200, 600)):
        try:
            status, text = ask(method, path, body)
            if status not in accepted:
                problems.append("%s %s: %d %s" % (method, path, status, text[:200]))
            return status, text
        except (OSError, http.client.HTTPException) as error:
            problems.append("%s %s = %s: %r" % (method, path, FIELDS[field][number], error))
            return 0, ""

    full = registry + "/" + name
    if field in ("stars", "results"):
        must_answer("GET", "/images/search?term=" + full)
    elif field.startswith("upload"):
        must_answer("POST", "/images/busybox/tag?repo=%s&tag=v" % full, accepted=[201])
        must_answer("POST", "/images/%s/push?tag=v" % full)
        must_answer("DELETE", "/images/%s:v" % full)
    elif field == "link-port":
        must_answer("POST", "/images/create?fromImage=" + full)
    else:
        # One request that reads the manifest alone, but for what answers only once.
        if not field.startswith("retry"):
            must_answer("GET", "/distribution/%s/json" % full)
        _, text = must_answer("POST", "/images/create?fromImage=%s&tag=latest" % full)
        if field == "digest" and "invalid digest" not in text:
            problems.append("%s: %s" % (name, text[-200:]))
        for path in ("/images/%s/json", "/images/%s/history"):
            must_answer("GET", path % full)
    # What is there must be listed, too.
    must_answer("GET", "/images/json", accepted=[200])
    must_answer("GET", "/system/df", accepted=[200])
    must_answer("GET", "/_ping", accepted=[200])
    return problems


# Addresses that are typed rather than sent.
def sweep_reference(value):
    problems = []
    for method, path in [("POST", "/images/create?fromImage=127.0.0.1:%s/x&tag=v"), ("POST", "/images/127.0.0.1:%s/x/push?tag=v"),
                         ("GET", "/distribution/127.0.0.1:%s/x/json"), ("GET", "/images/search?term=127.0.0.1:%s/x")]:
        try:
            ask(method, path % urllib.parse.quote(value))
        except (OSError, http.client.HTTPException) as error:
            problems.append("%s %s: %r" % (method, path % value, error))
    try:
        ask("POST", "/auth", {"username": "a", "password": "b", "serveraddress": "127.0.0.1:" + value})
    except (OSError, http.client.HTTPException) as error:
        problems.append("login %s: %r" % (value, error))
    return problems


done = 0
with concurrent.futures.ThreadPoolExecutor(16) as pool:
    tasks = [pool.submit(sweep, field, number) for field in FIELDS for number in range(len(FIELDS[field]))]
    tasks += [pool.submit(sweep_reference, value) for value in VALUES]
    for task in tasks:
        for problem in task.result():
            print(problem, flush=True)
        done += 1
print("swept %d" % done, flush=True)
os._exit(0)
