"""What checks answers against docs/openapi.yaml finds what is wrong with them."""

import json

import pytest

from openapi import OpenApi

PROBLEM = {"status": 401, "title": "Unauthorized"}
HEADERS = {
    "content-type": "application/problem+json",
    "cache-control": "no-store",
    "www-authenticate": "Bearer",
}


def check(status=401, headers=None, body=PROBLEM, target="/v1/nodes", method="GET"):
    document = OpenApi()
    document.check(method, target, status, HEADERS if headers is None else headers, json.dumps(body).encode())
    return document.seen


def test_a_right_answer_is_noted():
    assert check() == {("get", "/v1/nodes", "401")}
    assert check(target="/v1/credentials/1%3Ax/revoke", method="POST") == {
        ("post", "/v1/credentials/{username}/revoke", "401")
    }


@pytest.mark.parametrize(
    "wrong",
    [
        {"status": 418},
        {"target": "/v1/other"},
        {"headers": {**HEADERS, "cache-control": "public"}},
        {"headers": {name: value for name, value in HEADERS.items() if name != "www-authenticate"}},
        {"headers": {**HEADERS, "content-type": "text/html"}},
        {"body": {"status": 401}},
        {"body": {**PROBLEM, "status": "401"}},
        {"body": {**PROBLEM, "more": 1}},
        {"body": {**PROBLEM, "title": ""}},
    ],
)
def test_a_wrong_answer_is_an_error(wrong):
    with pytest.raises((AssertionError, KeyError)):
        check(**wrong)


def test_every_schema_uses_only_words_that_are_checked():
    document = OpenApi()
    known = {
        *("type", "properties", "items", "const", "enum", "pattern", "minimum", "maximum", "minLength", "maxLength"),
        *("minItems", "required", "additionalProperties", "description", "$ref"),
    }

    def walk(schema: dict) -> None:
        assert set(schema) <= known, schema
        for part in schema.get("properties", {}).values():
            walk(part)
        if "items" in schema:
            walk(schema["items"])

    for schema in document.document["components"]["schemas"].values():
        walk(schema)
