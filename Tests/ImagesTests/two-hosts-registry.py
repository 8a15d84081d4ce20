"""A registry and a host that wants the credentials of its clients: python3 two-hosts-registry.py MODE [--tls] [--realm URL].

Prints the registry's port. `main` (127.0.0.1) is the registry, `other` (127.0.0.2) and `sibling` (127.0.0.1, another port)
are where it sends people; `secure` is `other` with TLS that nobody vouches for. GET /log on main: ports, and every request
that anybody saw: host, line, headers, body. In addresses on the command line MAIN, OTHER, SIBLING and SECURE stand for ports.

Modes: plain; blob-HOST, manifest-HOST (redirect there, HOST wants credentials by a bearer challenge of its own),
basic-HOST (both by basic challenges), later-HOST (only after it has sent half of the blob), back-HOST (it redirects back to the
registry), urls (the layer's addresses are there), upload-HOST (uploads go there, which wants credentials once), token-HOST
(the token service redirects there), mirror-HOST (HOST is a registry itself and wants credentials).
"""

import base64
import gzip
import hashlib
import io
import json
import os
import ssl
import subprocess
import sys
import tarfile
import tempfile
import threading
import urllib.parse
from http.server import ThreadingHTTPServer

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "../IntegrationTests/Fixtures"))
from plain_http import PlainHandler  # noqa: E402

mode, _, target = sys.argv[1].partition("-")
options = dict(zip(sys.argv[2::2], sys.argv[3::2]))
PASSWORD, REFRESH, TOKEN = "canary-password-4711", "canary-refresh-4711", "canary-token-4711"
BASIC = "Basic " + base64.b64encode(("alice:" + PASSWORD).encode()).decode()
log, counts, lock = [], {}, threading.Lock()


