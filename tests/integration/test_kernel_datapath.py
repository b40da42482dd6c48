"""The datapath in the kernel: a server between two Ethernet segments, clients on one and peers on the other."""

from __future__ import annotations

import ctypes
import itertools
import json
import os
import platform
import signal
import struct
import subprocess
import time
from collections.abc import Callable, Iterator

import pytest

from network_namespaces import Host, HostedServer
from relay_site import (CHANNEL, PEER, PEER_V6, RELAY_V6, SERVER, SERVER_V6, Site, bound, down, relayed, settings_of,
                        up, warmed_up, warmed_up_between)  # fmt: skip
from reloading import reload
from server_fixture import ALICE, binary
from stun_message import ChannelData
from transports import open_transport
from turn_client import Peer, TurnClient
from waiting import eventually

BPF_PROG_QUERY = 16  # linux/bpf.h
BPF_TCX_INGRESS = 46
BPF_SYSCALL = {"x86_64": 321, "aarch64": 280}.get(platform.machine())

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


@pytest.fixture(scope="module")
def serve(site, tmp_path_factory) -> Iterator[Callable[..., HostedServer]]:
    """Starts servers on the site, each with a port of its own."""
    servers: list[HostedServer] = []
    ports = itertools.count(3478)

    def start(datapath: str = "tc", **changes) -> HostedServer:
        settings = settings_of(datapath, next(ports), **changes)
        server = HostedServer(site.server, tmp_path_factory.mktemp("server"), settings)
        server.start()
        servers.append(server)
        return server

    yield start
    for server in servers:
        if server.is_running:
            server.stop()


@pytest.fixture(scope="module")
def server(serve) -> HostedServer:
    return serve("tc")


@pytest.fixture
def connect(site, server) -> Iterator[Callable[..., TurnClient]]:
    clients: list[TurnClient] = []

    def make(address: str = SERVER, *, at: HostedServer = server, transport: str = "udp") -> TurnClient:
        with site.client.inside():
            clients.append(TurnClient(open_transport(transport, at.endpoint(transport, address)), ALICE))
        return clients[-1]

    yield make
    for client in clients:
        client.close()


@pytest.fixture
def make_peer(site) -> Iterator[Callable[..., Peer]]:
    peers: list[Peer] = []

    def make(address: str = PEER) -> Peer:
        with site.peer.inside():
            peers.append(Peer(address))
        return peers[-1]

    yield make
    for peer in peers:
        peer.close()


def payloads() -> list[bytes]:
    return [bytes([number % 256]) * number for number in (0, 1, 2, 3, 4, 5, 7, 8, 11, 100, 501, 1000, 1200)]


# -- the way through the kernel ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(("server_address", "peer_address"),
                         list(itertools.product((SERVER, SERVER_V6), (PEER, PEER_V6))))
def test_channel_data_passes_in_the_kernel_both_ways(connect, make_peer, server, server_address, peer_address):
    peer = make_peer(peer_address)
    client = bound(connect(server_address), peer)
    warmed_up(server, client, peer)
    packets = {direction: relayed(server, direction) for direction in ("client_to_peer", "peer_to_client")}
    octets = server.metric("senso_turn_relayed_bytes_total", path="kernel")
    in_userspace = server.metric("senso_turn_relayed_packets_total", path="userspace")
    for payload in payloads():
        assert up(client, peer, payload) == payload
        assert down(client, peer, payload) == payload
    for direction, before in packets.items():
        assert relayed(server, direction) - before == len(payloads())
    relayed_octets = server.metric("senso_turn_relayed_bytes_total", path="kernel") - octets
    assert relayed_octets == 2 * sum(map(len, payloads()))
    assert server.metric("senso_turn_relayed_packets_total", path="userspace") == in_userspace


def test_the_peer_sees_the_relayed_address(connect, make_peer, server):
    peer = make_peer()
    client = bound(connect(), peer)
    warmed_up(server, client, peer)
    client.send_channel(CHANNEL, b"x")
    assert peer.receive_from() == (b"x", client.relayed)


def test_relay_to_relay_passes_in_one_go(connect, server):
    left, right = connect(), connect()
    left.allocate()
    right.allocate()
    left.channel_bind(CHANNEL, right.relayed)
    right.channel_bind(CHANNEL, left.relayed)
    warmed_up_between(server, left, right)
    before = {path: server.metric("senso_turn_relayed_packets_total", path=path) for path in ("kernel", "userspace")}
    for payload in payloads():
        left.send_channel(CHANNEL, payload)
        assert right.receive().payload == payload
        right.send_channel(CHANNEL, payload)
        assert left.receive().payload == payload
    # Each counts at both allocations.
    assert server.metric("senso_turn_relayed_packets_total", path="kernel") - before["kernel"] == 4 * len(payloads())
    assert server.metric("senso_turn_relayed_packets_total", path="userspace") == before["userspace"]


