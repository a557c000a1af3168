"""Reads frames with the schemas of docs/asyncapi.yaml, for the tests.

    asyncapi.py < FRAMES

A line is `Action JSON`, `Reply JSON` or `Event JSON`. Prints for each what is wrong with it, `ok` if nothing is.
Fails when the document refers to what it has not, or is no schema.
"""

import json
import sys
from pathlib import Path

import yaml
from jsonschema import Draft7Validator

document = yaml.safe_load((Path(__file__).parents[2] / "docs/asyncapi.yaml").read_text())


def resolve(reference):
    found = document
    for part in reference.removeprefix("#/").split("/"):
        found = found[part]
    return found


def references(node):
    if isinstance(node, dict):
        if "$ref" in node:
            resolve(node["$ref"])
        for child in node.values():
            references(child)
    elif isinstance(node, list):
        for child in node:
            references(child)


references(document)
schemas = document["components"]["schemas"]
for schema in schemas.values():
    Draft7Validator.check_schema(schema)
for line in sys.stdin:
    kind, frame = line.split(" ", 1)
    schema = {"$ref": f"#/components/schemas/{kind}", "components": document["components"]}
    wrong = [error.message for error in Draft7Validator(schema).iter_errors(json.loads(frame))]
    print(" ".join(wrong).replace("\n", " ") or "ok")
