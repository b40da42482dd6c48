"""TCP relaying (RFC 6062): allocations that peers reach over TCP, on one shard and across two."""

import contextlib
import os
import socket
import struct
import threading
import time

import pytest

from server_fixture import ALICE, BOB, LISTENER_V6, OTHER_PEER, PEER, PEER_V6, RELAY, RELAY_V6, needs_ipv6
from stun_message import IPV6, TCP, UDP, Attribute, Message, Method
from tcp_relay import (
    DataConnection,
    TcpPeer,
    allocate,
    begin_connect,
    bind,
    bind_request,
    connection_attempt,
    is_closed,
    pipelined_bind,
    receive_exactly,
    try_connect,
)
from tcp_relay import connect as connect_to
from waiting import eventually

TRANSPORTS = ("tcp", "tls")
SETTINGS = {"protocol": {"tcp_relay": True}}

# So many new connections reach both of two shards, but once in 2^15 runs.
MANY = 16
# What RFC 6062 gives a connection to be made, and to be bound.
TIMEOUT = 30.0
MEGABYTE = 1 << 20


@pytest.fixture
def at(launch):
    return launch(**SETTINGS)


@pytest.fixture
def make_tcp_peer():
    peers: list[TcpPeer] = []

    def make(address: str = PEER, **options) -> TcpPeer:
        peers.append(TcpPeer(address, **options))
        return peers[-1]

    yield make
    for each in peers:
        each.close()


@pytest.fixture
def tcp_peer(make_tcp_peer) -> TcpPeer:
    return make_tcp_peer()


@pytest.fixture
def control(connect, transport, at):
    client = connect(transport, at=at)
    allocate(client)
    return client


@pytest.fixture
def data(connect, transport, at):
    """Makes connections that are to become data connections."""
    return lambda credentials=ALICE: connect(transport, credentials, at=at)


@pytest.fixture
def joined(control, data, tcp_peer):
    """A data connection that the client began, and the peer's end of it."""
    identifier = connect_to(control, tcp_peer.endpoint)
    connection, _ = tcp_peer.accept()
    return bind(data(), identifier), connection


# -- allocations ------------------------------------------------------------------------------------------------------


def test_TCP_01_other_protocols_are_refused(connect, transport, at):
    for protocol in (0, 1, 132, 255):
        assert connect(transport, at=at).try_allocate(protocol=protocol).error == 442


def test_TCP_01_switched_off_tcp_is_another_protocol(connect, launch, transport):
    assert connect(transport, at=launch()).try_allocate(protocol=TCP).error == 442


def test_TCP_02_udp_only_where_it_is_allowed(connect, launch, transport, at):
    assert connect(transport, at=at).allocate(protocol=UDP).is_success
    without = launch(protocol={"tcp_relay": True, "udp_relay": False})
    client = connect(transport, at=without)
    assert client.try_allocate(protocol=UDP).error == 403
    assert allocate(client).is_success


@pytest.mark.parametrize("transport", ["udp", "dtls", "wss"])
def test_TCP_03_DTLS_04_not_for_clients_without_a_byte_stream_of_their_own(connect, launch, transport):
    client = connect(transport, at=launch(**SETTINGS))
    assert client.try_allocate(protocol=TCP).error == 400
    assert client.allocate().is_success


@pytest.mark.parametrize(
    "options", [{"dont_fragment": True}, {"even_port": 0}, {"even_port": 0x80}, {"token": bytes(8)}], ids=str
)
def test_TCP_04_nothing_that_only_datagrams_have(connect, transport, at, options):
    assert connect(transport, at=at).try_allocate(protocol=TCP, **options).error == 400


def test_TCP_05_TCP_06_the_relayed_address_accepts_connections_at_once(connect, transport, at, tcp_peer):
    client = connect(transport, at=at)
    response = allocate(client)
    assert Attribute.RESERVATION_TOKEN not in response
    assert response.relayed[0] == RELAY and response.lifetime == 600
    client.create_permission(tcp_peer.endpoint)
    tcp_peer.connect(response.relayed)
    assert connection_attempt(client)


