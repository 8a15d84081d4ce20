"""Writes Tests/IntegrationTests/Fixtures/api_numbers.json from an OpenAPI document of the Engine API: every parameter in a
query and every number in a body, by endpoint. What scripts/fuzz.py sweeps. Needs PyYAML.

usage: scripts/api-numbers.py api-v1.55.yaml
"""

import json
import os
import sys

import yaml

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def main():
    with open(sys.argv[1]) as file:
        document = yaml.safe_load(file)

    def resolve(schema):
        seen = 0
        while "$ref" in schema and seen < 20:
            schema = document["definitions"][schema["$ref"].split("/")[-1]]
            seen += 1
        return schema

    def numbers(schema, path, depth):
        """Paths to numbers; `[]` is an element of an array, `{}` a member of a map."""
        schema = resolve(schema)
        if depth > 12:
            return
        for part in schema.get("allOf", []):
            yield from numbers(part, path, depth + 1)
        if schema.get("type") in ("integer", "number"):
            yield path
        for name, member in (schema.get("properties") or {}).items():
            yield from numbers(member, path + [name], depth + 1)
        if isinstance(schema.get("items"), dict):
            yield from numbers(schema["items"], path + ["[]"], depth + 1)
        if isinstance(schema.get("additionalProperties"), dict):
            yield from numbers(schema["additionalProperties"], path + ["{}"], depth + 1)

    endpoints = []
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            if method not in ("get", "post", "put", "delete", "head"):
                continue
            query, body = [], []
            for parameter in operation.get("parameters", []) + methods.get("parameters", []):
                parameter = resolve(parameter)
                if parameter["in"] == "query":
                    query.append(parameter["name"])
                elif parameter["in"] == "body":
                    for found in numbers(parameter["schema"], [], 0):
                        if found not in body:
                            body.append(found)
            if query or body:
                endpoints.append({"method": method.upper(), "path": path, "query": query, "body": body})
    target = ROOT + "/Tests/IntegrationTests/Fixtures/api_numbers.json"
    with open(target, "w") as file:
        file.write("[\n" + ",\n".join(json.dumps(endpoint) for endpoint in endpoints) + "\n]\n")
    print(f"{target}: {len(endpoints)} endpoints, {sum(len(e['query']) for e in endpoints)} parameters, "
          f"{sum(len(e['body']) for e in endpoints)} numbers in bodies")


main()
