"""docs/openapi.yaml and the running server say the same: every answer that the document names is seen, with its headers
and its schema, and no other is."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from certificates import server_certificate, test_authority
from credential_api import API_KEY, TENANT, Answer, Api
from openapi import OpenApi
from server_fixture import LISTENER, Server, free_port
from token_issuer import ADMIN_SCOPE, Reply, TokenIssuer

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"
LONG = "a" * 17000
KEY = f"service=turn&key={quote(API_KEY)}"
REVOKE = "/v1/credentials/1795197600%3Ak1.acme.hash%3Ajti/revoke"
OPERATIONS = [
    ("POST", "/v1/ice-servers"),
    ("POST", REVOKE),
    ("POST", "/v1/revocations"),
    ("GET", "/v1/nodes"),
    ("GET", f"/?{KEY}"),
    ("POST", f"/?{KEY}"),
]
class Watched:
    """A front whose every answer is held to the document."""

    def __init__(self, document: OpenApi, api: Api):
        self.document, self.api = document, api

    def ask(self, method: str, target: str, body: str | None = None, **headers: str) -> Answer:
        answer = self.api.ask(method, target, body, **headers)
        self.document.check(method, target, answer.status, answer.headers, answer.body)
        return answer


@pytest.fixture
def issuer():
    with TokenIssuer(server_certificate()) as issuer:
        yield issuer


@pytest.fixture
def serve(tmp_path, issuer):
    servers: list[Server] = []

    def start(document: OpenApi, roles: list[str], rate: object = 0) -> Watched:
        settings = {
            "roles": roles,
            "credentials": {
                "listener": {"address": LISTENER, "port": free_port(LISTENER)},
                "api_keys": [{"key": API_KEY, "tenant": TENANT}],
                "issuers": [issuer.setting()],
                "ca_file": str(test_authority().certificate),
                "mints": {"per_subject": 0, "per_source": rate, "per_tenant": 0},
            },
        }
        servers.append(Server(tmp_path / f"server{len(servers)}", settings).start())
        return Watched(document, Api(LISTENER, settings["credentials"]["listener"]["port"]))

    yield start
    for server in servers:
        server.stop()


def ask_without_a_token(front: Watched) -> None:
    for method, target in OPERATIONS:
        path = target.partition("?")[0]
        assert front.ask("OPTIONS", path).status == 204
        assert front.ask("DELETE", path).status == 405
        assert front.ask(method, path).status == 401
        assert front.ask(method, target, LONG, Content_Type=FORM).status == 413
    for method in ("GET", "POST"):
        assert front.ask(method, f"/?{KEY}").status == 200
        assert front.ask(method, f"/?{KEY}&ttl=never").status == 422
        assert front.ask(method, f"/?{KEY}", "{}", Content_Type="application/json").status == 415


def ask_too_often(front: Watched) -> None:
    for method, target in OPERATIONS:
        front.ask(method, target)
        assert front.ask(method, target).status == 429


def ask_with_tokens(front: Watched, issuer: TokenIssuer) -> None:
    mints = {"Authorization": f"Bearer {issuer.token()}"}
    administers = {"Authorization": f"Bearer {issuer.token(scope=ADMIN_SCOPE)}"}

    def ask(method: str, target: str, rights: dict, body: str | None = None, media_type: str = JSON) -> int:
        headers = {**rights, "Content_Type": media_type} if body else rights
        return front.ask(method, target, body, **headers).status

    assert ask("POST", "/v1/ice-servers", mints) == 201
    assert ask("POST", "/v1/ice-servers", mints, '{"ice_transport_policy": "relay", "later": 1}') == 201
    assert ask("POST", "/v1/ice-servers", mints, '{"region": "nowhere"}') == 422
    assert ask("POST", "/v1/ice-servers", mints, "{}", FORM) == 415
    assert ask("POST", "/v1/ice-servers", administers) == 403
    assert ask("GET", "/v1/nodes", mints) == 403
    assert ask("GET", "/v1/nodes", administers) == 200
    assert ask("POST", REVOKE, mints) == 403
    assert ask("POST", "/v1/credentials/nobody/revoke", administers) == 422
    assert ask("POST", REVOKE, administers) == 204
    assert ask("POST", "/v1/revocations", mints, "{}") == 403
    assert ask("POST", "/v1/revocations", administers, "{}", FORM) == 415
    assert ask("POST", "/v1/revocations", administers, "{}") == 422
    assert ask("POST", "/v1/revocations", administers, '{"jti": "somebody"}') == 204


def ask_in_vain(front: Watched, issuer: TokenIssuer) -> None:
    """Without a relay, and with an issuer whose keys cannot be had."""
    issuer.replies["/keys"] = Reply(500)
    for method, target in OPERATIONS:
        assert front.ask(method, target, Authorization=f"Bearer {issuer.token()}").status == 503


def test_OPENAPI_names_every_answer_and_no_other(serve, issuer):
    document = OpenApi()
    front = serve(document, ["relay", "credentials"])
    ask_without_a_token(front)
    ask_with_tokens(front, issuer)
    ask_too_often(serve(document, ["relay", "credentials"], "1/d"))
    ask_in_vain(serve(document, ["credentials"]), issuer)
    assert document.responses() - document.seen == set()