def test_a_relay_without_the_channel_gets_a_data_indication(connect, server):
    left, right = connect(), connect()
    left.allocate()
    right.allocate()
    left.channel_bind(CHANNEL, right.relayed)
    right.create_permission(left.relayed)
    before = relayed(server, "client_to_peer")
    left.send_channel(CHANNEL, b"by userspace")
    found = right.receive()
    assert not isinstance(found, ChannelData) and found.data == b"by userspace"
    assert relayed(server, "client_to_peer") == before


def test_stream_clients_stay_in_userspace(connect, make_peer, server):
    peer = make_peer()
    client = bound(connect(transport="tcp"), peer)
    before = server.metric("senso_turn_relayed_packets_total", path="kernel")
    for _ in range(5):
        assert up(client, peer, b"up") == b"up"
        assert down(client, peer, b"down") == b"down"
    assert server.metric("senso_turn_relayed_packets_total", path="kernel") == before


def test_what_is_too_long_for_the_link_passes_to_userspace(connect, make_peer, server):
    peer = make_peer()
    client = bound(connect(), peer)
    warmed_up(server, client, peer)
    before = server.metric("senso_turn_kernel_pass_total", reason="over_mtu")
    # With the header of ChannelData it is longer than an Ethernet frame.
    payload = b"z" * 1471
    assert down(client, peer, payload) == payload
    assert server.metric("senso_turn_kernel_pass_total", reason="over_mtu") == before + 1


# -- when it must not pass --------------------------------------------------------------------------------------------


def test_nothing_passes_when_the_allocation_is_deleted(connect, make_peer, server):
    peer = make_peer()
    client = bound(connect(), peer)
    warmed_up(server, client, peer)
    counted = server.metric("senso_turn_relayed_packets_total", path="kernel")
    client.refresh(0)
    for _ in range(5):
        client.send_channel(CHANNEL, b"late")
        peer.send(b"late", client.relayed)
    peer.assert_silence()
    assert client.drain() == []
    # What the deleted allocation had carried still counts, and nothing more.
    assert server.metric("senso_turn_relayed_packets_total", path="kernel") == counted


def test_nothing_passes_when_the_permission_is_revoked(connect, make_peer, serve):
    server = serve("tc")
    peer = make_peer()
    client = bound(connect(at=server), peer)
    warmed_up(server, client, peer)
    reload(server, peers={"allow": ["fd00::/8"], "deny": [f"{PEER}/32"]})

    def is_silent() -> bool:
        counted = server.metric("senso_turn_relayed_packets_total", path="kernel")
        client.send_channel(CHANNEL, b"late")
        peer.send(b"late", client.relayed)
        return (peer.receive_from(0.2) is None and not client.drain()
                and server.metric("senso_turn_relayed_packets_total", path="kernel") == counted)

    # A shard hears of a reload in its own time.
    assert eventually(is_silent)
    assert is_silent()


def test_nothing_passes_after_expiry(connect, make_peer, serve):
    server = serve("tc", lifetimes={"permission": "3s", "channel": "3s"})
    peer = make_peer()
    client = bound(connect(at=server), peer)
    warmed_up(server, client, peer)

    def is_over() -> bool:
        client.send_channel(CHANNEL, b"x")
        return peer.receive_from(0.2) is None

    assert eventually(is_over)
    counted = server.metric("senso_turn_relayed_packets_total", path="kernel")
    for _ in range(5):
        client.send_channel(CHANNEL, b"late")
        peer.send(b"late", client.relayed)
    peer.assert_silence()
    assert client.drain() == []
    assert server.metric("senso_turn_relayed_packets_total", path="kernel") == counted
    # Another ChannelBind, and it passes again.
    client.channel_bind(CHANNEL, peer.endpoint)
    warmed_up(server, client, peer)


def test_what_is_over_the_limit_is_dropped_and_counted(connect, make_peer, serve):
    limit, sent = 20, 200
    server = serve("tc", limits={"packets_per_allocation": limit})
    peer = make_peer()
    client = bound(connect(at=server), peer)
    warmed_up(server, client, peer)
    for _ in range(sent):
        client.send_channel(CHANNEL, b"x")
    passed = 0
    while peer.receive_from(0.5) is not None:
        passed += 1
    assert 0 < passed < sent
    assert server.metric("senso_turn_dropped_packets_total", reason="over_limit") == sent - passed
    # The limit can be lifted while it runs.
    reload(server, limits={"packets_per_allocation": 0})
    for _ in range(sent):
        client.send_channel(CHANNEL, b"x")
    for _ in range(sent):
        peer.receive()


