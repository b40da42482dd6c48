"""Every key that the documentation calls reloadable does after a reload what it does after a start, black-box."""

from __future__ import annotations

import base64
import json
import os
import re
import signal
import time
from pathlib import Path

import pytest

from http_exchange import exchange, get
from reloading import client_of, close_clients, reload
from server_fixture import ALICE, BOB, LISTENER, SHARED_SECRET, Server, free_port, run_command
from stun_message import Attribute, Builder, Method
from tls_transport import TlsTransport
from turn_client import Credentials, TcpTransport, TurnClient, UdpTransport, timed_credentials
from waiting import eventually

# Tested in test_reload.py.
ELSEWHERE = {
    "tls.certificates",
    "peers.allow",
    "peers.deny",
    "clients.deny",
    "auth.users",
    "auth.shared_secrets",
    "limits.allocations",
    "limits.allocations_per_user",
    "limits.allocations_per_source",
}
# Refused at the start and so at a reload, or without any effect yet.
NOT_AVAILABLE = re.compile(r"credentials\.(issuers|http_proxy|ca_file)|limits\.bandwidth_(per_user|total)")


@pytest.fixture(autouse=True)
def closed_clients():
    yield
    close_clients()


@pytest.fixture
def start(tmp_path):
    servers: list[Server] = []

    def launch(**settings) -> Server:
        servers.append(Server(tmp_path / f"server{len(servers)}", settings))
        return servers[-1].start()

    yield launch
    for server in servers:
        server.stop()


@pytest.fixture
def server(start) -> Server:
    return start()


def reloadable_keys() -> set[str]:
    document = run_command("generate", "configuration").stdout
    rows = [[cell.strip() for cell in line.split(" | ")] for line in document.splitlines() if line.startswith("| `")]
    return {row[0].strip("| `") for row in rows if row[-2] == "reload" and "[]" not in row[0]}


def test_RELOAD_every_reloadable_key_has_a_test():
    texts = [file.read_text() for file in Path(__file__).parent.glob("test_reload*.py")]
    tested = {key for text in texts for key in re.findall(r"^# RELOADS (\S+)$", text, re.M)}
    keys = reloadable_keys()
    assert len(keys) > 30
    known = tested | ELSEWHERE
    assert not (tested | ELSEWHERE) - keys, "these need a restart, or are gone"
    assert {key for key in keys - known if not NOT_AVAILABLE.match(key)} == set()


# -- limits ------------------------------------------------------------------------------------------------------------


# RELOADS limits.allocations_per_tenant
def test_RELOAD_allocations_per_tenant(server):
    names = ("k1.acme.aaaa:1", "k1.acme.bbbb:2", "k1.other.cccc:3")
    clients = [client_of(server, credentials=timed_credentials(SHARED_SECRET, name=name)) for name in names]
    clients[0].allocate()
    reload(server, limits={"allocations_per_tenant": 1})
    assert clients[1].try_allocate().error == 486
    clients[2].allocate()
    clients[0].refresh()
    for client in (clients[0], clients[2]):
        client.refresh(0)


# RELOADS limits.permissions_per_allocation
def test_RELOAD_permissions_per_allocation(server, make_peer):
    client, peers = client_of(server), [make_peer(f"127.0.0.{number}") for number in range(41, 45)]
    client.allocate()
    client.create_permission(*(peer.endpoint for peer in peers[:3]))
    reload(server, limits={"permissions_per_allocation": 2})
    assert client.try_create_permission(peers[3].endpoint).error in (486, 508)
    client.create_permission(peers[0].endpoint)
    client.send_indication(peers[2].endpoint, b"still there")
    assert peers[2].receive() == b"still there"
    reload(server, limits={"permissions_per_allocation": 4})
    client.create_permission(peers[3].endpoint)
    client.refresh(0)


# RELOADS limits.channels_per_allocation
def test_RELOAD_channels_per_allocation(server, make_peer):
    client, peers = client_of(server), [make_peer() for _ in range(3)]
    client.allocate()
    client.channel_bind(0x4000, peers[0].endpoint)
    client.channel_bind(0x4001, peers[1].endpoint)
    reload(server, limits={"channels_per_allocation": 1})
    assert client.try_channel_bind(0x4002, peers[2].endpoint).error in (486, 508)
    client.channel_bind(0x4000, peers[0].endpoint)
    client.send_channel(0x4001, b"still there")
    assert peers[1].receive() == b"still there"
    reload(server, limits={"channels_per_allocation": 3})
    client.channel_bind(0x4002, peers[2].endpoint)
    client.refresh(0)


