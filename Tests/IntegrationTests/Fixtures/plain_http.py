"""What the HTTP servers of the tests have in common."""

import socket
from http.server import BaseHTTPRequestHandler


class PlainHandler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *arguments):
        pass

    def handle(self):
        # The first byte of a TLS hello: who speaks only HTTP has nothing to say to it.
        if self.request.recv(1, socket.MSG_PEEK) != b"\x16":
            super().handle()

    def answer_bytes(self, status, body=b"", kind="application/json", **headers):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)
