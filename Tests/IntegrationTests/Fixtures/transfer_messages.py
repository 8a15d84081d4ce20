"""What pull, push and load tell: each kind of message once, in order, those of layers apart from the others.

DOCKER_HOST names the daemon, REGISTRY a registry with test/layers, PUSHED a repository in it to push to.
"""

import io
import os

import docker

client = docker.APIClient(base_url=os.environ["DOCKER_HOST"], version="1.41")
image = os.environ["REGISTRY"] + "/test/layers"
pushed = os.environ["REGISTRY"] + "/" + os.environ["PUSHED"]
# Not every layer meets every one of these: it depends on who is faster.
PASSING = ["Waiting", "Verifying Checksum", "Pushing", "Layer already exists", "Mounted from test/layers", "Pushed"]


# What else a layer says, in this order; not each of it for the smallest.
ORDER = ["Preparing", "Pulling fs layer", "Downloading", "Download complete", "Extracting", "Pull complete", "Loading layer"]


def show(what, messages):
    told, last = {"all": [], "layer": []}, {}
    for message in messages:
        text = message.get("status") or message.get("stream") or message.get("error") or str(sorted(message.get("aux", {})))
        if text in PASSING or text.startswith("Mounted from"):
            continue
        kind = "layer" if "id" in message and "progressDetail" in message else "all"
        # Those of a push are digests of manifests that the engines make differently.
        text = text.split("digest: ")[0].replace(pushed, "PUSHED")
        words = (text, "progressDetail" in message, bool(message.get("progressDetail")), sorted(message))
        if kind == "layer":
            place = ORDER.index(text)
            assert place >= last.get(message["id"], 0), message
            last[message["id"]] = place
        if words not in told[kind]:
            told[kind].append(words)
    told["layer"].sort(key=lambda words: ORDER.index(words[0]))
    for kind, lines in told.items():
        print(what, kind, *lines, sep="\n    ")


show("pull", client.pull(image, tag="latest", stream=True, decode=True))
show("pull again", client.pull(image, tag="latest", stream=True, decode=True))
client.tag(image + ":latest", pushed, "v1")
show("push", client.push(pushed, tag="v1", stream=True, decode=True))
show("push again", client.push(pushed, tag="v1", stream=True, decode=True))
show("push none", client.push(pushed, tag="none", stream=True, decode=True))
saved = b"".join(client.get_image(image + ":latest"))
client.remove_image(pushed + ":v1")
client.remove_image(image + ":latest")
show("load", client.load_image(io.BytesIO(saved)))
client.remove_image(image + ":latest")
show("load aloud", client.load_image(io.BytesIO(saved), quiet=False))
client.remove_image(image + ":latest")
