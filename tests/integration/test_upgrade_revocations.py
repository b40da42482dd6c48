"""`senso-turn upgrade` and who is revoked: a revocation holds in the process that took over, and in the one that still has
clients, also where no registry tells it to both."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from certificates import server_certificate, test_authority
from credential_api import Api
from server_fixture import LISTENER, free_port
from test_credential_tokens import administer, turn_of
from token_issuer import ADMIN_SCOPE, TokenIssuer
from transports import listener_of, open_transport
from turn_client import Credentials, TurnClient
from upgrade_fixtures import start  # noqa: F401
from upgrading import UpgradableServer
from waiting import eventually


@pytest.fixture(scope="module")
def issuer():
    with TokenIssuer(server_certificate()) as issuer:
        yield issuer


@pytest.fixture
def server(start, issuer, tmp_path) -> UpgradableServer:  # noqa: F811
    return start(
        roles=["relay", "credentials"],
        region="eu",
        node="turn.example.test",
        credentials={
            "listener": {"address": LISTENER, "port": free_port(LISTENER)},
            "issuers": [issuer.setting(tenant_claim="org")],
            "ca_file": str(test_authority().certificate),
            "mints": {"per_subject": 0, "per_source": 0, "per_tenant": 0},
        },
        state={"directory": str(tmp_path / "state")},
        drain={"deadline": "120s"},
    )


@pytest.fixture
def api(server) -> Api:
    return Api(LISTENER, server.settings["credentials"]["listener"]["port"])


@pytest.fixture
def client_of(server, api, issuer) -> Callable[[str, str], TurnClient]:
    clients: list[TurnClient] = []

    def make(subject: str, transport: str) -> TurnClient:
        turn = turn_of(api.mint(issuer.token(sub=subject, org="acme")))
        credentials = Credentials(turn["username"], turn["credential"])
        clients.append(TurnClient(open_transport(transport, server.endpoint(listener_of(transport))), credentials))
        clients[-1].allocate()
        return clients[-1]

    yield make
    for client in clients:
        client.close()


def revoke(api: Api, issuer: TokenIssuer, subject: str) -> None:
    administrator = issuer.token(org="acme", scope=ADMIN_SCOPE)
    assert administer(api, administrator, "/v1/revocations", {"subject": subject}).status == 204


def test_who_is_revoked_after_an_upgrade_ends_in_the_former_process_too(server, api, issuer, client_of):
    client_of("stays", "tls"), client_of("goes", "udp")
    server.upgrade()
    assert server.metric("senso_turn_allocations") == 1
    assert not server.former_has_ended()
    revoke(api, issuer, "goes")
    assert eventually(lambda: server.metric("senso_turn_allocations") == 0)
    assert not server.former_has_ended()
    revoke(api, issuer, "stays")
    assert eventually(server.former_has_ended)  # it had nobody else


def test_who_was_revoked_before_an_upgrade_stays_so(server, api, issuer, client_of):
    gone, other = client_of("gone", "udp"), client_of("other", "udp")
    revoke(api, issuer, "gone")
    server.upgrade()
    other.refresh()
    assert gone.try_refresh(0).error == 401  # and not 437: it is the name that is refused
