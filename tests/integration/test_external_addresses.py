"""relay.external_addresses: {auto: "stun:…"}: 1:1 NAT whose other side a STUN server tells."""

from __future__ import annotations

import json

import pytest

from server_fixture import ALICE, PEER, RELAY, Server, ServerFailed, run_command
from stun_server import StunServer
from turn_client import TurnClient, UdpTransport

SEEN_AS = "203.0.113.7"


@pytest.fixture
def stun():
    servers: list[StunServer] = []

    def start(seen_as: str | None) -> StunServer:
        servers.append(StunServer(PEER, None if seen_as is None else (seen_as, 54321)))
        return servers[-1]

    yield start
    for server in servers:
        server.close()


def relaying(tmp_path, stun_uri: str, **more) -> Server:
    return Server(tmp_path, {"relay": {"addresses": [RELAY], "external_addresses": {"auto": stun_uri, **more}}})


@pytest.mark.parametrize("uri", ["stun.example.org", "turn:stun.example.org", "stun:", "stun:a/b", "https://a"])
def test_CONFIG_what_is_no_stun_server_is_an_error_with_its_line(tmp_path, uri):
    file = tmp_path / "turn.yaml"
    file.write_text("relay:\n  external_addresses:\n    auto: " + json.dumps(uri) + "\n")
    done = run_command("check", str(file))
    assert done.returncode == 1
    assert f"{file}:3" in done.stdout + done.stderr and "is not a STUN server" in done.stdout + done.stderr


def test_a_server_that_does_not_answer_is_a_reason_not_to_start(tmp_path, stun):
    server = relaying(tmp_path, stun(None).uri)
    with pytest.raises(ServerFailed, match=f"does not tell how the world sees {RELAY}: it does not answer"):
        server.start()


def test_a_name_without_an_address_is_a_reason_not_to_start(tmp_path):
    server = relaying(tmp_path, "stun:nobody.invalid")
    with pytest.raises(ServerFailed, match=f"stun:nobody.invalid does not tell how the world sees {RELAY}"):
        server.start()


def test_an_answer_of_the_other_family_is_none(tmp_path, stun):
    server = relaying(tmp_path, stun("2001:db8::7").uri)
    with pytest.raises(ServerFailed, match="it answers 2001:db8::7"):
        server.start()


def test_what_is_in_the_map_is_not_asked_for(tmp_path, stun):
    asked = stun(None)
    server = relaying(tmp_path, asked.uri, **{RELAY: "203.0.113.9"}).start()
    try:
        client = TurnClient(UdpTransport(server.udp), ALICE)
        assert client.allocate().relayed[0] == "203.0.113.9"
        client.close()
    finally:
        server.stop()
    assert asked.asked_from == []


def test_relayed_addresses_are_those_that_the_server_tells(tmp_path, stun):
    asked = stun(SEEN_AS)
    server = relaying(tmp_path, asked.uri).start()
    try:
        client = TurnClient(UdpTransport(server.udp), ALICE)
        assert client.allocate().relayed[0] == SEEN_AS
        assert {address for address, _ in asked.asked_from} == {RELAY}
        # A reload does not ask again, and does not take it for a change.
        asked.seen_as = ("203.0.113.8", 1)
        done = run_command("reload", "--socket", server.settings["admin"]["socket"])
        assert done.returncode == 0, done.stderr
        assert client.refresh().is_success
        other = TurnClient(UdpTransport(server.udp), ALICE)
        assert other.allocate().relayed[0] == SEEN_AS
        assert len(asked.asked_from) == 1
        client.close()
        other.close()
    finally:
        server.stop()