@needs_ipv6
def test_TCP_05_of_either_family(connect, transport, at, make_tcp_peer, data):
    client = connect(transport, at=at, address=LISTENER_V6)
    assert allocate(client, family=IPV6).relayed[0] == RELAY_V6
    peer = make_tcp_peer(PEER_V6)
    identifier = connect_to(client, peer.endpoint)
    connection, source = peer.accept()
    assert source == client.relayed
    bound = bind(data(), identifier)
    connection.sendall(b"six")
    assert bound.receive(3) == b"six"
    assert try_connect(client, (PEER, 9)).error == 443


def test_TCP_channels_and_indications_are_for_datagrams(control, tcp_peer, peer):
    assert control.try_channel_bind(0x4000, peer.endpoint).error == 403
    control.create_permission(peer.endpoint)
    control.send_indication(peer.endpoint, b"no")
    control.send_channel(0x4000, b"no")
    peer.assert_silence()
    assert control.refresh().is_success


# -- Connect ----------------------------------------------------------------------------------------------------------


def test_TCP_07_connect_without_allocation(connect, transport, at, tcp_peer):
    assert try_connect(connect(transport, at=at), tcp_peer.endpoint).error == 437


def test_TCP_07_connect_on_an_allocation_for_datagrams(connect, transport, at, tcp_peer):
    client = connect(transport, at=at)
    client.allocate()
    assert try_connect(client, tcp_peer.endpoint).error == 403


def test_TCP_08_two_connects_at_once_to_one_peer(control, make_tcp_peer):
    hole = make_tcp_peer(backlog=0)
    clog(hole)
    begin_connect(control, hole.endpoint)
    assert try_connect(control, hole.endpoint).error == 446
    # Another one is another matter.
    other = make_tcp_peer()
    assert try_connect(control, other.endpoint).is_success


def clog(peer: TcpPeer) -> None:
    """From now on the peer's system answers no SYN: its backlog is full."""
    for _ in range(4):
        extra = socket.socket()
        extra.setblocking(False)
        with contextlib.suppress(BlockingIOError):
            extra.connect(peer.endpoint)
        peer.connections.append(extra)


def test_TCP_09_a_connection_to_the_peer_is_there_already(control, data, tcp_peer):
    identifier = connect_to(control, tcp_peer.endpoint)
    assert try_connect(control, tcp_peer.endpoint).error == 446  # pending
    connection, _ = tcp_peer.accept()
    bound = bind(data(), identifier)
    assert try_connect(control, tcp_peer.endpoint).error == 446  # active
    connection.close()
    assert bound.read_to_end() == b""
    bound.close()
    # The shard of the data connection tells that of the control connection before the client can know. On a busy machine
    # that shard may find the client's request before it looks into its mailbox.
    answers: list[Message] = []

    def is_connected() -> bool:
        answers.append(try_connect(control, tcp_peer.endpoint))
        assert answers[-1].is_success or answers[-1].error == 446
        return answers[-1].is_success

    assert eventually(is_connected)
    assert answers[-1].u32(Attribute.CONNECTION_ID) != identifier


def test_TCP_10_connect_without_a_valid_peer(control):
    assert control.request(Method.CONNECT).error == 400
    for value in (b"", bytes(4), bytes([0, 1, 0, 1, 0, 0, 0]), bytes([0, 3, 0, 1, 0, 0, 0, 0])):
        assert control.request(Method.CONNECT, lambda m, v=value: m.add(Attribute.XOR_PEER_ADDRESS, v)).error == 400
    assert try_connect(control, (PEER, 0)).error == 400


