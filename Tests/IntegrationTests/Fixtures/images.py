"""Makes images out of Debian's busybox-static: no network, no engine.

usage: images.py busybox.tar OUT                 the root file system alone, for `import`
       images.py layout NAME DIRECTORY           an OCI image layout with uncompressed layers, for skopeo to push
       images.py archive OUT                     a Docker archive of several images, to compare engines with
       images.py legacy OUT                      an archive as Docker wrote them before 1.10
Every layout has the tag `latest`. NAME is one of LAYOUTS below.
"""

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile

BUSYBOX = "/bin/busybox"
TIME = 1700000000
CREATED = "2023-11-14T22:13:20Z"


class Layer:
    """A tar archive in memory, and the verbs to fill it."""

    def __init__(self):
        self.buffer = io.BytesIO()
        self.tar = tarfile.open(fileobj=self.buffer, mode="w", format=tarfile.PAX_FORMAT)

    def add(self, name, kind=tarfile.REGTYPE, mode=0o644, data=b"", link="", uid=0, gid=0, xattrs=None):
        info = tarfile.TarInfo(name)
        info.type, info.mode, info.size, info.linkname = kind, mode, len(data), link
        info.uid, info.gid, info.mtime = uid, gid, TIME
        for key, value in (xattrs or {}).items():
            info.pax_headers["SCHILY.xattr." + key] = value
        self.tar.addfile(info, io.BytesIO(data))
        return self

    def directory(self, name, mode=0o755, **more):
        return self.add(name, tarfile.DIRTYPE, mode, **more)

    def symlink(self, name, target):
        return self.add(name, tarfile.SYMTYPE, 0o777, link=target)

    def bytes(self):
        self.tar.close()
        return self.buffer.getvalue()


def busybox_layer(mark=b""):
    layer = Layer()
    if mark:
        layer.add("mark", data=mark)
    for name, mode in [
        ("bin", 0o755), ("dev", 0o755), ("etc", 0o755), ("home", 0o755), ("proc", 0o755), ("root", 0o700),
        ("sys", 0o755), ("tmp", 0o1777), ("usr", 0o755), ("usr/bin", 0o755), ("var", 0o755), ("var/log", 0o755),
    ]:
        layer.directory(name, mode)
    layer.add("bin/busybox", mode=0o755, data=open(BUSYBOX, "rb").read())
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            layer.add("bin/" + applet, tarfile.LNKTYPE, 0o755, link="bin/busybox")
    layer.add("etc/passwd", data=b"root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1::/usr/sbin:/bin/false\n"
              b"www:x:33:33:www:/var/www:/bin/sh\nalice:x:1000:1000::/home/alice:/bin/sh\n")
    layer.add("etc/group", data=b"root:x:0:\ndaemon:x:1:\nwww:x:33:\nalice:x:1000:\nextra:x:2000:alice\n")
    layer.directory("home/alice", uid=1000, gid=1000)
    return layer.bytes()


