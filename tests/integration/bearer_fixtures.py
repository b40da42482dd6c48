"""What the tests of bearer tokens share: a server that takes them, an issuer, and how a refusal looks."""

from __future__ import annotations

import functools

import pytest

from certificates import CertificatePair, test_authority
from credential_api import Api
from server_fixture import LISTENER, Server, free_port
from token_issuer import TokenIssuer

DISCOVERY = "/.well-known/openid-configuration"


def settings(*issuers: dict, **credentials) -> dict:
    return {
        "roles": ["relay", "credentials"],
        "region": "eu",
        "node": "turn.example.test",
        "credentials": {
            "listener": {"address": LISTENER, "port": free_port(LISTENER)},
            "issuers": list(issuers),
            "ca_file": str(test_authority().certificate),
            "mints": {"per_subject": 0, "per_source": 0, "per_tenant": 0},
            **credentials,
        },
    }


@functools.cache
def certificate_for(name: str) -> CertificatePair:
    return test_authority().issue(f"issuer-{name}", name)


def api_of(server: Server) -> Api:
    return Api(LISTENER, server.settings["credentials"]["listener"]["port"])


def failures(server: Server, reason: str) -> float:
    return server.metric("senso_turn_bearer_failures_total", reason=reason)


@pytest.fixture
def start(tmp_path):
    started: list[Server] = []

    def launch(configuration: dict, **options) -> Server:
        started.append(Server(tmp_path / f"server{len(started)}", configuration, **options))
        return started[-1].start()

    yield launch
    for server in started:
        server.stop()


@pytest.fixture
def own_issuer():
    with TokenIssuer(certificate_for("127.0.0.1")) as issuer:
        yield issuer


def assert_refused(server: Server, token: str, reason: str) -> None:
    before = failures(server, reason)
    answer = api_of(server).mint(token)
    answer.assert_problem(401)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert failures(server, reason) == before + 1
