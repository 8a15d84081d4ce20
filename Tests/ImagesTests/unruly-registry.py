"""A registry that misbehaves on request. Prints its port; keeps a log of requests that GET /log returns.

Repositories by name: good, break (transfer breaks twice), noranges (breaks, ignores Range), redirect (blobs at another
origin), token (bearer), basic (user:secret), busy (429), wrong (bytes do not match), long (more bytes than said),
short, both (manifest and index in one), schema1, huge (endless manifest), index, deadindex, moving (503 twice), nested
(an index in an index), deep (ten of them), sized (an index with a wrong size), artifact (no image at all), odd (a layer
of another kind), many (600 layers), crowd (100,000 layers), loop (redirects in a circle), stall (silent in the middle, twice), garbage (no HTTP),
patient (429 once), changing (another digest each time), path (a digest that is a path), sizeN (a layer as large as N
says), half (silent after
half of a blob until /go is asked), cut, noise, zstdnoise, empty (layers that do not unpack, by right digests), forge, forgebusy (errors of several lines), crewN (six layers, of which each comes when N were asked for; /peak says how many were
at once), docker (the image of good by Docker's media types), unpacked (the same with a plain
layer).
"""

import gzip, hashlib, io, json, os, sys, tarfile, threading, time
from http.server import ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../IntegrationTests/Fixtures"))
from plain_http import PlainHandler  # noqa: E402

log, failures = [], {}


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as archive:
    for number in range(40):
        info = tarfile.TarInfo("file%d" % number)
        info.size = 50000
        archive.addfile(info, io.BytesIO(bytes((number * 31 + i * i) % 251 for i in range(50000))))
plain = buffer.getvalue()
layer = gzip.compress(plain, 1, mtime=0)
if len(layer) < 200000:
    layer = gzip.compress(plain, 0, mtime=0)
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/file0"]},
                     "rootfs": {"type": "layers", "diff_ids": [sha(plain)]}}).encode()
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
INDEX = "application/vnd.oci.image.index.v1+json"


def describe(data, kind):
    return {"mediaType": kind, "digest": sha(data), "size": len(data)}


def manifest():
    return {"schemaVersion": 2, "mediaType": MANIFEST,
            "config": describe(config, "application/vnd.oci.image.config.v1+json"),
            "layers": [describe(layer, "application/vnd.oci.image.layer.v1.tar+gzip")]}


plain_manifest = json.dumps(manifest()).encode()


def index(architecture):
    entry = describe(plain_manifest, MANIFEST)
    entry["platform"] = {"os": "linux", "architecture": architecture}
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode()


