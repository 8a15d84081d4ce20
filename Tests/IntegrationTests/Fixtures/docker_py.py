"""What docker-py's users do, one function per test. usage: docker_py.py NAME; DOCKER_HOST names the daemon,
REGISTRY_IMAGE an image that a registry serves, IMAGE_TAR a root file system. Ends with 0 when all holds."""

import os
import socket
import sys
import threading
import time

import docker
from docker.errors import APIError, ContainerError, ImageNotFound, NotFound

client = docker.from_env(timeout=60)


def equal(found, expected):
    if found != expected:
        raise AssertionError(f"found {found!r}, expected {expected!r}")


def until(what, condition):
    for _ in range(600):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError("never: " + what)


def run():
    equal(client.containers.run("busybox", "echo hello world", remove=True), b"hello world\n")
    equal(client.containers.run("busybox", ["sh", "-c", "echo $A; pwd; hostname"], remove=True, environment={"A": "b"},
                                working_dir="/tmp", hostname="here"), b"b\n/tmp\nhere\n")
    equal(client.containers.run("busybox", ["sh", "-c", "echo o; echo e >&2"], remove=True, stderr=True, stdout=False),
          b"e\n")
    try:
        client.containers.run("busybox", ["sh", "-c", "echo no >&2; exit 3"], remove=True)
        raise AssertionError("no ContainerError")
    except ContainerError as error:
        equal(error.exit_status, 3)
        equal(error.stderr, b"no\n")


def life():
    container = client.containers.create("busybox", ["sh", "-c", "trap 'exit 5' TERM; while :; do sleep 0.1; done"],
                                         name="py-life", labels={"k": "v"})
    equal(container.status, "created")
    container.start()
    container.reload()
    equal(container.status, "running")
    equal(container.name, "py-life")
    equal(container.labels["k"], "v")
    equal(container.image.tags, ["busybox:latest"])
    assert container.id in [c.id for c in client.containers.list()]
    time.sleep(0.3)
    container.stop(timeout=10)
    equal(container.wait()["StatusCode"], 5)
    container.start()
    container.kill()
    equal(container.wait()["StatusCode"], 137)
    assert container.id not in [c.id for c in client.containers.list()]
    assert container.id in [c.id for c in client.containers.list(all=True, filters={"name": "py-life"})]
    container.remove()
    try:
        client.containers.get("py-life")
        raise AssertionError("still there")
    except NotFound:
        pass


def logs():
    container = client.containers.run("busybox", ["sh", "-c", "echo one; echo two >&2; sleep 0.5; echo three"], detach=True)
    equal(b"".join(container.logs(stream=True, follow=True, stderr=False)), b"one\nthree\n")
    equal(container.wait()["StatusCode"], 0)
    equal(container.logs(stdout=False), b"two\n")
    equal(container.logs(tail=1), b"three\n")
    stamped = container.logs(timestamps=True, stderr=False).decode().splitlines()
    equal(len(stamped), 2)
    assert stamped[0].endswith("Z one") and stamped[0][4] == "-", stamped
    container.remove()


def exec_run():
    container = client.containers.run("busybox", "sleep 1000", detach=True)
    code, output = container.exec_run("echo in there")
    equal((code, output), (0, b"in there\n"))
    code, output = container.exec_run(["sh", "-c", "echo o; echo e >&2; exit 9"], demux=True)
    equal((code, output), (9, (b"o\n", b"e\n")))
    equal(container.exec_run("pwd", workdir="/etc").output, b"/etc\n")
    equal(container.exec_run(["sh", "-c", "echo $X; id -u"], environment={"X": "y"}, user="1000").output, b"y\n1000\n")
    equal(b"".join(container.exec_run("seq 1 3", stream=True).output), b"1\n2\n3\n")
    equal(container.exec_run("tty", tty=True).output, b"/dev/pts/0\r\n")
    equal(container.exec_run("sleep 1", detach=True).output, "")
    sock = container.exec_run("cat", stdin=True, socket=True).output
    sock._sock.sendall(b"through the socket")
    sock._sock.shutdown(socket.SHUT_WR)
    frames = b""
    while chunk := sock._sock.recv(4096):
        frames += chunk
    equal(frames, b"\x01\0\0\0\0\0\0\x12through the socket")
    container.remove(force=True)


def attach():
    container = client.containers.create("busybox", ["sh", "-c", "echo first; read l; echo got $l"], stdin_open=True)
    sock = container.attach_socket(params={"stdin": 1, "stdout": 1, "stderr": 1, "stream": 1})
    container.start()
    sock._sock.sendall(b"words\n")
    received = b""
    while chunk := sock._sock.recv(4096):
        received += chunk
    equal(received, b"\x01\0\0\0\0\0\0\x06first\n\x01\0\0\0\0\0\0\x0agot words\n")
    container.wait()
    container.remove()
    container = client.containers.create("busybox", ["sh", "-c", "echo early; sleep 0.3; echo late >&2"])
    stream = container.attach(stream=True, stdout=True, stderr=True, demux=True)
    container.start()
    equal(list(stream), [(b"early\n", None), (None, b"late\n")])
    container.wait()
    equal(container.attach(logs=True, stdout=True, stderr=False), b"early\n")
    container.remove()