# RELOADS limits.bandwidth_per_allocation
# RELOADS limits.packets_per_allocation
# RELOADS limits.bandwidth_per_user
# RELOADS limits.packets_per_user
# RELOADS limits.bandwidth_total
# RELOADS limits.packets_total
@pytest.mark.parametrize("limit", [{"bandwidth_per_allocation": "80kbit"}, {"packets_per_allocation": 10},
                                   {"bandwidth_per_user": "80kbit"}, {"packets_per_user": 10},
                                   {"bandwidth_total": "80kbit"}, {"packets_total": 10}])  # fmt: skip
@pytest.mark.parametrize("transport", ["udp", "tcp"])
def test_RELOAD_rates_of_live_allocations(server, peer, transport, limit):
    client = client_of(server, transport)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)

    def burst() -> float:
        before = server.metric("senso_turn_dropped_packets_total", reason="over_limit")
        for _ in range(100):
            client.send_channel(0x4000, bytes(1000))
        assert client.refresh().is_success
        while peer.receive_from(0.1) is not None:
            pass
        return server.metric("senso_turn_dropped_packets_total", reason="over_limit") - before

    assert burst() == 0
    reload(server, limits=limit)
    assert burst() > 0
    reload(server, limits={name: 0 for name in limit})
    assert burst() == 0
    client.refresh(0)


# RELOADS limits.connections_per_source
def test_RELOAD_connections_per_source(server):
    held = [TurnClient(TcpTransport(server.tcp, ("127.0.0.94", 0))) for _ in range(3)]
    assert all(client.binding().is_success for client in held)
    reload(server, limits={"connections_per_source": 2})
    fourth = TcpTransport(server.tcp, ("127.0.0.94", 0))
    assert fourth.is_closed_within(8)
    assert all(client.binding().is_success for client in held)
    reload(server, limits={"connections_per_source": 4})
    assert TurnClient(TcpTransport(server.tcp, ("127.0.0.94", 0))).binding().is_success
    for client in held:
        client.close()


# RELOADS limits.challenges_per_source.rate
# RELOADS limits.challenges_per_source.burst
def test_RELOAD_challenges_per_source(server):
    def answers(address: str) -> int:
        stranger = UdpTransport(server.udp, (address, 0))
        for _ in range(20):
            stranger.send(Builder(Method.BINDING).build())
        found = 0
        while stranger.receive(0.3) is not None:
            found += 1
        stranger.close()
        return found

    assert answers("127.0.0.71") == 20
    reload(server, limits={"challenges_per_source": {"rate": 1, "burst": 3}})
    assert 3 <= answers("127.0.0.72") < 10
    reload(server, limits={"challenges_per_source": {"rate": 0}})
    assert answers("127.0.0.72") == 20


# -- lifetimes ---------------------------------------------------------------------------------------------------------


# RELOADS lifetimes.default
# RELOADS lifetimes.max
def test_RELOAD_lifetimes_of_allocations(server):
    client = client_of(server)
    assert client.allocate().lifetime == 600
    reload(server, lifetimes={"default": "50s", "max": "100s"})
    newcomer = client_of(server)
    assert newcomer.allocate().lifetime == 50
    assert newcomer.refresh(3600).lifetime == 100
    assert client.refresh(3600).lifetime == 100, "a new promise is made by the new rules"
    client.refresh(0)
    newcomer.refresh(0)


# RELOADS lifetimes.permission
# RELOADS lifetimes.channel
def test_RELOAD_lifetimes_of_permissions_and_channels(server, make_peer):
    client, old, new = client_of(server), make_peer(), make_peer("127.0.0.4")
    client.allocate()
    client.channel_bind(0x4000, old.endpoint)
    reload(server, lifetimes={"permission": "1s", "channel": "1s"})
    client.channel_bind(0x4001, new.endpoint)
    assert server.metric("senso_turn_permissions") + server.metric("senso_turn_channels") <= 4
    assert eventually(lambda: server.metric("senso_turn_channels") == 1)
    assert eventually(lambda: server.metric("senso_turn_permissions") == 1)
    client.send_channel(0x4000, b"as it was promised")
    assert old.receive() == b"as it was promised"
    client.refresh(0)


