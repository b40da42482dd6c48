"""Redirecting clients (RFC 8489 sections 10 and 14.15, RFC 8656 section 7.2, RFC 8155 section 6), black-box."""

from __future__ import annotations

import time

import pytest

from server_fixture import ALICE, LISTENER, LISTENER_V6, PEER, Server, listeners, needs_ipv6
from stun_message import UDP, Attribute, Builder, Endpoint, Method, decode_address
from transports import ALL, ENCRYPTED
from turn_client import Credentials, TurnClient

TRANSPORTS = ALL

OTHER = ("198.51.100.20", 3478)
THIRD = ("198.51.100.21", 3478)
OTHER_V6 = ("2001:db8::20", 3478)
DOMAIN = "eu02.turn.example.test"

# A second address of the listeners' host, which plays the anycast one.
ANYCAST = "127.0.0.9"


def spelled(endpoint: Endpoint) -> str:
    host, port = endpoint
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def redirect(*servers: Endpoint, when: str = "always", domain: str | None = DOMAIN) -> dict:
    setting = {"when": when, "servers": [spelled(server) for server in servers]}
    return setting if domain is None else {**setting, "domain": domain}


SETTINGS = {"redirect": redirect(OTHER_V6, OTHER)}

OLD = ALICE
MODERN = Credentials.modern(ALICE.username, ALICE.password)


def alternates(response) -> list[Endpoint]:
    """ALTERNATE-SERVER in their order."""
    return [decode_address(value) for value in response.find_all(Attribute.ALTERNATE_SERVER)]


FAMILIES = [
    pytest.param(LISTENER, [OTHER, OTHER_V6], id="ipv4-client"),
    pytest.param(LISTENER_V6, [OTHER_V6, OTHER], id="ipv6-client", marks=needs_ipv6),
]


# -- whom it concerns -------------------------------------------------------------------------------------------------


def test_AUTH_45_stranger_is_challenged(client):
    asked = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
    response = client.transact(asked.build())
    assert response.error == 401
    assert alternates(response) == []


def test_AUTH_45_wrong_password_is_401(connect, transport):
    client = connect(transport, Credentials(ALICE.username, "wrong"))
    response = client.try_allocate()
    assert response.error == 401
    assert alternates(response) == []


@pytest.mark.parametrize("credentials", [OLD, MODERN], ids=["sha1", "sha256"])
def test_AUTH_45_answer_is_signed(connect, transport, credentials):
    """The client verifies what is there; here it has to be there."""
    client = connect(transport, credentials)
    response = client.try_allocate()
    assert response.error == 300
    assert (Attribute.MESSAGE_INTEGRITY_SHA256 if credentials is MODERN else Attribute.MESSAGE_INTEGRITY) in response


def test_AUTH_45_only_an_allocate_is_redirected(client):
    assert client.binding().is_success
    assert client.try_refresh().error == 437
    assert client.try_create_permission((PEER, 9)).error == 437


def test_TURN_43_what_is_wrong_anyway_is_not_redirected(client):
    assert client.try_allocate(protocol=99).error == 442
    assert client.try_allocate(family=3).error == 440
    assert client.request(Method.ALLOCATE).error == 400


def test_TURN_43_nothing_is_left_behind(client, server):
    before = server.metric("senso_turn_allocations")
    assert client.try_allocate().error == 300
    assert server.metric("senso_turn_allocations") == before


# -- what it says -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("address", "expected"), FAMILIES)
def test_AUTH_46_the_clients_family_comes_first_and_unxored(connect, transport, address, expected):
    response = connect(transport, address=address).try_allocate()
    assert response.error == 300
    assert alternates(response) == expected


@needs_ipv6
def test_AUTH_46_without_a_server_of_its_family_a_client_is_served(launch, connect, transport):
    at = launch(redirect=redirect(OTHER_V6))
    assert connect(transport, at=at).allocate().is_success
    response = connect(transport, at=at, address=LISTENER_V6).try_allocate()
    assert response.error == 300
    assert alternates(response) == [OTHER_V6]


def test_AUTH_46_clients_are_spread(launch, connect, transport):
    client = connect(transport, at=launch(redirect=redirect(OTHER, THIRD)))
    seen = {alternates(client.try_allocate())[0] for _ in range(64)}
    assert seen == {OTHER, THIRD}


@pytest.mark.parametrize("credentials", [OLD, MODERN], ids=["sha1", "sha256"])
def test_AUTH_47_domain_is_for_those_who_check_a_certificate_and_know_the_attribute(connect, transport, credentials):
    response = connect(transport, credentials).try_allocate()
    assert response.error == 300
    expects = transport in ENCRYPTED and credentials is MODERN
    assert response.find(Attribute.ALTERNATE_DOMAIN) == (DOMAIN.encode() if expects else None)