def images():
    name = os.environ["REGISTRY_IMAGE"]
    image = client.images.pull(name, tag="latest")
    equal(image.tags, [name + ":latest"])
    assert image.id.startswith("sha256:") and image.short_id == image.id[:19]
    equal(image.attrs["RepoDigests"][0].split("@")[0], name)
    assert image.tag("py/tagged", tag="v1")
    equal(sorted(client.images.get("py/tagged:v1").tags), sorted([name + ":latest", "py/tagged:v1"]))
    assert image.id in [i.id for i in client.images.list()]
    equal([i.id for i in client.images.list(name="py/tagged")], [image.id])
    equal(client.containers.run("py/tagged:v1", "echo from a registry", remove=True), b"from a registry\n")
    lines = list(client.api.pull(name, tag="latest", stream=True, decode=True))
    assert any("up to date" in line.get("status", "") for line in lines), lines
    client.images.remove("py/tagged:v1")
    client.images.remove(name + ":latest")
    try:
        client.images.get(name)
        raise AssertionError("still there")
    except ImageNotFound:
        pass
    client.api.import_image_from_file(os.environ["IMAGE_TAR"], repository="py/imported", tag="x")
    equal(client.containers.run("py/imported:x", "echo imported", remove=True), b"imported\n")
    client.images.remove("py/imported:x")


def events():
    since = int(time.time())
    seen = []

    def watch():
        for event in client.events(since=since, decode=True, filters={"type": "container", "image": "busybox"}):
            if event["Actor"]["Attributes"].get("name") == "py-events":
                seen.append(event["Action"])
                if event["Action"] == "destroy":
                    return

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    client.containers.run("busybox", "true", name="py-events", remove=True)
    watcher.join(30)
    equal([e for e in seen if e in ("create", "start", "die", "destroy")], ["create", "start", "die", "destroy"])


def top_and_inspect():
    container = client.containers.run("busybox", "sleep 555", detach=True, mem_limit="32m", nano_cpus=500000000,
                                      pids_limit=20, cap_drop=["MKNOD"], cap_add=["NET_ADMIN"], read_only=True,
                                      volumes={"/tmp": {"bind": "/mnt", "mode": "ro"}}, ports={"80/tcp": ("127.0.0.1", None)})
    top = container.top()
    equal(top["Titles"], ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"])
    equal(top["Processes"][0][-1], "sleep 555")
    equal(container.top(ps_args="-o pid,comm")["Titles"], ["PID", "COMMAND"])
    container.reload()
    host = container.attrs["HostConfig"]
    equal((host["Memory"], host["NanoCpus"], host["PidsLimit"], host["ReadonlyRootfs"]), (33554432, 500000000, 20, True))
    equal(host["Binds"], ["/tmp:/mnt:ro"])
    equal(container.attrs["Mounts"][0]["Destination"], "/mnt")
    equal(container.attrs["Mounts"][0]["RW"], False)
    equal(container.ports["80/tcp"][0]["HostIp"], "127.0.0.1")
    assert int(container.ports["80/tcp"][0]["HostPort"]) > 0
    assert container.attrs["NetworkSettings"]["Networks"]["bridge"]["IPAddress"].startswith("10.")
    container.remove(force=True)


def system():
    version = client.version()
    equal(version["Os"], "linux")
    assert client.ping()
    info = client.info()
    equal(info["OSType"], "linux")
    assert info["NCPU"] >= 1 and info["MemTotal"] > 0 and info["ContainersRunning"] >= 0
    assert docker.DockerClient(base_url=os.environ["DOCKER_HOST"], version="1.24").ping()
    assert docker.DockerClient(base_url=os.environ["DOCKER_HOST"], version="auto").api._version.startswith("1.")


def errors():
    for call, kind, status in [
        (lambda: client.containers.create("no/such/image:tag"), ImageNotFound, 404),
        (lambda: client.containers.get("nosuch"), NotFound, 404),
        (lambda: client.images.get("nosuch"), ImageNotFound, 404),
        (lambda: client.images.pull("127.0.0.1:1/nothing", tag="x"), APIError, 500),
    ]:
        try:
            call()
            raise AssertionError("no error")
        except kind as error:
            equal(error.response.status_code, status)
            assert error.explanation
    first = client.containers.create("busybox", "true", name="py-conflict")
    try:
        client.containers.create("busybox", "true", name="py-conflict")
        raise AssertionError("no conflict")
    except APIError as error:
        equal(error.response.status_code, 409)
        assert "py-conflict" in error.explanation and first.id[:12] in error.explanation, error.explanation
    first.remove()


globals()[sys.argv[1]]()
