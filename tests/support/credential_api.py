"""The credential API as its clients use it: raw HTTP over each of its fronts, what came back as TURN credentials, and a
server that has it."""

from __future__ import annotations

import json
import ssl
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPSConnection

from certificates import test_authority
from server_fixture import LISTENER, Server, free_port
from turn_client import Credentials

API_KEY = "a key that only one application knows"
TENANT = "nextcloud"
ORIGIN = "https://console.example.test"
TIMEOUT_SECONDS = 10.0


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict:
        return json.loads(self.body)

    def assert_problem(self, status: int) -> dict:
        """RFC 9457, and never in a cache."""
        assert self.status == status, (self.status, self.body)
        assert self.headers["content-type"] == "application/problem+json"
        assert self.headers["cache-control"] == "no-store"
        assert self.json["status"] == status and self.json["title"]
        return self.json


class Api:
    """One front of the API; each call is a connection of its own."""

    def __init__(self, host: str, port: int, *, is_tls: bool = False, source: str | None = None):
        self.host, self.port, self.is_tls, self.source = host, port, is_tls, source

    def connection(self) -> HTTPConnection:
        source = (self.source, 0) if self.source else None
        if not self.is_tls:
            return HTTPConnection(self.host, self.port, timeout=TIMEOUT_SECONDS, source_address=source)
        context = ssl.create_default_context(cafile=str(test_authority().certificate))
        context.check_hostname = False
        return HTTPSConnection(
            self.host, self.port, timeout=TIMEOUT_SECONDS, source_address=source, context=context
        )

    def ask(self, method: str, target: str, body: bytes | str | None = None, **headers: str) -> Answer:
        """Keywords are headers: Content_Type="..."."""
        connection = self.connection()
        try:
            names = {name.replace("_", "-"): value for name, value in headers.items()}
            connection.request(method, target, body=body, headers=names)
            response = connection.getresponse()
            fields = {name.lower(): value for name, value in response.getheaders()}
            return Answer(response.status, fields, response.read())
        finally:
            connection.close()

    def mint(self, token: str, body: dict | None = None, **headers: str) -> Answer:
        if body is None:
            return self.ask("POST", "/v1/ice-servers", Authorization=f"Bearer {token}", **headers)
        return self.ask(
            "POST",
            "/v1/ice-servers",
            json.dumps(body),
            Authorization=f"Bearer {token}",
            Content_Type="application/json",
            **headers,
        )

    def rest(self, target: str = "/?service=turn&username=alice&key=" + API_KEY.replace(" ", "+")) -> Answer:
        return self.ask("GET", target)


def rest_credentials(answer: Answer) -> Credentials:
    assert answer.status == 200, answer.body
    return Credentials(answer.json["username"], answer.json["password"])


def parts_of(username: str) -> dict[str, str]:
    expiry, middle, jti = username.split(":")
    kid, tenant, subject_hash = middle.split(".")
    return {"expiry": expiry, "kid": kid, "tenant": tenant, "subject_hash": subject_hash, "jti": jti}


def settings(**credentials) -> dict:
    return {
        "roles": ["relay", "credentials"],
        "region": "eu",
        "node": "turn.example.test",
        "credentials": {
            "listener": {"address": LISTENER, "port": free_port(LISTENER)},
            "api_keys": [{"key": "of another", "tenant": "janus"}, {"key": API_KEY, "tenant": TENANT}],
            "allowed_origins": [ORIGIN],
            "mints": {"per_subject": 0, "per_source": 0, "per_tenant": 0},
            **credentials,
        },
    }


def own_front(server: Server, **options) -> Api:
    listener = server.settings["credentials"]["listener"]
    return Api(LISTENER, listener["port"], is_tls=listener.get("tls", False), **options)