def test_the_limit_holds_over_both_datapaths_together(connect, make_peer, serve):
    limit, sent = 20, 100
    server = serve("tc", limits={"packets_per_allocation": limit})
    peer = make_peer()
    client = bound(connect(at=server), peer)
    warmed_up(server, client, peer)
    # A full second's worth is gone in the kernel; Send indications find nothing left.
    before = {path: relayed(server, "client_to_peer", path) for path in ("kernel", "userspace")}
    start = time.monotonic()
    for _ in range(sent):
        client.send_channel(CHANNEL, b"x")
        client.send_indication(peer.endpoint, b"x")

    def is_settled() -> bool:
        dropped = server.metric("senso_turn_dropped_packets_total", reason="over_limit")
        passed = sum(relayed(server, "client_to_peer", path) - before[path] for path in before)
        return dropped + passed == 2 * sent

    assert eventually(is_settled)
    seconds = time.monotonic() - start
    of_each = [relayed(server, "client_to_peer", path) - before[path] for path in ("kernel", "userspace")]
    assert of_each[0] > 0
    # Two meters would have let a second's worth pass in each.
    assert sum(of_each) <= limit * (1 + seconds) + 1


# -- the network around it --------------------------------------------------------------------------------------------


def test_an_unreachable_neighbour_is_userspaces_business_until_it_is_found(site, connect, make_peer, server):
    peer = make_peer()
    client = bound(connect(), peer)
    warmed_up(server, client, peer)
    site.peer.ip("link set uplink arp off")
    try:
        site.server.ip(f"neigh del {PEER} dev peers")

        def has_passed() -> bool:
            client.send_channel(CHANNEL, b"lost")
            return server.metric("senso_turn_kernel_pass_total", reason="no_neighbour") > 0

        assert eventually(has_passed)
    finally:
        site.peer.ip("link set uplink arp on")

    def arrives() -> bool:
        client.send_channel(CHANNEL, b"found")
        return peer.receive_from(0.2) is not None

    assert eventually(arrives)
    while peer.receive_from(0.2) is not None:
        pass
    warmed_up(server, client, peer)


def test_an_interface_that_comes_back_is_attached_again(site, connect, make_peer, server):
    peer = make_peer()
    client = bound(connect(), peer)
    warmed_up(server, client, peer)
    site.server.ip("link set peers down")
    site.server.ip("link set peers up")
    site.server.ip(f"address replace {RELAY_V6}/64 dev peers nodad")

    def arrives() -> bool:
        client.send_channel(CHANNEL, b"x")
        return peer.receive_from(0.2) is not None

    assert eventually(arrives)
    while peer.receive_from(0.2) is not None:
        pass
    warmed_up(server, client, peer)


# -- attaching and letting go -----------------------------------------------------------------------------------------


def programs_at(host: Host, interface: str) -> int:
    """How many hang at its ingress by tcx."""
    if BPF_SYSCALL is None:
        pytest.skip("the number of the bpf system call is not known here")
    index = json.loads(host.ip(f"-json link show {interface}"))[0]["ifindex"]
    query = struct.pack("=IIIIQI", index, BPF_TCX_INGRESS, 0, 0, 0, 0)
    attributes = ctypes.create_string_buffer(query, 128)
    with host.inside():
        libc = ctypes.CDLL(None, use_errno=True)
        if libc.syscall(BPF_SYSCALL, BPF_PROG_QUERY, attributes, 128) != 0:
            pytest.skip(f"this kernel has no tcx: {os.strerror(ctypes.get_errno())}")
    return struct.unpack_from("=I", attributes, 24)[0]


@pytest.fixture
def own_site() -> Iterator[Site]:
    made = Site()
    yield made
    made.close()


def own_server(site: Site, directory, datapath: str = "tc") -> HostedServer:
    return HostedServer(site.server, directory, settings_of(datapath, 3478))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_nothing_stays_attached_after_the_end(own_site, tmp_path, how):
    server = own_server(own_site, tmp_path).start()
    assert programs_at(own_site.server, "clients") == programs_at(own_site.server, "peers") == 1
    if how == signal.SIGKILL:
        server.kill()
    else:
        server.stop()
    # The kernel takes links away in its own time.
    for interface in ("clients", "peers"):
        assert eventually(lambda name=interface: programs_at(own_site.server, name) == 0)