class Handler(PlainHandler):
    def refuse(self, status, code, message, **headers):
        self.answer_bytes(status, json.dumps({"errors": [{"code": code, "message": message}]}).encode(), **headers)

    def do_GET(self):
        authorization = self.headers.get("Authorization") or ""
        log.append([self.server.server_port, self.path, authorization, self.headers.get("Range") or ""])
        if self.path == "/log":
            return self.answer_bytes(200, json.dumps(log).encode())
        if self.path == "/peak":
            return self.answer_bytes(200, str(crew_peak).encode())
        if self.path == "/go":
            released.set()
            return self.answer_bytes(200, b"{}")
        if self.path == "/v2/":
            return self.answer_bytes(200, b"{}")
        if self.path.startswith("/token?"):
            return self.answer_bytes(200, b'{"token":"sesame"}')
        if self.path.startswith("/storage/"):
            return self.answer_bytes(200, layer if sha(layer) in self.path else config)
        name, kind, reference = self.path[4:].split("/", 2)
        origin = "http://%s:%d" % (self.server.server_address[0], self.server.server_port)
        if name in ("token", "redirect") and authorization != "Bearer sesame":
            challenge = 'Bearer realm="%s/token",service="here",scope="repository:%s:pull"' % (origin, name)
            return self.refuse(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate=challenge)
        if name == "basic" and authorization != "Basic dXNlcjpzZWNyZXQ=":
            return self.refuse(401, "UNAUTHORIZED", "authentication required", WWW_Authenticate='Basic realm="r"')
        if name == "denied":
            return self.refuse(403, "DENIED", "requested access to the resource is denied")
        if name in ("forge", "forgebusy"):
            words = "no\r\n\x1b[2Jlevel=info msg=forged"
            if name == "forge":
                return self.refuse(403, "DENIED\nlevel=info", words)
            return self.refuse(429, "TOOMANYREQUESTS", words, Retry_After="20000")
        if name == "unknown":
            return self.refuse(404, "NAME_UNKNOWN", "repository name not known to registry")
        if name == "busy":
            return self.refuse(429, "TOOMANYREQUESTS", "You have reached your pull rate limit", Retry_After="20000")
        if name == "patient" and failures.setdefault(name, 0) < 1:
            failures[name] += 1
            return self.refuse(429, "TOOMANYREQUESTS", "slow down", Retry_After="1")
        if name == "moving" and failures.setdefault(self.path, 0) < 2:
            failures[self.path] += 1
            return self.refuse(503, "UNAVAILABLE", "not now")
        (self.manifest if kind == "manifests" else self.blob)(name, reference)

    def manifest(self, name, reference):
        for document in nest:
            if reference == sha(document):
                return self.answer_bytes(200, document, INDEX)
        if name in ("nested", "deep") and not reference.startswith("sha256:"):
            return self.answer_bytes(200, nest[2 if name == "nested" else 9], INDEX)
        if name == "sized" and not reference.startswith("sha256:"):
            document = json.loads(index("amd64"))
            document["manifests"][0]["size"] += 1
            return self.answer_bytes(200, json.dumps(document).encode(), INDEX)
        if name == "garbage":
            return self.wfile.write(b"220 this is no HTTP at all\r\n" * 20)
        if name == "changing":
            failures[name] = failures.get(name, 0) + 1
            body = json.dumps(dict(manifest(), annotations={"n": str(failures[name])})).encode()
            return self.answer_bytes(200, body, MANIFEST, Docker_Content_Digest=sha(plain_manifest))
        if reference.startswith("sha256:"):
            return self.answer_bytes(200, plain_manifest, MANIFEST)
        if name == "index":
            return self.answer_bytes(200, index("amd64"), INDEX)
        if name == "deadindex":
            return self.answer_bytes(200, index("s390x"), INDEX)
        if name == "huge":
            self.send_response(200)
            self.send_header("Content-Type", MANIFEST)
            self.end_headers()
            self.close_connection = True
            try:
                for _ in range(2000):
                    self.wfile.write(b" " * 65536)
            except OSError:
                pass
            return
        document = manifest()
        if name.startswith("crew"):
            document["config"] = describe(crew_config, "application/vnd.oci.image.config.v1+json")
            document["layers"] = [describe(data, "application/vnd.oci.image.layer.v1.tar") for data in crew]
        if name == "docker":
            document["mediaType"] = "application/vnd.docker.distribution.manifest.v2+json"
            document["config"]["mediaType"] = "application/vnd.docker.container.image.v1+json"
            document["layers"][0]["mediaType"] = "application/vnd.docker.image.rootfs.diff.tar.gzip"
            return self.answer_bytes(200, json.dumps(document).encode(), document["mediaType"])
        if name == "unpacked":
            document["layers"] = [describe(plain, "application/vnd.oci.image.layer.v1.tar")]
        if name == "both":
            document["manifests"] = []
        if name == "schema1":
            document = {"schemaVersion": 1, "name": "x", "fsLayers": []}
        if name == "artifact":
            document["config"]["mediaType"] = "application/vnd.cncf.helm.config.v1+json"
        if name == "odd":
            document["layers"][0]["mediaType"] = "application/vnd.in-toto+json"
        if name == "many":
            document["layers"] *= 600
        if name == "crowd":
            document["layers"] *= 100000
        if name in damaged:
            document["layers"] = [describe(damaged[name], "application/vnd.oci.image.layer.v1.tar+gzip")]
        if name == "path":
            document["layers"][0]["digest"] = "sha256:../../../../x"
        if name.startswith("size"):
            # JSON has no way to write 1e308 as it is.
            text = json.dumps(document).replace('"size": %d}]' % len(layer), '"size": %s}]' % sizes[int(name[4:])])
            return self.answer_bytes(200, text.encode(), MANIFEST)
        if name in ("digestpath", "digestkind"):
            claim = "sha256:../../../../x" if name == "digestpath" else "md5:" + "0" * 32
            return self.answer_bytes(200, plain_manifest, MANIFEST, Docker_Content_Digest=claim)
        if name == "short":
            document["layers"][0]["size"] += 10
        if name == "liar":
            return self.answer_bytes(200, plain_manifest, MANIFEST, Docker_Content_Digest="sha256:" + "0" * 64)
        self.answer_bytes(200, json.dumps(document).encode(), MANIFEST)

    def crew_blob(self, digest, wanted):
        global crew_now, crew_peak
        data = {sha(data): data for data in crew}.get(digest, crew_config)
        if data is not crew_config:
            with crew_change:
                crew_now += 1
                crew_peak = max(crew_peak, crew_now)
                crew_change.notify_all()
                crew_change.wait_for(lambda: crew_peak >= wanted, 20)
            # Time for one too many.
            time.sleep(0.05)
            with crew_change:
                crew_now -= 1
        self.answer_bytes(200, data)

    def blob(self, name, digest):
        if name.startswith("crew"):
            return self.crew_blob(digest, int(name[4:]))
        data = {sha(data): data for data in [layer, plain, *damaged.values()]}.get(digest, config)
        if data is config:
            return self.answer_bytes(200, data)
        if name == "redirect":
            return self.answer_bytes(307, Location="http://127.0.0.1:%d/storage/%s" % (other.server_port, digest))
        if name == "loop":
            return self.answer_bytes(307, Location=self.path)
        if name == "wrong":
            data = data[:1000] + bytes([data[1000] ^ 1]) + data[1001:]
        if name == "long":
            data += b"more"
        if name == "slow":
            self.send_response(200)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            try:
                for start in range(0, len(data), 20000):
                    self.wfile.write(data[start:start + 20000])
                    time.sleep(0.1)
            except OSError:
                pass
            return
        start = 0
        asked = self.headers.get("Range")
        if asked and name != "noranges":
            start = int(asked[len("bytes="):].split("-")[0])
        end = len(data)
        if name == "stall" and failures.setdefault(name, 0) < 2 or name == "half" and not released.is_set():
            failures[name] = failures.get(name, 0) + 1
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
            self.send_header("Content-Length", str(len(data) - start))
            self.end_headers()
            self.wfile.write(data[start:start + len(data) // 3])
            self.wfile.flush()
            released.wait(20 if name == "half" else 5)
            self.close_connection = True
            return
        if name in ("break", "noranges"):
            failures[name] = failures.get(name, 0) + 1
            if failures[name] <= 2:
                end = min(end, start + 90000 * failures[name])
        if name == "broken":
            end = start
        self.send_response(206 if start else 200)
        if start:
            self.send_header("Content-Range", "bytes %d-%d/%d" % (start, len(data) - 1, len(data)))
        self.send_header("Content-Length", str(len(data) - start))
        self.end_headers()
        self.wfile.write(data[start:end])
        if end < len(data):
            self.close_connection = True


# Large enough to fill every buffer on the way. They hide nothing: digests and sizes are right.
noise = bytes((number * number // 7 + number) % 256 for number in range(1 << 16)) * 128
damaged = {"cut": gzip.compress(plain * 8, 0, mtime=0)[:-100000], "noise": b"\x1f\x8b\x08\x00" + noise,
           "zstdnoise": b"\x28\xb5\x2f\xfd" + noise, "empty": b""}
sizes = ["-1", "-9223372036854775808", "9223372036854775808", "18446744073709551616", "1e308", "0.5", "null",
         "9223372036854775807"]
nest, released = [index("amd64")], threading.Event()
for _ in range(9):
    entry = describe(nest[-1], INDEX)
    entry["platform"] = {"os": "linux", "architecture": "amd64"}
    nest.append(json.dumps({"schemaVersion": 2, "mediaType": INDEX, "manifests": [entry]}).encode())


def small_layer(number):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("crew%d" % number))
    return buffer.getvalue()


crew, crew_now, crew_peak, crew_change = [small_layer(number) for number in range(6)], 0, 0, threading.Condition()
crew_config = json.dumps({"architecture": "amd64", "os": "linux", "config": {"Cmd": ["/crew0"]},
                          "rootfs": {"type": "layers", "diff_ids": [sha(data) for data in crew]}}).encode()


class Server(ThreadingHTTPServer):
    daemon_threads = True


main, other = Server(("127.0.0.1", 0), Handler), Server(("127.0.0.1", 0), Handler)
threading.Thread(target=other.serve_forever, daemon=True).start()
threading.Thread(target=main.serve_forever, daemon=True).start()
print(main.server_port, flush=True)
threading.Event().wait(600)
