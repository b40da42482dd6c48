"""docs/openapi.yaml as what a server is held to: which answers it names, and whether an answer is one of them.

Schemas are read with the words of JSON Schema that the document uses; any other word is an error, so that nothing in it
is silently left unchecked.
"""

from __future__ import annotations

import json
import re
from pathlib import Path

import yaml

DOCUMENT = Path(__file__).resolve().parents[2] / "docs" / "openapi.yaml"
TYPES = {"object": dict, "array": list, "string": str, "integer": int, "boolean": bool}
METHODS = ("get", "post", "put", "delete", "options", "patch")
# For readers, not for machines.
PROSE = {"description"}


class OpenApi:
    def __init__(self, text: str | None = None):
        self.document = yaml.safe_load(DOCUMENT.read_text() if text is None else text)
        self.seen: set[tuple[str, str, str]] = set()

    def resolve(self, value):
        while isinstance(value, dict) and "$ref" in value:
            reference, value = value["$ref"], self.document
            for part in reference.removeprefix("#/").split("/"):
                value = value[part]
        return value

    def responses(self) -> set[tuple[str, str, str]]:
        """(method, path, status) of every answer that it names."""
        return {
            (method, path, status)
            for path, operations in self.document["paths"].items()
            for method in METHODS
            if method in operations
            for status in operations[method]["responses"]
        }

    def path_of(self, target: str) -> str:
        plain = target.partition("?")[0]
        for path in self.document["paths"]:
            if re.fullmatch(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path)), plain):
                return path
        raise AssertionError(f"{plain} is not in the document")

    def check(self, method: str, target: str, status: int, headers: dict[str, str], body: bytes) -> None:
        """An answer is one that the document names, with its headers, its type and its schema. 405 is the answer to a
        method that the path has not, and is noted for each that it has."""
        path = self.path_of(target)
        operations = self.document["paths"][path]
        methods = [m for m in METHODS if m in operations and m != "options"] if status == 405 else [method.lower()]
        for one in methods:
            response = self.resolve(operations[one]["responses"].get(str(status)))
            assert response is not None, f"{method} {target} answers {status}, which the document does not name"
            for name, header in response.get("headers", {}).items():
                assert name.lower() in headers, f"{method} {target}: {status} without {name}"
                self.validate(headers[name.lower()], self.resolve(header)["schema"], name)
            content = response.get("content")
            if content is None:
                assert not body, f"{method} {target}: {status} with a body"
            else:
                media_type = headers["content-type"].partition(";")[0]
                assert media_type in content, f"{method} {target}: {status} as {media_type}"
                self.validate(json.loads(body), content[media_type]["schema"], "body")
            self.seen.add((one, path, str(status)))

    def validate(self, value, schema: dict, place: str) -> None:
        schema = self.resolve(schema)
        for word, wanted in schema.items():
            assert self._holds(word, wanted, value, schema, place), f"{place}: {value!r} is not {word}: {wanted}"

    def _holds(self, word: str, wanted, value, schema: dict, place: str) -> bool:
        if word in PROSE:
            return True
        if word == "type":
            return isinstance(value, TYPES[wanted]) and (wanted == "boolean" or not isinstance(value, bool))
        if word == "properties":
            for name, part in wanted.items():
                if name in value:
                    self.validate(value[name], part, f"{place}.{name}")
            return True
        if word == "items":
            for number, item in enumerate(value):
                self.validate(item, wanted, f"{place}[{number}]")
            return True
        rules = {
            "const": lambda: value == wanted,
            "enum": lambda: value in wanted,
            "pattern": lambda: re.search(wanted, value),
            "minimum": lambda: value >= wanted,
            "maximum": lambda: value <= wanted,
            "minLength": lambda: len(value) >= wanted,
            "maxLength": lambda: len(value) <= wanted,
            "minItems": lambda: len(value) >= wanted,
            "required": lambda: set(wanted) <= set(value),
            "additionalProperties": lambda: wanted or set(value) <= set(schema["properties"]),
        }
        return bool(rules[word]())