def test_TCP_11_connect_to_who_must_not_be_reached(connect, launch, transport, at, tcp_peer):
    safe = launch(protocol={"tcp_relay": True}, peers=None)
    client = connect(transport, at=safe)
    allocate(client)
    for peer in (("127.0.0.1", 22), ("127.0.0.1", safe.tcp[1]), client.relayed, ("169.254.169.254", 80), ("0.0.0.0", 80)):
        assert try_connect(client, peer).error == 403, peer
    allowed = connect(transport, at=at)
    allocate(allowed)
    # Whatever is allowed: the server's own sockets, and relay ports that are nobody's.
    for peer in (at.tcp, at.edge, at.tls, allowed.relayed, (RELAY, 50001)):
        assert try_connect(allowed, peer).error == 403, peer


def test_TCP_11_A8_two_allocations_of_this_server_reach_each_other(connect, transport, at, control, data):
    other = connect("tcp", BOB, at=at)
    allocate(other)
    other.create_permission(control.relayed)
    first = connect_to(control, other.relayed)
    second, source = connection_attempt(other)
    assert source == control.relayed
    left = bind(data(), first)
    right = bind(connect("tcp", BOB, at=at), second)
    left.send(b"over there")
    assert right.receive(10) == b"over there"
    right.send(b"and back")
    assert left.receive(8) == b"and back"


def test_TCP_12_a_peer_that_refuses(control, tcp_peer):
    tcp_peer.listener.close()
    closed = (PEER, 1)
    assert try_connect(control, closed).error == 447
    assert try_connect(control, closed).error == 447  # not 446: it is over
    assert control.refresh().is_success


def test_TCP_13_TCP_14_the_peer_sees_the_relayed_address(control, data, make_tcp_peer):
    identifiers = set()
    for _ in range(20):
        peer = make_tcp_peer()
        identifiers.add(connect_to(control, peer.endpoint))
        _, source = peer.accept()
        assert source == control.relayed
    assert len(identifiers) == 20
    ordered = sorted(identifiers)
    assert min(b - a for a, b in zip(ordered, ordered[1:])) > 1, "identifiers are counted up"


def test_TCP_12_TCP_15_what_takes_longer_than_thirty_seconds(control, data, make_tcp_peer):
    hole, silent, caller = make_tcp_peer(backlog=0), make_tcp_peer(), make_tcp_peer(OTHER_PEER)
    clog(hole)
    began = time.monotonic()
    waiting = begin_connect(control, hole.endpoint)
    unbound = connect_to(control, silent.endpoint)
    connection, _ = silent.accept()
    control.create_permission(caller.endpoint)
    incoming = caller.connect(control.relayed)
    unanswered, _ = connection_attempt(control)
    response = control.wait_for_response(waiting, 2 * TIMEOUT)
    assert response.error == 447
    assert time.monotonic() - began >= TIMEOUT
    assert is_closed(connection) and is_closed(incoming)
    for identifier in (unbound, unanswered):
        assert data().request(Method.CONNECTION_BIND, bind_request(identifier)).error == 400
    # And the allocation goes on.
    assert bind(data(), connect_to(control, make_tcp_peer().endpoint))


# -- peers that connect -----------------------------------------------------------------------------------------------


def test_TCP_16_a_peer_without_permission(control, tcp_peer, make_tcp_peer):
    assert is_closed(tcp_peer.connect(control.relayed))
    control.create_permission((OTHER_PEER, 0))
    assert is_closed(tcp_peer.connect(control.relayed))
    control.assert_silence()


def test_TCP_17_TCP_22_a_peer_that_connects(control, data, tcp_peer):
    control.create_permission((PEER, 0))
    connection = tcp_peer.connect(control.relayed)
    identifier, source = connection_attempt(control)
    assert source == connection.getsockname()
    bound = bind(data(), identifier)
    connection.sendall(b"hello")
    assert bound.receive(5) == b"hello"
    bound.send(b"hello yourself")
    assert receive_exactly(connection, 14) == b"hello yourself"


def test_TCP_17_many_peers_on_whatever_shard(control, data, make_tcp_peer):
    control.create_permission((PEER, 0))
    for number in range(MANY):
        connection = make_tcp_peer().connect(control.relayed)
        identifier, _ = connection_attempt(control)
        bound = bind(data(), identifier)
        connection.sendall(bytes([number]))
        bound.send(bytes([number + 1]))
        assert bound.receive(1) == bytes([number])
        assert receive_exactly(connection, 1) == bytes([number + 1])