def test_after_a_kill_the_next_one_has_the_kernel_to_itself(own_site, tmp_path):
    """Of the one that was killed in the middle of a call, neither its program nor its routes are left."""
    server = own_server(own_site, tmp_path).start()
    with own_site.peer.inside():
        peer, other = Peer(PEER), Peer(PEER)
    with own_site.client.inside():
        client = TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE)
    warmed_up(server, bound(client, peer), peer)
    former = client.relayed
    for _ in range(100):
        client.send_channel(CHANNEL, b"in the middle")
        peer.send(b"in the middle", former)
    server.kill()
    server.start()
    for interface in ("clients", "peers"):
        assert eventually(lambda name=interface: programs_at(own_site.server, name) == 1)
    client.drain()
    # Neither by the channel nor by the relayed address of the former one.
    client.send_channel(CHANNEL, b"by the former channel")
    peer.send(b"to the former address", former)
    client.assert_silence()
    # The same 5-tuple goes on with an allocation of the new one.
    assert client.try_refresh().error == 437
    warmed_up(server, bound(client, other), other)
    for one in (client, peer, other):
        one.close()
    server.stop()


def test_interfaces_that_come_are_attached_and_loopback_never(own_site, tmp_path):
    server = own_server(own_site, tmp_path)
    server.settings["listeners"][0]["address"] = "0.0.0.0"
    server.start()
    own_site.server.connect("other", own_site.peer, "other", ("10.4.0.1/24", "10.4.0.2/24"))
    own_site.server.connect("later", own_site.peer, "later", ("10.3.0.1/24", "10.3.0.2/24"))
    with own_site.client.inside():
        client = TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE)
    client.allocate()
    client.channel_bind(CHANNEL, ("10.3.0.2", 9))
    assert eventually(lambda: programs_at(own_site.server, "later") == 1)
    # By this way nothing leaves, and no address that is served is there: it is no business of ours.
    assert programs_at(own_site.server, "other") == 0
    assert programs_at(own_site.server, "lo") == 0
    own_site.server.ip("link del later")
    own_site.server.connect("later", own_site.peer, "later", ("10.3.0.1/24", "10.3.0.2/24"))
    assert eventually(lambda: programs_at(own_site.server, "later") == 1)
    client.close()
    server.stop()


def test_auto_takes_the_kernel_where_it_may(own_site, tmp_path):
    server = own_server(own_site, tmp_path, "auto").start()
    assert server.metric("senso_turn_kernel_datapath_info") == 1
    assert "relayed in the kernel" in server.log()
    server.stop()


def test_userspace_leaves_the_kernel_alone(own_site, tmp_path):
    server = own_server(own_site, tmp_path, "userspace").start()
    assert "senso_turn_kernel_datapath_info{" not in server.get("/metrics")[1]
    assert programs_at(own_site.server, "clients") == 0
    assert "relayed in userspace" in server.log()
    server.stop()


def run_without_capabilities(server: HostedServer, lacking: str = "-bpf,-net_admin,-sys_admin") -> subprocess.Popen:
    server.write_configuration()
    command = ["setpriv", f"--bounding-set={lacking}", str(binary()), "serve", "--config",
               str(server.configuration_file)]
    with server.host.inside(), server.log_file.open("wb") as log:
        server.process = subprocess.Popen(command, stdout=log, stderr=log, cwd=server.directory)
    return server.process


@pytest.mark.parametrize("datapath", ["tc", "xdp"])
def test_an_explicit_datapath_that_may_not_be_had_ends_the_start(own_site, tmp_path, datapath):
    server = own_server(own_site, tmp_path, datapath)
    assert run_without_capabilities(server).wait(30) == 1
    assert "relay.datapath" in server.log() and "CAP_BPF" in server.log()


def test_auto_says_why_it_stays_in_userspace(own_site, tmp_path):
    server = own_server(own_site, tmp_path, "auto")
    run_without_capabilities(server)
    with own_site.server.inside():
        assert eventually(server.is_ready, 30)
    assert "relayed in userspace" in server.log() and "CAP_BPF and CAP_NET_ADMIN" in server.log()
    server.stop()


@pytest.mark.parametrize("lacking", ["-perfmon,-sys_admin", "-sys_admin"])
def test_a_warning_says_that_packets_cost_more_without_perfmon(own_site, tmp_path, lacking):
    server = own_server(own_site, tmp_path)
    run_without_capabilities(server, lacking)
    with own_site.server.inside():
        assert eventually(server.is_ready, 30)
    assert ("without CAP_PERFMON" in server.log()) == ("-perfmon" in lacking)
    assert "relayed in the kernel" in server.log()
    server.stop()