def busybox_config():
    return {"Env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], "Cmd": ["sh"]}


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Layout:
    """An OCI image layout being written."""

    def __init__(self, path):
        self.path = path
        shutil.rmtree(path, ignore_errors=True)
        os.makedirs(path + "/blobs/sha256")
        with open(path + "/oci-layout", "w") as file:
            file.write('{"imageLayoutVersion":"1.0.0"}')

    def blob(self, data, media_type):
        with open(self.path + "/blobs/" + digest(data).replace(":", "/"), "wb") as file:
            file.write(data)
        return {"mediaType": media_type, "digest": digest(data), "size": len(data)}

    def document(self, value, media_type):
        return self.blob(json.dumps(value).encode(), media_type)

    def image(self, layers, config, architecture="amd64", variant=None, os_name="linux", diff_ids=None, packed=None):
        """Of layers as they are, or of their `packed` forms, compressed by gzip."""
        media_type = "application/vnd.oci.image.layer.v1.tar" + ("+gzip" if packed else "")
        platform = {"architecture": architecture, "os": os_name}
        if variant:
            platform["variant"] = variant
        configuration = {
            "created": CREATED, **platform, "config": config,
            "rootfs": {"type": "layers", "diff_ids": diff_ids or [digest(layer) for layer in layers]},
            "history": [{"created": CREATED, "created_by": f"layer {i}"} for i in range(len(layers))],
        }
        manifest = {
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": self.document(configuration, "application/vnd.oci.image.config.v1+json"),
            "layers": [self.blob(layer, media_type) for layer in packed or layers],
        }
        return {**self.document(manifest, manifest["mediaType"]), "platform": platform}

    def finish(self, manifests):
        if len(manifests) == 1:
            top = dict(manifests[0])
        else:
            index = {"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json", "manifests": manifests}
            top = self.document(index, index["mediaType"])
        top["annotations"] = {"org.opencontainers.image.ref.name": "latest"}
        with open(self.path + "/index.json", "w") as file:
            json.dump({"schemaVersion": 2, "manifests": [top]}, file)


def busybox(layout):
    return [layout.image([busybox_layer()], busybox_config())]


def zstd(layout):
    """Never the same bytes twice: skopeo remembers a gzip form of layers it pushed and would send that instead."""
    mark = os.urandom(16).hex().encode()
    return [layout.image([busybox_layer(mark), Layer().add("second", data=mark).bytes()], busybox_config())]


def platforms(layout):
    """Three platforms; each has /platform with its name. The amd64 one is not the first."""
    images = []
    for architecture, variant in [("arm64", "v8"), ("arm", "v7"), ("amd64", None)]:
        mark = Layer().add("platform", data=(architecture + "\n").encode()).bytes()
        images.append(layout.image([busybox_layer(), mark], busybox_config(), architecture, variant))
    return images


def foreign(layout):
    """Only for another machine: amd64 finds nothing to run."""
    return [layout.image([busybox_layer()], busybox_config(), "arm64", "v8")] * 2


def layers(layout):
    """What later layers may do to earlier ones."""
    first = (
        Layer().directory("data").add("data/kept", data=b"kept\n").add("data/gone", data=b"gone\n")
        .add("data/replaced", data=b"old\n").directory("data/opaque").add("data/opaque/old", data=b"old\n")
        .directory("data/removed").add("data/removed/file", data=b"x").add("data/turned", data=b"a file\n").bytes())
    second = (
        Layer().add("data/.wh.gone").add("data/replaced", data=b"new\n").directory("data/opaque")
        .add("data/opaque/.wh..wh..opq").add("data/opaque/new", data=b"new\n").add("data/.wh.removed")
        .directory("data/turned").add("data/turned/inside", data=b"now a directory\n").bytes())
    third = (
        Layer().add("data/owned", data=b"x", uid=1000, gid=2000, mode=0o640).add("data/setuid", data=b"x", mode=0o4755)
        .add("data/link", tarfile.LNKTYPE, link="data/owned", uid=1000, gid=2000, mode=0o640)
        .symlink("data/symbolic", "kept")
        .add("data/fifo", tarfile.FIFOTYPE, mode=0o600).add("data/" + "n" * 200, data=b"long\n")
        .add("data/attribute", data=b"x", xattrs={"user.note": "hello"}).bytes())
    return [layout.image([busybox_layer(), first, second, third], busybox_config())]


def configured(layout):
    return [layout.image([busybox_layer()], {
        "Env": ["PATH=/bin", "COLOUR=green", "SHAPE=round"], "Entrypoint": ["/bin/echo", "entry"],
        "Cmd": ["default", "words"], "WorkingDir": "/var/log", "User": "alice", "Labels": {"kind": "test"},
        "ExposedPorts": {"80/tcp": {}}, "StopSignal": "SIGINT",
    })]


def wrong_diff_id(layout):
    layer = Layer().add("mine", data=b"wrong\n").bytes()
    return [layout.image([layer], busybox_config(), diff_ids=["sha256:" + "0" * 64])]


def escaping(layout):
    """Entries that would leave the root if they were followed: each must be refused or stay inside."""
    layer = (
        Layer().symlink("out", "/").add("out/escaped-by-symlink", data=b"x").add("../escaped-by-dots", data=b"x")
        .add("hard", tarfile.LNKTYPE, link="../../../../etc/passwd").bytes())
    return [layout.image([layer], busybox_config())]


LAYOUTS = {
    "busybox": busybox, "zstd": zstd, "platforms": platforms, "foreign": foreign, "layers": layers, "configured": configured,
    "wrong-diff-id": wrong_diff_id,
    "escaping": escaping,
}


class Archive:
    """A Docker archive being written: what `docker save` wrote from 1.10 to 24."""

    def __init__(self, path):
        self.tar = tarfile.open(path, "w", format=tarfile.USTAR_FORMAT)
        self.items, self.known = [], set()

    def file(self, name, data):
        if name not in self.known:
            self.known.add(name)
            info = tarfile.TarInfo(name)
            info.size, info.mtime = len(data), TIME
            self.tar.addfile(info, io.BytesIO(data))
        return name

    def document(self, name, value):
        return self.file(name, json.dumps(value).encode())

    def image(self, names, layers, config, history=None, **more):
        document = {
            "architecture": "amd64", "os": "linux", "config": config, **more,
            "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
            "history": history or [{"created": more["created"], "created_by": f"layer {i}"} for i in range(len(layers))],
        }
        data = json.dumps(document).encode()
        self.items.append({
            "Config": self.file(digest(data)[7:] + ".json", data), "RepoTags": names,
            "Layers": [self.file(digest(layer)[7:] + "/layer.tar", layer) for layer in layers],
        })

    def finish(self):
        self.document("manifest.json", self.items)
        self.tar.close()


def archive(path):
    out = Archive(path)
    base = busybox_layer()
    second = Layer().directory("opt").add("opt/file", data=b"x" * 123456).bytes()
    third = Layer().add("etc/motd", data=b"hello\n").bytes()
    out.image(["cmp/base:1"], [base], {**busybox_config(), "Labels": {"kind": "base", "empty": ""}},
              created="2019-01-02T03:04:05.678901234Z")
    out.image(["cmp/app:v1"], [base, second, third], {
        **busybox_config(), "Labels": {"kind": "app", "more": "a=b"}, "WorkingDir": "/opt"}, [
            {"created": "2019-01-02T03:04:05.678901234Z", "created_by": "/bin/sh -c #(nop) ADD file:1 in / "},
            {"created": "2020-02-03T04:05:06Z", "created_by": "/bin/sh -c #(nop)  CMD [\"sh\"]", "empty_layer": True},
            {"created": "2020-02-03T04:05:07Z", "created_by": "|1 A=b /bin/sh -c make\tand a command that is so long that it "
             "does not fit into any column", "comment": "buildkit.dockerfile.v0", "author": "someone"},
            {"created": "2020-02-03T04:05:08.5Z", "comment": "by hand: <&>"}],
        created="2020-02-03T04:05:08.5Z", author="A Person <a@example>", docker_version="1.13.1")
    out.image(None, [base, third], {**busybox_config(), "Labels": {"kind": "nameless"}}, created="2021-03-04T05:06:07Z")
    out.image(["registry.example:5000/team/tool:1.0"], [second], {"Cmd": ["x"]}, created="2021-06-07T08:09:10Z")
    out.image(["cmp/tool:1.0"], [base, second], {
        "Hostname": "made", "User": "alice", "ExposedPorts": {"80/tcp": {}, "53/udp": {}},
        "Env": ["PATH=/bin", "A=1", "QUOTED=a \"b\" <c>"], "Entrypoint": ["/bin/echo"], "Cmd": ["tool", "é"],
        "Volumes": {"/data": {}}, "WorkingDir": "/var/log", "OnBuild": ["RUN true"], "StopSignal": "SIGINT",
        "Labels": {"kind": "tool", "org.example.name": "A & B"}, "Shell": ["/bin/sh", "-ec"],
        "Healthcheck": {"Test": ["CMD-SHELL", "true"], "Interval": 5000000000, "Retries": 2}},
        created="2022-04-05T06:07:08.000000001Z", variant="v2", comment="from a comment")
    out.image(["cmp/undated:latest"], [third], {}, [{"created_by": "nobody knows"}], created=None)
    out.finish()


def legacy(path):
    """Two images on one base: only `repositories` and a directory for each layer."""
    out = Archive(path)
    chain = [("1" * 64, busybox_layer(), {}), ("2" * 64, Layer().add("etc/second", data=b"2\n").bytes(), {"Labels": {"a": "b"}}),
             ("3" * 64, None, {"Cmd": ["cat", "/etc/second"]})]
    parent = None
    for index, (name, layer, config) in enumerate(chain):
        document = {
            "id": name, "created": f"201{index}-01-02T03:04:05.123456789Z", "os": "linux", "architecture": "amd64",
            "docker_version": "1.9.1", "author": f"author {index}", "Size": len(layer or b""),
            "container": "f" * 64, "container_config": {"Cmd": ["/bin/sh", "-c", f"#(nop) step {index}"]},
            "config": {**busybox_config(), **config},
        }
        if index == 1:
            document["comment"] = "the second"
        if parent:
            document["parent"] = parent
        out.file(name + "/VERSION", b"1.0")
        out.document(name + "/json", document)
        out.file(name + "/layer.tar", layer or Layer().bytes())
        parent = name
    out.document("repositories", {
        "old/base": {"latest": chain[0][0]}, "old/top": {"v1": chain[2][0], "v2": chain[2][0]},
        "registry.example:5000/old": {"x": chain[1][0]}})
    out.tar.close()


def main(arguments):
    if len(arguments) == 2 and arguments[0] == "busybox.tar":
        with open(arguments[1], "wb") as file:
            file.write(busybox_layer())
    elif len(arguments) == 2 and arguments[0] in ("archive", "legacy"):
        (archive if arguments[0] == "archive" else legacy)(arguments[1])
    elif len(arguments) == 3 and arguments[0] == "layout" and arguments[1] in LAYOUTS:
        layout = Layout(arguments[2])
        layout.finish(LAYOUTS[arguments[1]](layout))
    else:
        sys.exit(__doc__)


if __name__ == "__main__":
    main(sys.argv[1:])