# -- ConnectionBind ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", "dtls", "wss"])
def test_TCP_19_B83_binding_needs_tcp_or_tls(connect, launch, transport, tcp_peer):
    server = launch(**SETTINGS)
    control = connect("tcp", at=server)
    allocate(control)
    identifier = connect_to(control, tcp_peer.endpoint)
    client = connect(transport, at=server)
    assert client.request(Method.CONNECTION_BIND, bind_request(identifier)).error == 400
    assert bind(connect("tcp", at=server), identifier)


def test_TCP_20_B83_binding_what_is_not_there(control, data, tcp_peer):
    assert data().request(Method.CONNECTION_BIND).error == 400
    for value in (b"", bytes(3), bytes(8)):
        fill = lambda m, v=value: m.add(Attribute.CONNECTION_ID, v)  # noqa: E731
        assert data().request(Method.CONNECTION_BIND, fill).error == 400
    for identifier in (0, 1, 0xFFFFFFFF):
        assert data().request(Method.CONNECTION_BIND, bind_request(identifier)).error == 400
    identifier = connect_to(control, tcp_peer.endpoint)
    tcp_peer.accept()
    assert control.request(Method.CONNECTION_BIND, bind_request(identifier)).error == 400  # the control connection
    assert bind(data(), identifier)
    for _ in range(4):
        assert data().request(Method.CONNECTION_BIND, bind_request(identifier)).error == 400  # twice


def test_TCP_20_a_refused_connection_may_try_again(control, data, tcp_peer):
    client = data()
    for _ in range(3):
        assert client.request(Method.CONNECTION_BIND, bind_request(7)).error == 400
    assert client.binding().is_success
    identifier = connect_to(control, tcp_peer.endpoint)
    connection, _ = tcp_peer.accept()
    bound = bind(client, identifier)
    bound.send(b"after all")
    assert receive_exactly(connection, 9) == b"after all"