# RELOADS lifetimes.nonce
def test_RELOAD_lifetime_of_nonces(server):
    client = client_of(server)
    client.allocate()
    reload(server, lifetimes={"nonce": "1s"})
    time.sleep(2)
    assert client.request(Method.REFRESH, retry=False).error == 438
    client.refresh(0)


# RELOADS auth.expired_refresh.policy
# RELOADS auth.expired_refresh.max
def test_RELOAD_refresh_after_the_expiry_of_the_name(server):
    client = client_of(server, credentials=timed_credentials(SHARED_SECRET, seconds=3))
    client.allocate()
    time.sleep(4)
    assert client.refresh().is_success
    reload(server, auth={"expired_refresh": {"policy": "refuse"}})
    assert client.try_refresh().error == 401
    reload(server, auth={"expired_refresh": {"policy": "grace"}})
    assert client.refresh().is_success
    reload(server, auth={"expired_refresh": {"max": "0s"}})
    assert client.try_refresh().error == 401
    client.refresh(0)


# -- protocol ----------------------------------------------------------------------------------------------------------


# RELOADS protocol.udp_relay
def test_RELOAD_udp_relay(server, peer):
    client = client_of(server)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    reload(server, protocol={"udp_relay": False})
    assert client_of(server).try_allocate().error == 403
    client.send_channel(0x4000, b"as it was promised")
    assert peer.receive() == b"as it was promised"
    assert client.refresh().is_success
    reload(server, protocol={"udp_relay": True})
    newcomer = client_of(server)
    newcomer.allocate()
    for each in (client, newcomer):
        each.refresh(0)


# RELOADS protocol.mobility
def test_RELOAD_mobility(server):
    def try_allocate():
        client = client_of(server)
        response = client.try_allocate(fill=lambda m: m.add(Attribute.MOBILITY_TICKET))
        if response.is_success:
            client.refresh(0)
        return response

    assert try_allocate().error == 405
    reload(server, protocol={"mobility": True})
    assert Attribute.MOBILITY_TICKET in try_allocate()
    reload(server, protocol={"mobility": False})
    assert try_allocate().error == 405


# RELOADS auth.access_tokens.server_name
# RELOADS auth.access_tokens.keys
def test_RELOAD_access_tokens(server):
    def offered():
        return client_of(server, credentials=None).challenge().find(Attribute.THIRD_PARTY_AUTHORIZATION)

    key = base64.b64encode(bytes(range(32))).decode()
    assert offered() is None
    reload(server, auth={"access_tokens": {"server_name": "one.example", "keys": [{"kid": "k", "key": key}]}})
    assert offered() == b"one.example"
    reload(server, auth={"access_tokens": {"server_name": "other.example"}})
    assert offered() == b"other.example"
    reload(server, auth={"access_tokens": None})
    assert offered() is None


# RELOADS check_page.enabled
def test_RELOAD_the_check_page(server):
    def status() -> int:
        http = TlsTransport(server.edge)
        try:
            return exchange(http, get("/check")).status
        finally:
            http.close()

    assert status() == 404
    reload(server, check_page={"enabled": True})
    assert status() == 200
    reload(server, check_page={"enabled": False})
    assert status() == 404


# RELOADS redirect.when
# RELOADS redirect.servers
# RELOADS redirect.domain
def test_RELOAD_redirect(server):
    live = client_of(server)
    live.allocate()
    reload(server, redirect={"when": "always", "servers": ["198.51.100.20:3478"], "domain": "other.example"})
    response = client_of(server).try_allocate()
    assert response.error == 300 and Attribute.ALTERNATE_SERVER in response
    modern = Credentials.modern(ALICE.username, ALICE.password)
    assert Attribute.ALTERNATE_DOMAIN in client_of(server, "tls", credentials=modern).try_allocate()
    assert live.refresh().is_success
    reload(server, redirect={"when": "draining"})
    newcomer = client_of(server)
    newcomer.allocate()
    for each in (live, newcomer):
        each.refresh(0)


# RELOADS protocol.software
def test_RELOAD_software(server):
    assert Attribute.SOFTWARE not in client_of(server).binding()
    reload(server, protocol={"software": "always"})
    assert Attribute.SOFTWARE in client_of(server).binding()
    reload(server, protocol={"software": "never"})
    client = client_of(server)
    assert Attribute.SOFTWARE not in client.allocate()
    client.refresh(0)