def sha(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


buffer = io.BytesIO()
with tarfile.open(fileobj=buffer, mode="w") as archive:
    info = tarfile.TarInfo("file")
    info.size = 300000
    archive.addfile(info, io.BytesIO(os.urandom(info.size)))
plain = buffer.getvalue()
layer = gzip.compress(plain, 1, mtime=0)
config = json.dumps({"architecture": "amd64", "os": "linux", "config": {},
                     "rootfs": {"type": "layers", "diff_ids": [sha(plain)]}}).encode()


def describe(data, kind, **more):
    return dict({"mediaType": kind, "digest": sha(data), "size": len(data)}, **more)


def manifest():
    kind = "application/vnd.oci.image.layer.v1.tar+gzip"
    urls = {"urls": [address("other") + "/foreign/" + sha(layer)]} if mode == "urls" else {}
    return json.dumps({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
                       "config": describe(config, "application/vnd.oci.image.config.v1+json"),
                       "layers": [describe(layer, kind, **urls)]}).encode()


def address(name):
    host, port = servers[name].server_address[:2]
    if name == "secure":
        # A name of 127.0.0.2 that nobody takes for an address.
        return "https://127.2:%d" % port
    return "http%s://%s:%d" % ("s" if name == "main" and "--tls" in options else "", host, port)


def count(key):
    with lock:
        counts[key] = counts.get(key, 0) + 1
        return counts[key]


class Handler(PlainHandler):
    def go(self):
        length = int(self.headers.get("Content-Length") or 0)
        body = self.rfile.read(length)
        if self.headers.get("Transfer-Encoding"):
            self.close_connection = True
        name = next(name for name, server in servers.items() if server is self.server)
        # A proxy is sent whole addresses.
        path = "/" + self.path.split("/", 3)[3] if self.path.startswith("http://") else self.path
        if path == "/log":
            ports = {name: server.server_port for name, server in servers.items()}
            return self.answer_bytes(200, json.dumps({"ports": ports, "requests": log}).encode())
        log.append({"host": name, "line": self.requestline, "headers": [list(pair) for pair in self.headers.items()],
                    "body": body.decode("latin-1")})
        self.path = path
        if name == "main":
            self.registry(body)
        else:
            self.elsewhere(name)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = go

    def refuse(self, status, code, **headers):
        self.answer_bytes(status, json.dumps({"errors": [{"code": code, "message": code.lower()}]}).encode(), **headers)

    # The registry

    def registry(self, body):
        path = urllib.parse.urlsplit(self.path).path
        given = self.headers.get("Authorization") or ""
        if path == "/token":
            if mode == "token":
                return self.answer_bytes(307, Location=address(target) + "/token?x")
            if given != BASIC and REFRESH not in body.decode("latin-1"):
                return self.refuse(401, "UNAUTHORIZED")
            return self.answer_bytes(200, json.dumps({"token": TOKEN, "expires_in": 300}).encode())
        if path.startswith("/again/"):
            return self.answer_bytes(200, layer)
        if mode == "basic":
            if given != BASIC:
                return self.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="main"')
        elif given != "Bearer " + TOKEN:
            realm = options.get("--realm", address("main") + "/token")
            for name, server in servers.items():
                realm = realm.replace(name.upper(), str(server.server_port))
            challenge = 'Bearer realm="%s",service="main",scope="repository:x:pull,push"' % realm
            return self.refuse(401, "UNAUTHORIZED", WWW_Authenticate=challenge)
        if path == "/v2/":
            return self.answer_bytes(200, b"{}")
        if self.command == "POST":
            place = address(target) if mode == "upload" else ""
            return self.answer_bytes(202, Location=place + "/v2/x/blobs/uploads/1?state=2")
        if self.command in ("PUT", "PATCH"):
            return self.answer_bytes(201)
        if self.command == "HEAD":
            return self.refuse(404, "BLOB_UNKNOWN")
        if "/manifests/" in path:
            if mode == "manifest":
                return self.answer_bytes(307, Location=address(target) + "/storage/manifest")
            return self.answer_bytes(200, manifest(), "application/vnd.oci.image.manifest.v1+json")
        if sha(config) in path:
            return self.answer_bytes(200, config)
        if mode == "urls":
            return self.refuse(404, "BLOB_UNKNOWN")
        if target and mode != "mirror":
            return self.answer_bytes(307, Location=address(target) + "/storage/" + sha(layer))
        self.answer_bytes(200, layer)

    # Everybody else wants to be told secrets.

    def elsewhere(self, name):
        path = urllib.parse.urlsplit(self.path).path
        bearer = 'Bearer realm="%s/token",service="%s",scope="repository:x:pull,push"' % (address(name), name)
        if path == "/token":
            return self.answer_bytes(200, b'{"token":"stolen"}')
        if mode == "back":
            return self.answer_bytes(307, Location=address("main") + "/again/" + sha(layer))
        if mode == "later" and count("later") == 1:
            self.send_response(200)
            self.send_header("Content-Length", str(len(layer)))
            self.end_headers()
            self.wfile.write(layer[:len(layer) // 2])
            self.close_connection = True
            return
        if mode == "upload" and count("upload") > 1:
            return self.answer_bytes(201)
        self.refuse(401, "UNAUTHORIZED", WWW_Authenticate='Basic realm="x"' if mode == "basic" else bearer)


class Server(ThreadingHTTPServer):
    daemon_threads = True


def certified(server):
    with tempfile.TemporaryDirectory() as folder:
        subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                        "-keyout", folder + "/key", "-out", folder + "/cert", "-days", "2", "-subj", "/CN=nobody"],
                       check=True, stderr=subprocess.DEVNULL)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder + "/cert", folder + "/key")
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)


class SecureHandler(Handler):
    def handle(self):
        # What PlainHandler looks for first is TLS.
        super(PlainHandler, self).handle()


servers = {"main": Server(("127.0.0.1", 0), SecureHandler if "--tls" in options else Handler),
           "other": Server(("127.0.0.2", 0), Handler), "sibling": Server(("127.0.0.1", 0), Handler),
           "secure": Server(("127.0.0.2", 0), SecureHandler)}
certified(servers["secure"])
if "--tls" in options:
    certified(servers["main"])
control = Server(("127.0.0.1", 0), Handler)
servers["control"] = control
for server in servers.values():
    threading.Thread(target=server.serve_forever, daemon=True).start()
print(control.server_port, flush=True)
threading.Event().wait(600)