def test_TCP_21_B83_another_users_connection(control, data, tcp_peer):
    identifier = connect_to(control, tcp_peer.endpoint)
    connection, _ = tcp_peer.accept()
    for _ in range(MANY // 2):
        assert data(BOB).request(Method.CONNECTION_BIND, bind_request(identifier)).error == 441
    unsigned = data(None)
    response = unsigned.transact(
        bytes.fromhex("000b0008 2112a442 00112233445566778899aabb 002a0004") + struct.pack(">I", identifier)
    )
    assert response.error == 401
    bound = bind(data(), identifier)
    bound.send(b"mine")
    assert receive_exactly(connection, 4) == b"mine"


def test_TCP_22_what_the_peer_said_before(control, data, tcp_peer):
    identifier = connect_to(control, tcp_peer.endpoint)
    connection, _ = tcp_peer.accept()
    connection.sendall(b"SSH-2.0-peer\r\n")
    bound = bind(data(), identifier)
    assert bound.receive(14) == b"SSH-2.0-peer\r\n"


def test_TCP_23_what_the_client_says_in_the_same_segment(control, data, make_tcp_peer):
    for payload in (b"x", b"GET / HTTP/1.1\r\n\r\n", bytes(20), b"\x00\x01" + bytes(18), os.urandom(20000)):
        peer = make_tcp_peer()
        identifier = connect_to(control, peer.endpoint)
        connection, _ = peer.accept()
        bound = pipelined_bind(data(), identifier, payload)
        assert receive_exactly(connection, len(payload)) == payload
        bound.close()


def test_TCP_18_B84_a_peer_that_sends_much_before(control, data, tcp_peer, at):
    identifier = connect_to(control, tcp_peer.endpoint)
    connection, _ = tcp_peer.accept()
    before = at.resident_kib()
    payload = os.urandom(MEGABYTE) * 100
    sent = 0
    connection.settimeout(1.0)
    with contextlib.suppress(TimeoutError):
        while sent < len(payload):
            sent += connection.send(payload[sent : sent + 65536])
    assert sent < len(payload), "the window never closed"
    at.assert_grew_at_most(2048, since=before)
    bound = bind(data(), identifier)
    assert bound.receive(sent, 60.0) == payload[:sent]
    connection.sendall(b"more")
    assert bound.receive(4) == b"more"


# -- data -------------------------------------------------------------------------------------------------------------


def test_TCP_22_megabytes_both_ways_at_once(joined):
    bound, connection = joined
    up, down = os.urandom(8 * MEGABYTE), os.urandom(8 * MEGABYTE)
    received: dict[str, bytes] = {}
    connection.settimeout(60.0)
    threads = [
        threading.Thread(target=lambda: connection.sendall(down)),
        threading.Thread(target=lambda: received.update(up=receive_exactly(connection, len(up)))),
    ]
    if bound.client.transport.__class__.__name__ == "TcpTransport":
        threads.append(threading.Thread(target=lambda: bound.send(up)))
        for thread in threads:
            thread.start()
        received["down"] = bound.receive(len(down), 60.0)
    else:
        # Python's TLS sockets are for one thread at a time.
        for thread in threads:
            thread.start()
        got = bytearray()
        for start in range(0, len(up), 65536):
            bound.send(up[start : start + 65536])
            got += bound.receive(65536, 60.0)
        received["down"] = bytes(got)
    for thread in threads:
        thread.join(60.0)
    assert received["up"] == up and received["down"] == down


def test_TCP_22_a_slow_reader_slows_the_sender(joined, at):
    bound, connection = joined
    before = at.resident_kib()
    sent = 0
    connection.settimeout(1.0)
    block = bytes(65536)
    with contextlib.suppress(TimeoutError):
        while sent < 200 * MEGABYTE:
            sent += connection.send(block)
    assert sent < 200 * MEGABYTE, "nobody slowed the peer"
    at.assert_grew_at_most(2048, since=before)
    assert bound.receive(sent, 60.0) == bytes(sent)


def test_TCP_26_nothing_on_a_data_connection_is_stun(joined):
    bound, connection = joined
    refresh = bound.client.signed(Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 0)).build()
    bound.send(refresh)
    assert receive_exactly(connection, len(refresh)) == refresh
    connection.sendall(refresh)
    assert bound.receive(len(refresh)) == refresh


# -- the end ----------------------------------------------------------------------------------------------------------


def test_TCP_24_the_end_of_the_allocation(control, data, make_tcp_peer):
    ends = []
    for _ in range(4):
        peer = make_tcp_peer()
        identifier = connect_to(control, peer.endpoint)
        connection, _ = peer.accept()
        ends.append((bind(data(), identifier), connection))
    pending = make_tcp_peer()
    connect_to(control, pending.endpoint)
    waiting, _ = pending.accept()
    assert control.refresh(0).lifetime == 0
    for bound, connection in ends:
        assert is_closed(connection)
        assert bound.read_to_end() == b""
    assert is_closed(waiting)


def test_TCP_24_the_end_of_the_control_connection(control, data, tcp_peer):
    identifier = connect_to(control, tcp_peer.endpoint)
    connection, _ = tcp_peer.accept()
    bound = bind(data(), identifier)
    control.close()
    assert is_closed(connection)
    assert bound.read_to_end() == b""


def test_TCP_25_the_peer_ends(joined):
    bound, connection = joined
    payload = os.urandom(MEGABYTE)
    sender = threading.Thread(target=lambda: (connection.sendall(payload), connection.close()))
    connection.settimeout(30.0)
    sender.start()
    assert bound.read_to_end(30.0) == payload
    sender.join()


def test_TCP_25_the_client_ends(joined):
    bound, connection = joined
    payload = os.urandom(MEGABYTE)
    receiver: dict[str, bytes] = {}
    thread = threading.Thread(target=lambda: receiver.update(got=receive_exactly(connection, 2 * MEGABYTE)))
    connection.settimeout(30.0)
    thread.start()
    bound.send(payload)
    bound.close()
    thread.join(30.0)
    assert receiver["got"] == payload