def test_AUTH_47_same_certificate_needs_no_domain(launch, connect, transport):
    client = connect(transport, MODERN, at=launch(redirect=redirect(OTHER, domain=None)))
    response = client.try_allocate()
    assert response.error == 300
    assert response.find(Attribute.ALTERNATE_DOMAIN) is None


# -- anycast ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def anycast(launch) -> Server:
    """Listeners at two addresses. Every transport of the unicast address is named."""
    sockets = listeners(LISTENER, ANYCAST)
    unicast = sorted({entry["port"] for entry in sockets if entry["address"] == LISTENER})
    return launch(listeners=sockets, redirect=redirect(*[(LISTENER, port) for port in unicast]))


def test_MISC_03_anycast_address_answers_with_the_unicast_one_which_serves(anycast, connect, transport):
    unicast = {(LISTENER, entry["port"]) for entry in anycast.settings["listeners"] if entry["address"] == LISTENER}
    client = connect(transport, at=anycast, address=ANYCAST)
    for _ in range(8):
        response = client.try_allocate()
        assert response.error == 300
        assert alternates(response)[0] in unicast
    assert connect(transport, at=anycast).allocate().is_success


def test_MISC_03_wildcard_listener_knows_which_address_was_asked(launch, connect):
    sockets = listeners("0.0.0.0", transports=("udp",))
    at = launch(listeners=sockets, redirect=redirect((LISTENER, sockets[0]["port"])))
    response = connect(at=at, address=ANYCAST).try_allocate()
    assert response.error == 300
    assert alternates(response) == [(LISTENER, sockets[0]["port"])]
    assert connect(at=at).allocate().is_success


# -- draining ---------------------------------------------------------------------------------------------------------


@pytest.fixture
def start(tmp_path):
    servers = []

    def make(**settings) -> Server:
        server = Server(tmp_path / str(len(servers)), {"drain": {"deadline": "1h"}, **settings})
        servers.append(server)
        return server.start()

    yield make
    for server in servers:
        server.kill()


def drain(server: Server, client: TurnClient) -> None:
    """Until the shard of `client` knows: it serves at most eight rounds of datagrams before it looks into its mailbox."""
    server.terminate()
    deadline = time.monotonic() + 5
    while server.get("/readyz")[0] != 503:
        assert time.monotonic() < deadline
        time.sleep(0.02)
    for _ in range(8):
        assert client.transact(Builder(Method.BINDING).build()).is_success


def ends_with_its_last_allocation(server: Server, client: TurnClient) -> bool:
    client.refresh(0)
    return server.wait(10) == 0


def test_TURN_43_draining_server_redirects_and_serves_whom_it_has(start, connect, transport, peer):
    server = start(redirect=redirect(OTHER, when="draining"))
    old, new = connect(transport, at=server), connect(transport, at=server)
    old.allocate()
    old.channel_bind(0x4000, peer.endpoint)
    new.challenge()
    drain(server, new)
    response = new.try_allocate()
    assert response.error == 300
    assert alternates(response) == [OTHER]
    assert old.try_allocate().error == 437
    old.send_channel(0x4000, b"still here")
    assert peer.receive() == b"still here"
    peer.send(b"me too", old.relayed)
    assert old.receive_channel_data().payload == b"me too"
    assert old.refresh().is_success
    assert old.create_permission(peer.endpoint).is_success
    assert ends_with_its_last_allocation(server, old)


def test_TURN_43_draining_server_does_not_name_itself(start, connect):
    udp = listeners(LISTENER, transports=("udp",))
    server = start(listeners=udp, redirect=redirect((LISTENER, udp[0]["port"]), OTHER, when="draining"))
    old, new = connect(at=server), connect(at=server)
    old.allocate()
    new.challenge()
    drain(server, new)
    for _ in range(8):
        assert alternates(new.try_allocate()) == [OTHER]
    assert ends_with_its_last_allocation(server, old)


@needs_ipv6
def test_TURN_43_draining_server_without_one_of_the_family_is_508(start, connect):
    server = start(redirect=redirect(OTHER_V6, when="draining"))
    old, new = connect(at=server), connect(at=server)
    old.allocate()
    new.challenge()
    drain(server, new)
    response = new.try_allocate()
    assert response.error == 508
    assert alternates(response) == []
    assert ends_with_its_last_allocation(server, old)
