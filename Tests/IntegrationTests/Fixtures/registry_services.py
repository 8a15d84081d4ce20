"""What stands around registries: python3 registry_services.py KIND [UPSTREAM-PORT [UPSTREAM-HOST]]. Prints its port.

token: a registry (in front of UPSTREAM) that wants bearer tokens, with the service that gives them: user alice, password
secret, refresh token `again`; tokens are good for the scopes they were asked for. flaky: cuts the first two uploads off in
the middle. small: takes no body larger than 6 MB (413). connect: an HTTP proxy (CONNECT, and whole addresses) that wants bob:word. socks: a SOCKS5
proxy. hub: the v1 search API. GET /log: what was asked, as a JSON list.
"""

import base64
import http.client
import json
import secrets
import select
import socket
import sys
import threading
import urllib.parse
from http.server import ThreadingHTTPServer

from plain_http import PlainHandler

kind = sys.argv[1]
upstream = int(sys.argv[2]) if len(sys.argv) > 2 else 0
upstream_host = sys.argv[3] if len(sys.argv) > 3 else "127.0.0.1"
log, tokens, cuts = [], {}, [0]
ROWS = [
    {"name": "library/tool", "description": "The tool.\nWith a second line that is quite long, longer than a table takes",
     "star_count": 70, "is_official": True, "is_automated": False},
    {"name": "someone/tool", "description": "Another", "star_count": 3, "is_official": False, "is_automated": True},
    {"name": "some/toolbox", "description": "", "star_count": 900, "is_official": False, "is_automated": False},
]


class Handler(PlainHandler):
    def answer(self, status, document, **headers):
        self.answer_bytes(status, json.dumps(document).encode(), **headers)

    def go(self):
        path, _, query = self.path.partition("?")
        log.append([self.command, self.path, self.headers.get("Authorization") or ""])
        if path == "/log":
            return self.answer(200, log)
        if kind == "connect" and not path.startswith("http://"):
            return self.answer(400, {})
        if kind == "connect":
            return self.forward() if self.is_bob() else None
        if kind == "hub":
            return self.search(path, urllib.parse.parse_qs(query))
        if path == "/token":
            return self.token(query)
        if kind == "token" and not self.is_allowed(path, query):
            return
        self.forward()

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = go

    def search(self, path, query):
        if path == "/v2/":
            return self.answer(200, {})
        if path != "/v1/search":
            return self.answer(404, {})
        found = [row for row in ROWS if query["q"][0] in row["name"]][:int(query["n"][0])]
        self.answer(200, {"num_results": len(found), "query": query["q"][0], "results": found})

    # Tokens

    def token(self, query):
        if self.command == "POST":
            query = self.rfile.read(int(self.headers["Content-Length"])).decode()
            log[-1].append(query)
        fields = urllib.parse.parse_qs(query)
        scopes = [scope for value in fields.get("scope", []) for scope in value.split()]
        basic = "Basic " + base64.b64encode(b"alice:secret").decode()
        given = self.headers.get("Authorization")
        known = given == basic or fields.get("refresh_token") == ["again"]
        if given and not known or fields.get("refresh_token", ["again"]) != ["again"]:
            return self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "incorrect username or password"}]})
        granted = [scope for scope in scopes if known or scope.startswith("repository:public/") and scope.endswith(":pull")]
        token = secrets.token_hex(16)
        tokens[token] = granted
        document = {"token": token, "expires_in": 300}
        if fields.get("offline_token"):
            document["refresh_token"] = "again"
        self.answer(200, document)

    def is_allowed(self, path, query):
        given = (self.headers.get("Authorization") or "").removeprefix("Bearer ")
        wanted = []
        if path != "/v2/":
            name = path.split("/blobs/")[0].split("/manifests/")[0].split("/tags/")[0].removeprefix("/v2/")
            wanted = ["repository:%s:%s" % (name, "pull" if self.command in ("GET", "HEAD") else "pull,push")]
            origin = urllib.parse.parse_qs(query).get("from")
            if origin:
                wanted.append("repository:%s:pull" % origin[0])
        granted = " ".join(tokens.get(given, []))
        if given in tokens and all(scope.removesuffix(":pull") in granted for scope in wanted):
            return True
        challenge = 'Bearer realm="http://127.0.0.1:%d/token",service="here"' % self.server.server_port
        if wanted:
            challenge += ',scope="%s"' % " ".join(wanted)
        length = int(self.headers.get("Content-Length") or 0)
        self.rfile.read(length)
        self.answer(401, {"errors": [{"code": "UNAUTHORIZED", "message": "authentication required"}]},
                    WWW_Authenticate=challenge)
        return False

    # Passing on

    def forward(self):
        length = int(self.headers.get("Content-Length") or 0)
        if kind == "small" and self.command in ("PUT", "PATCH") and length > 6 << 20:
            self.close_connection = True
            return self.answer(413, {})
        other = http.client.HTTPConnection(upstream_host, upstream)
        path = "/" + self.path.split("/", 3)[3] if self.path.startswith("http://") else self.path
        other.putrequest(self.command, path, skip_host=True, skip_accept_encoding=True)
        for name, value in self.headers.items():
            if name.lower() not in (["connection", "proxy-authorization"] + ["authorization"] * (kind == "token")):
                other.putheader(name, value)
        other.endheaders()
        cut = kind == "flaky" and length > 200000 and cuts[0] < 2
        cuts[0] += cut
        left = length // 2 if cut else length
        while left > 0:
            piece = self.rfile.read(min(left, 1 << 16))
            other.send(piece)
            left -= len(piece)
        if cut:
            other.close()
            self.close_connection = True
            self.connection.shutdown(socket.SHUT_RDWR)
            return
        answer = other.getresponse()
        body = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name.lower() not in ("transfer-encoding", "connection", "date", "content-length"):
                self.send_header(name, value)
        self.send_header("Content-Length", answer.getheader("Content-Length", str(len(body)))
                         if self.command == "HEAD" else str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def is_bob(self):
        if self.headers.get("Proxy-Authorization") == "Basic " + base64.b64encode(b"bob:word").decode():
            return True
        self.answer(407, {}, Proxy_Authenticate='Basic realm="proxy"')
        return False

    def do_CONNECT(self):
        log.append(["CONNECT", self.path, self.headers.get("Proxy-Authorization") or ""])
        if not self.is_bob():
            return
        # Every name leads to the upstream: names need not exist.
        other = socket.create_connection((upstream_host, upstream))
        self.send_response(200, "Connection established")
        self.end_headers()
        self.carry(other)

    def handle(self):
        if self.connection.recv(1, socket.MSG_PEEK) != b"\x05":
            return super().handle()
        # RFC 1928: no authentication, a connection to a name.
        _, count = self.rfile.read(2)
        self.rfile.read(count)
        self.wfile.write(b"\x05\x00")
        kind, length = self.rfile.read(5)[3:]
        name = self.rfile.read(length).decode() if kind == 3 else None
        log.append(["SOCKS", f"{name}:{int.from_bytes(self.rfile.read(2), 'big')}", ""])
        other = socket.create_connection((upstream_host, upstream))
        self.wfile.write(b"\x05\x00\x00\x01" + bytes(6))
        self.carry(other)

    def carry(self, other):
        pair = [self.connection, other]
        while True:
            for ready in select.select(pair, [], [])[0]:
                data = ready.recv(1 << 16)
                if not data:
                    self.close_connection = True
                    return
                pair[1 - pair.index(ready)].sendall(data)


class Server(ThreadingHTTPServer):
    daemon_threads = True


server = Server(("127.0.0.1", 0), Handler)
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
threading.Event().wait(900)
