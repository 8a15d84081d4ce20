"""Archives of images as builders other than Docker write them.

usage: odd_images.py OUT NAME CONFIG [FILE=TEXT ...]     an image of busybox with CONFIG (JSON) and with files of that text
       odd_images.py partial BASE OUT NAME               an image on BASE's layers (an archive of the first form), which are left out
"""

import io
import json
import sys
import tarfile

from images import CREATED, Layer, busybox_layer, digest


def archive(out, name, config, layers, left_out=()):
    configuration = json.dumps({
        "created": CREATED, "architecture": "amd64", "os": "linux", "config": config,
        "rootfs": {"type": "layers", "diff_ids": [digest(layer) for layer in layers]},
    }).encode()
    paths = [f"{number}/layer.tar" for number in range(len(layers))]
    with tarfile.open(out, "w") as tar:
        def add(path, data):
            info = tarfile.TarInfo(path)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
        for path, layer in zip(paths, layers):
            if layer not in left_out:
                add(path, layer)
        add("config.json", configuration)
        add("manifest.json", json.dumps([{"Config": "config.json", "RepoTags": [name], "Layers": paths}]).encode())


def main(arguments):
    if arguments[0] == "partial":
        with tarfile.open(arguments[1]) as tar:
            base = [tar.extractfile(m).read() for m in tar.getmembers() if m.name.endswith("layer.tar")]
        top = Layer().add("top", data=b"on top\n").bytes()
        archive(arguments[2], arguments[3], {"Cmd": ["cat", "/top"], "Env": ["PATH=/bin"]}, base + [top], base)
        return
    layers = [busybox_layer()]
    if arguments[3:]:
        layer = Layer()
        for pair in arguments[3:]:
            path, text = pair.split("=", 1)
            layer.add(path, data=text.encode(), mode=0o755)
        layers.append(layer.bytes())
    archive(arguments[0], arguments[1], json.loads(arguments[2]), layers)


if __name__ == "__main__":
    main(sys.argv[1:])