# RELOADS protocol.classic_stun
def test_RELOAD_classic_stun(server):
    classic = bytes.fromhex("00010000") + bytes(range(16))
    transport = UdpTransport(server.udp)
    transport.send(classic)
    assert transport.receive(8) is not None
    reload(server, protocol={"classic_stun": False})
    client_of(server).assert_ignores(classic)
    transport.close()


# RELOADS protocol.password_algorithms
def test_RELOAD_password_algorithms(server):
    client = client_of(server)
    assert Attribute.PASSWORD_ALGORITHMS in client.challenge()
    client.allocate()
    reload(server, protocol={"password_algorithms": False})
    assert Attribute.PASSWORD_ALGORITHMS not in client_of(server).challenge()
    assert client.refresh().is_success, "after a new nonce, if need be"
    reload(server, protocol={"password_algorithms": True})
    modern = client_of(server, credentials=Credentials.modern(ALICE.username, ALICE.password))
    modern.allocate()
    modern.refresh(0)
    client.refresh(0)


# RELOADS protocol.username_anonymity
def test_RELOAD_username_anonymity(server):
    def announces_it() -> bool:
        client = client_of(server)
        client.challenge()
        return client.nonce[len("obMatJos2") :][:4] == "wAAA"

    assert announces_it()
    reload(server, protocol={"username_anonymity": False})
    assert not announces_it()
    reload(server, protocol={"username_anonymity": True})
    assert announces_it()


# RELOADS protocol.nat_discovery.padding
# RELOADS protocol.nat_discovery.response_port
@pytest.mark.parametrize(
    "switch, attribute", [("padding", Attribute.PADDING), ("response_port", Attribute.RESPONSE_PORT)]
)
def test_RELOAD_what_nat_discovery_honours(start, switch, attribute):
    discovery = {"alternate_address": "127.0.0.5", "alternate_port": free_port(LISTENER)}
    server = start(protocol={"nat_discovery": discovery})
    client = client_of(server)
    value = bytes(64) if attribute == Attribute.PADDING else bytes([*client.local[1].to_bytes(2, "big"), 0, 0])

    def ask():
        return client.binding(lambda message: message.add(attribute, value))

    assert ask().error == 420
    reload(server, protocol={"nat_discovery": {switch: True}})
    assert ask().is_success
    reload(server, protocol={"nat_discovery": {switch: False}})
    assert ask().error == 420


# -- the process -------------------------------------------------------------------------------------------------------


# RELOADS drain.deadline
def test_RELOAD_drain_deadline(start):
    server = start(drain={"deadline": "1h"})
    client = client_of(server)
    client.allocate()
    reload(server, drain={"deadline": "2s"})
    os.kill(server.pid, signal.SIGTERM)
    assert server.wait(30) == 0
    assert "deadline_seconds=2" in server.log() and "the drain deadline has passed" in server.log()
    server.process = None


# RELOADS log.format
# RELOADS log.level
def test_RELOAD_log(server):
    reload(server, log={"format": "json"})
    last = json.loads(server.log().splitlines()[-1])
    assert last["level"] in ("info", "warning")
    reload(server, log={"level": "error"})
    size = len(server.log())
    reload(server, limits={"allocations": 17})
    assert len(server.log()) == size
    reload(server, log={"level": "info", "format": "text"})
    assert " info the configuration was read again " in server.log()[size:]


# -- what other commands read ------------------------------------------------------------------------------------------


def test_RELOAD_keys_that_the_server_itself_has_no_use_for_are_no_obstacle(server):
    answer = reload(
        server, node="turn.example.test", region="here", credentials={"ttl": {"default": "2h", "max": "3h"}}
    )
    assert answer.startswith("changed region, node, credentials.ttl.default, credentials.ttl.max\n")


def test_RELOAD_two_users_swap_their_passwords(server):
    users = [(ALICE.username, BOB.password), (BOB.username, ALICE.password)]
    reload(server, auth={"users": [{"username": name, "password": password} for name, password in users]})
    for name, password in users:
        client = client_of(server, credentials=Credentials(name, password))
        client.allocate()
        client.refresh(0)
    assert client_of(server).try_allocate().error == 401


def test_RELOAD_all_users_and_secrets_can_go(server):
    reload(server, auth={"users": [], "shared_secrets": []})
    assert client_of(server).try_allocate().error == 401
    assert client_of(server).binding().is_success
