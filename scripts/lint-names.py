#!/usr/bin/env python3
"""Finds file names that stand twice in Sources, and types of two targets with one name: who looks for a thing by its name is to
find one. Nested types are told apart by the type around them and may share a name."""

import collections
import os
import re
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TYPE = re.compile(
    r"^(?:@\w+(?:\([^)]*\))?\s+)*(?:(?:package|public|internal|fileprivate|private|final|indirect|nonisolated)\s+)*"
    r"(?:struct|class|enum|actor|protocol|typealias)\s+(\w+)", re.M)


def main():
    files, types = collections.defaultdict(list), collections.defaultdict(dict)
    for folder, _, names in os.walk(ROOT + "/Sources"):
        for name in sorted(names):
            if not name.endswith(".swift"):
                continue
            path = os.path.relpath(os.path.join(folder, name), ROOT)
            files[name].append(path)
            with open(os.path.join(folder, name)) as file:
                for found in TYPE.findall(file.read()):
                    types[found].setdefault(path.split("/")[1], path)
    twice = [f"the file name {name} stands twice: {', '.join(paths)}" for name, paths in sorted(files.items()) if len(paths) > 1]
    twice += [f"the type name {name} stands in two targets: {', '.join(where.values())}"
              for name, where in sorted(types.items()) if len(where) > 1]
    for line in twice:
        print(line)
    sys.exit(1 if twice else 0)


main()
