"""A daemon that answers on the unix socket SOCKET with numbers at their extremes and texts that a terminal would obey."""

import itertools
import json
import os
import socketserver
import sys
from http.server import BaseHTTPRequestHandler

EVIL = "\x1b]0;pwned\x07\x9b31m\u202e\x7f"
EXTREMES = [2**63 - 1, -2**63, 2**62, -1, 0, 2**64, 1.5, 1e308]


def rows(row):
    """One row for each extreme number in the place of every number in `row`."""
    def put(value, number):
        if isinstance(value, dict):
            return {name: put(member, number) for name, member in value.items()}
        if isinstance(value, list):
            return [put(element, number) for element in value]
        return number if value is int else value
    return [put(row, number) for number in EXTREMES]


CONTAINER = {
    "Id": EVIL * 3, "Names": ["/" + EVIL], "Image": EVIL, "ImageID": EVIL, "Command": EVIL, "Created": int, "State": EVIL,
    "Status": EVIL, "SizeRw": int, "SizeRootFs": int, "Labels": {EVIL: EVIL}, "Mounts": [{"Type": "bind", "Source": EVIL}],
    "Ports": [{"IP": EVIL, "PrivatePort": int, "PublicPort": int, "Type": EVIL}, {"PrivatePort": int, "Type": "tcp"}],
    "NetworkSettings": {"Networks": {EVIL: {}}},
}
IMAGE = {"Id": EVIL, "RepoTags": [EVIL + ":" + EVIL], "RepoDigests": [EVIL], "Created": int, "Size": int, "SharedSize": int,
         "Containers": int, "Labels": {EVIL: EVIL}}
EVENT = {"Type": EVIL, "Action": EVIL, "Actor": {"ID": EVIL, "Attributes": {EVIL: EVIL}}, "time": int, "timeNano": int}
PROGRESS = {"status": EVIL, "id": EVIL, "progressDetail": {"current": int, "total": int}}
ANSWERS = {
    "/containers/json": rows(CONTAINER), "/images/json": rows(IMAGE),
    "/images/x/history": rows({"Id": EVIL, "Created": int, "CreatedBy": EVIL, "Size": int, "Comment": EVIL, "Tags": [EVIL]}),
    "/images/search": rows({"name": EVIL, "description": EVIL, "star_count": int, "is_official": True}),
    "/containers/x/top": {"Titles": [EVIL, "B"], "Processes": [[EVIL, EVIL]]},
    "/containers/x/changes": rows({"Path": EVIL, "Kind": int}),
    "/containers/x/json": {"Id": EVIL, "Name": EVIL, "State": {"ExitCode": 2**63 - 1, "Running": True}, "Config": {"Tty": False},
                           "NetworkSettings": {"Ports": {EVIL: [{"HostIp": EVIL, "HostPort": EVIL}], "99999999999999999999/tcp": []}}},
    "/networks": rows({"Id": EVIL, "Name": EVIL, "Driver": EVIL, "Scope": EVIL, "Created": EVIL}),
    "/system/df": {"LayersSize": 2**63 - 1, "Images": rows(IMAGE), "Containers": rows(CONTAINER), "Volumes": [], "BuildCache": []},
    "/info": {"ID": EVIL, "Containers": 2**63 - 1, "MemTotal": 2**63 - 1, "NCPU": -2**63, "Name": EVIL, "OperatingSystem": EVIL,
              "Warnings": [EVIL], "Labels": [EVIL], "DriverStatus": [[EVIL, EVIL]]},
    "/version": {"Version": EVIL, "ApiVersion": EVIL, "Components": [{"Name": EVIL, "Version": EVIL, "Details": {EVIL: EVIL}}]},
    "/auth": {"Status": EVIL, "IdentityToken": ""}, "/containers/prune": {"ContainersDeleted": [EVIL], "SpaceReclaimed": 2**63 - 1},
    "/containers/x/wait": {"StatusCode": 2**63 - 1},
    "/events": rows(EVENT), "/images/create": rows(PROGRESS) * 2 + [{"stream": EVIL}],
}
STREAMS = ("/events", "/images/create")


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def address_string(self):
        return "unix"

    def log_message(self, *words):
        pass

    def answer(self):
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        path = self.path.split("?")[0]
        known = ANSWERS.get(path)
        body = json.dumps(known if known is not None else {"message": EVIL}).encode()
        if path in STREAMS:
            body = b"\r\n".join(json.dumps(row).encode() for row in known) + b"\r\n"
        self.send_response(200 if known is not None else 500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_DELETE = do_HEAD = do_PUT = answer


class Server(socketserver.ThreadingMixIn, socketserver.UnixStreamServer):
    daemon_threads = True

    def get_request(self):
        connection, _ = super().get_request()
        return connection, ("unix", 0)


Server(sys.argv[1], Handler).serve_forever()