def test_TCP_25_B85_a_reset_in_the_middle(control, data, make_tcp_peer, at):
    descriptors = len(os.listdir(f"/proc/{at.pid}/fd"))
    for side in ("client", "peer") * 4:
        peer = make_tcp_peer()
        identifier = connect_to(control, peer.endpoint)
        connection, _ = peer.accept()
        bound = bind(data(), identifier)
        connection.sendall(bytes(65536))
        bound.send(bytes(65536))
        reset = struct.pack("ii", 1, 0)
        if side == "client":
            bound.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            bound.close()
            assert is_closed(connection)
        else:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            connection.close()
            bound.transport.read_to_end(20.0)
            bound.close()
        peer.close()
    deadline = time.monotonic() + 15
    while len(os.listdir(f"/proc/{at.pid}/fd")) > descriptors and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(os.listdir(f"/proc/{at.pid}/fd")) <= descriptors


# -- limits -----------------------------------------------------------------------------------------------------------


def test_TCP_limit_of_connections(connect, launch, transport, make_tcp_peer):
    limited = launch(protocol={"tcp_relay": True}, limits={"connections_per_allocation": 2})
    client = connect(transport, at=limited)
    allocate(client)
    client.create_permission((PEER, 0))
    peers = [make_tcp_peer() for _ in range(3)]
    connect_to(client, peers[0].endpoint)
    peers[1].connect(client.relayed)
    connection_attempt(client)
    assert try_connect(client, peers[2].endpoint).error == 508
    assert is_closed(peers[2].connect(client.relayed))
    client.assert_silence()
    assert limited.metric("senso_turn_quota_rejections_total", scope="connections") >= 2


def test_TCP_limit_of_bandwidth_delays_and_loses_nothing(connect, launch, transport, tcp_peer):
    limited = launch(protocol={"tcp_relay": True}, limits={"bandwidth_per_allocation": "8Mbit"})
    client = connect(transport, at=limited)
    allocate(client)
    identifier = connect_to(client, tcp_peer.endpoint)
    connection, _ = tcp_peer.accept()
    bound = bind(connect(transport, at=limited), identifier)
    payload = os.urandom(3 * MEGABYTE)
    sender = threading.Thread(target=lambda: (connection.sendall(payload), connection.close()))
    connection.settimeout(60.0)
    sender.start()
    assert bound.read_to_end(60.0) == payload
    sender.join()


def test_TCP_limit_of_bandwidth_holds_for_all_connections_and_starves_none(connect, launch, transport, make_tcp_peer):
    limited = launch(protocol={"tcp_relay": True}, limits={"bandwidth_per_allocation": "1600kbit"})
    client = connect(transport, at=limited)
    allocate(client)
    payload = os.urandom(200_000)
    pairs = []
    for _ in range(6):
        peer = make_tcp_peer()
        identifier = connect_to(client, peer.endpoint)
        connection, _ = peer.accept()
        connection.settimeout(60.0)
        pairs.append((bind(connect(transport, at=limited), identifier), connection))
    threads = [threading.Thread(target=lambda c=c: (c.sendall(payload), c.close())) for _, c in pairs]
    for thread in threads:
        thread.start()
    # A second's worth comes at once, as the limit says, and then the rest of six seconds' worth: everybody has his.
    firsts = [bound.receive(20_000, 30.0) for bound, _ in pairs]
    assert firsts == [payload[:20_000]] * 6
    assert [bound.read_to_end(60.0) for bound, _ in pairs] == [payload[20_000:]] * 6
    for thread in threads:
        thread.join()


