"""Calls of the API around images, the same for every engine: a line of JSON for each answer, to be compared.

usage: image_api.py ARCHIVE [CONTAINERS]; DOCKER_HOST names the daemon. The archive is that of `images.py archive`; the daemon
has no other images. What differs each time (new ids, times, where files are) is left out.
"""

import io
import json
import os
import re
import sys

import docker

client = docker.APIClient(base_url=os.environ["DOCKER_HOST"], version="1.41", timeout=60)
archive = sys.argv[1]
known = {}


def scrub_time(value):
    return "now" if isinstance(value, int) and value > 1780000000 else value


def scrub(value):
    if isinstance(value, dict):
        # Where an engine keeps its files, and what Docker notes of the container behind an image but never reads again.
        for name in ["GraphDriver", "Container", "ContainerConfig", "DockerVersion", "Hostname", "AttachStdout",
                     "AttachStderr", "Image"]:
            value.pop(name, None)
        if "LastTagTime" in value:
            value["LastTagTime"] = "some time"
        if value.get("Created", 0) != scrub_time(value.get("Created", 0)):
            value["Created"] = "now"
        # The engines tell an empty list from none at different times; every client takes both.
        return {key: None if inner == [] else scrub(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [scrub(inner) for inner in value]
    if isinstance(value, str):
        for found in re.findall("[0-9a-f]{64}", value):
            if found not in fixed:
                known.setdefault(found, f"<{len(known)}>")
        for found, name in known.items():
            value = value.replace(found, name).replace(found[:12], name)
        return re.sub(r"202[6-9]-\d\d-\d\dT[0-9:.]+Z", "now", value)
    return value


def show(what, value):
    print(json.dumps([scrub(what), scrub(value)], sort_keys=True))


def call(what, function, *arguments, **options):
    try:
        answer = function(*arguments, **options)
        if not isinstance(answer, (dict, list, str, type(None), bool)):
            answer = [json.loads(line) for line in b"".join(answer).decode().splitlines() if line.strip()]
        show(what, answer)
        return answer
    except docker.errors.APIError as error:
        show(what, {"status": error.response.status_code, "message": error.explanation.lower()})


def raw(method, path, body=None, headers=None, says=True):
    """The status, the type and the documents of an answer; the latter not where Gantry says more."""
    response = client.request(method, client.base_url + "/v1.41" + path, data=body, headers=headers)
    lines = [json.loads(line) for line in response.text.splitlines() if line.strip()]
    show(f"{method} {path}", [response.status_code, response.headers.get("Content-Type"), lines if says else len(lines)])


with open(archive, "rb") as file:
    loaded = list(client.load_image(file))
fixed = set(re.findall("[0-9a-f]{64}", " ".join(image["Id"] for image in client.images(all=True))))
base = client.inspect_image("cmp/base:1")["Id"]

for image in sorted(client.images(all=True), key=lambda image: image["Id"]):
    show("images", image)
    call("inspect", client.inspect_image, image["Id"])
    call("history", client.history, image["Id"])
for name, value in [("label", "kind=base"), ("dangling", "true"), ("dangling", "x"), ("before", "cmp/app:v1"),
                    ("since", "none:1"), ("reference", "cmp/*:1*"), ("reference", "[")]:
    filters = {name: [value]}
    try:
        show(f"images {filters}", sorted(image["Id"] for image in client.images(filters=filters)))
    except docker.errors.APIError as error:
        show(f"images {filters}", "refused")
call("quiet", lambda: sorted(client.images(quiet=True)))
call("by name", lambda: [image["RepoTags"] for image in client.images(name="cmp/base")])

for name in ["cmp/none", base[7:19], base[:20], base, "0" * 64, "sha256:" + "0" * 64, "cmp/base@" + base, "library/x"]:
    for verb, path in [("GET", "json"), ("GET", "history")]:
        try:
            response = client._get(client._url("/images/{0}/" + path, name))
            show(f"{path} {name}", response.status_code)
        except docker.errors.APIError as error:
            show(f"{path} {name}", error.response.status_code)

call("tag", client.tag, "cmp/base:1", "cmp/new", "v1")
call("tag again", client.tag, "cmp/base:1", "cmp/new", "v1")
call("tag over", client.tag, "cmp/app:v1", "cmp/new", "v1")
call("tag none", client.tag, "cmp/none:1", "cmp/new", "v1")
raw("POST", "/images/cmp/base:1/tag?repo=cmp/two&tag=x")
raw("POST", "/images/cmp/base:1/tag?repo=cmp/three")
raw("GET", "/images/get?names=cmp/none:1", says=False)
raw("GET", "/images/cmp/none:1/get", says=False)
raw("DELETE", "/images/cmp/none:1")
raw("DELETE", "/images/cmp/two:x")
raw("DELETE", "/images/cmp/new:v1?noprune=1")
raw("DELETE", "/images/" + base + "?force=0")
raw("POST", "/images/cmp/app:v1/tag?repo=other/app")
raw("DELETE", "/images/" + client.inspect_image("cmp/app:v1")["Id"])

HEX = "0123456789abcdef" * 4
DIGEST = "sha256:" + HEX
REFERENCES = [
    "name", "library/name", "docker.io/name", "docker.io/library/name", "index.docker.io/name", "index.docker.io/a/b", "a/b",
    "a/b/c/d", "host/a", "host.example/a", "host:5000/a", "HOST.example/a", "localhost/a", "localhost:5000/a/b",
    "127.0.0.1:5000/a", "a.b/c", "a-b/c", "a:5000/b", "a:5000", "a:port/b",
    "a:/b", "a-.b/c", "-a/b", "a-/b", "a..b/c", "x.y.z", "x..y", "x__y", "x___y", "x-y", "x--y", "x---y", "x-", "_x", ".x",
    "x_", "x.", "x._y", "x/", "/x", "x//y", "Upper", "a/Upper", "é", "a b", " a", "a ", "a\tb", "", ":", "@", "a@", "a:",
    "a:b:c", "name:tag", "name:Tag_1.2-3", "name:-tag", "name:.tag", "name:_tag", "name:" + "t" * 128, "name:" + "t" * 129,
    "name@" + DIGEST, "name:tag@" + DIGEST, "name@sha256:abc", "name@md5:" + "0" * 32, "name@" + HEX, "name@sha256:" + HEX.upper(),
    "name@sha512:" + HEX, HEX, HEX[:63], "sha256:" + HEX, "host/" + HEX, "a" * 250, "a" * 256, "docker.io/" + "a" * 240,
    "docker.io/" + "a" * 250, "../x", "x/../y", "a/b:c/d",
]
for name in REFERENCES:
    response = client.post(client.base_url + "/v1.41/images/" + base + "/tag", params={"repo": name})
    tags = [tag for tag in client.inspect_image(base)["RepoTags"] if not tag.startswith("cmp/")]
    # The newer message has the name in it.
    said = re.sub(r"repository name \(.*\) ", "repository name ", json.loads(response.text)["message"] if response.text else "")
    show("reference " + name, [response.ok, said, tags])
    for tag in tags:
        client.remove_image(tag)

container = client.create_container("cmp/tool:1.0", ["true"], host_config=client.create_host_config(network_mode="none"))["Id"]
scrub(container)
raw("DELETE", "/images/cmp/tool:1.0")
raw("DELETE", "/images/" + client.inspect_image("cmp/tool:1.0")["Id"])
call("changes", client.diff, container)
call("commit", client.commit, container, "cmp/made", "1", message="m", author="a", changes=["ENV X=y", "LABEL a=b"])
call("inspect", client.inspect_image, "cmp/made:1")
call("history", client.history, "cmp/made:1")
call("commit with a configuration", client.commit, container, "cmp/made", "2", conf={"Cmd": ["z"], "Labels": {"c": "d"}})
call("inspect", client.inspect_image, "cmp/made:2")
raw("POST", "/commit?container=none")
raw("POST", "/commit?container=" + container + "&changes=RUN%20x")
call("remove", client.remove_container, container)
call("prune", client.prune_images, {"label": ["none"]})
call("prune", client.prune_images, {"nonsense": ["none"]})

call("import", client.import_image_from_data, open(os.environ["TAR"], "rb").read(), repository="cmp/in", tag="1")
call("inspect", client.inspect_image, "cmp/in:1")
call("import", client.import_image_from_data, open(os.environ["TAR"], "rb").read(), repository="cmp/in", changes=["CMD x"])
raw("POST", "/images/create?fromSrc=-&repo=UPPER", body=b"", says=False)
raw("POST", "/images/load", body=b"nonsense", says=False)
saved = b"".join(client.get_image("cmp/base:1"))
call("load", lambda: [line for line in client.load_image(io.BytesIO(saved)) if "stream" in line])
raw("POST", "/images/load?quiet=1", body=saved)

# Enough images that two begin alike, wherever that is.
for number in range(17):
    client.import_image_from_data(open(os.environ["TAR"], "rb").read(), repository="many", tag=str(number),
                                  changes=[f"LABEL number={number}"])
ids = [image["Id"][7:] for image in client.images(name="many")]
shared = next(id[0] for id in ids if sum(other[0] == id[0] for other in ids) > 1)
for name, length in [("shared", 1), ("own", 12), ("own", 16), ("own", 64)]:
    text = shared if name == "shared" else ids[0][:length]
    for form in [text, "sha256:" + text]:
        response = client.get(client.base_url + "/v1.41/images/" + form + "/json")
        show(f"{name} {length} {form[:6] == 'sha256'}", [response.ok, response.ok and response.json()["Id"][7:] == ids[0]])
response = client.get(client.base_url + "/v1.41/images/" + ids[0][:12].upper() + "/json")
show("upper", response.ok)