def test_TCP_what_waits_as_datagrams_does_not_become_data(connect, launch, at, peer, make_tcp_peer):
    """A slow reader with an allocation for UDP makes its connection a data connection: old ChannelData is not for it."""
    control = connect("tcp", at=at)
    allocate(control)
    tcp_peer = make_tcp_peer()
    identifier = connect_to(control, tcp_peer.endpoint)
    connection, _ = tcp_peer.accept()
    slow = connect("tcp", at=at, receive_buffer=4096)
    slow.allocate()
    slow.channel_bind(0x4000, peer.endpoint)
    for _ in range(2000):
        peer.send(bytes(1000), slow.relayed)
    refresh = slow.signed(Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 0)).build()
    request = slow.signed(Method.CONNECTION_BIND, bind_request(identifier)).build()
    slow.send_raw(refresh + request)
    response = slow.wait_for_response(request[8:20], 30.0)
    assert response.is_success
    slow.relayed = None
    connection.sendall(b"the first octets")
    connection.close()
    assert DataConnection(slow).read_to_end(30.0) == b"the first octets"


def test_TCP_11_A8_no_way_to_a_program_on_the_port_of_a_relay_for_udp(connect, launch, at, make_tcp_peer):
    datagrams = connect("udp", at=at)
    datagrams.allocate()
    service = socket.create_server(datagrams.relayed)
    service.settimeout(0.5)
    client = connect("tcp", at=at)
    allocate(client)
    assert try_connect(client, datagrams.relayed).error == 403
    with pytest.raises(TimeoutError):
        service.accept()
    service.close()


def test_A11_who_scans_ports_is_slowed_down(connect, at):
    client = connect("tcp", at=at)
    allocate(client)
    errors = [try_connect(client, (PEER, port)).error for port in range(1, 101)]
    assert errors[0] == 447 and errors[-1] == 508
    assert set(errors) == {447, 508}
    assert client.refresh().is_success


def test_TCP_metrics_count_requests_and_octets(joined, at):
    bound, connection = joined
    up = at.metric("senso_turn_relayed_bytes_total", direction="client_to_peer", path="stream")
    down = at.metric("senso_turn_relayed_bytes_total", direction="peer_to_client", path="stream")
    bound.send(bytes(1000))
    assert receive_exactly(connection, 1000) == bytes(1000)
    connection.sendall(bytes(500))
    assert bound.receive(500) == bytes(500)
    assert at.metric("senso_turn_relayed_bytes_total", direction="client_to_peer", path="stream") == up + 1000
    assert at.metric("senso_turn_relayed_bytes_total", direction="peer_to_client", path="stream") == down + 500
    assert at.metric("senso_turn_requests_total", method="connect", outcome="success") >= 1
    assert at.metric("senso_turn_requests_total", method="connection_bind", outcome="success") >= 1


def test_TCP_a_thousand_connects_leave_nothing_behind(connect, launch, at, make_tcp_peer):
    client = connect("tcp", at=at)
    allocate(client)
    peer = make_tcp_peer()

    def cycle() -> None:
        identifier = connect_to(client, peer.endpoint)
        connection, _ = peer.accept()
        bound = bind(connect_raw(), identifier)
        connection.close()
        peer.connections.remove(connection)
        assert bound.read_to_end() == b""
        bound.close()

    connect_raw = lambda: connect("tcp", at=at)  # noqa: E731
    for _ in range(50):
        cycle()
    ports, allocations = at.metric("senso_turn_relay_ports_in_use"), at.metric("senso_turn_allocations", transport="tcp", family="ipv4")
    descriptors, before = len(os.listdir(f"/proc/{at.pid}/fd")), at.resident_kib()
    for _ in range(1000):
        cycle()
    assert at.metric("senso_turn_relay_ports_in_use") == ports
    assert at.metric("senso_turn_allocations", transport="tcp", family="ipv4") == allocations
    deadline = time.monotonic() + 15
    while len(os.listdir(f"/proc/{at.pid}/fd")) > descriptors and time.monotonic() < deadline:
        time.sleep(0.1)
    assert len(os.listdir(f"/proc/{at.pid}/fd")) <= descriptors
    at.assert_grew_at_most(2048, since=before)
