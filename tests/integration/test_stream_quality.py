"""What peers send to clients on streams: it waits in a bounded queue, the oldest goes first, answers overtake it."""

import socket
import struct
import threading
import time
from collections.abc import Callable

import pytest

from delaying_proxy import DelayingProxy
from server_fixture import ALICE, Server, is_sanitized
from stun_message import Builder, ChannelData, Endpoint, Method
from transports import listener_of, open_transport
from turn_client import Peer, TurnClient, UdpTransport
from waiting import eventually

SETTINGS = {"limits": {"connections_per_source": 0, "allocations_per_user": 0}}

PAYLOAD_OCTETS = 1000
ONE_WAY_SECONDS = 0.04
DATA_AGE_SECONDS = 1.0  # for how long the server keeps data for a slow reader
SMALL_BUFFER = 1 << 14
QUEUE_KIB = 2 * 1024


def numbered(number: int, octets: int = PAYLOAD_OCTETS) -> bytes:
    return struct.pack(">I", number) + bytes(octets - 4)


def burst(peer: Peer, to: Endpoint, numbers: range, octets: int = PAYLOAD_OCTETS) -> None:
    """As fast as the socket of the relay takes it: its buffer is not what these tests are about."""
    for number in numbers:
        peer.send(numbered(number, octets), to)
        if number % 32 == 31:
            time.sleep(0.002)


def dropped(server: Server) -> float:
    """What the queue gave up, and what never got as far as the queue."""
    return sum(server.metric("senso_turn_dropped_packets_total", reason=reason) for reason in ("queue_full", "queue_expired"))


def expired(server: Server) -> float:
    return server.metric("senso_turn_dropped_packets_total", reason="queue_expired")


def lost_in_sockets(server: Server) -> float:
    return server.metric("senso_turn_socket_receive_drops_total")


def connected(at: Server, transport: str, to: Endpoint | None = None, **options) -> TurnClient:
    client = TurnClient(open_transport(transport, to or at.endpoint(listener_of(transport)), **options), ALICE)
    client.allocate()
    return client


def stalled(at: Server, transport: str, peer: Peer) -> TurnClient:
    """It has a channel to `peer` and small buffers, so that what it does not read waits in the server."""
    client = connected(at, transport, receive_buffer=SMALL_BUFFER)
    client.channel_bind(0x4000, peer.endpoint)
    return client


def read_until(
    client: TurnClient, last: int, transactions: set[bytes], again: Callable[[], None] | None = None
) -> tuple[list[int], list[int]]:
    """Numbers of the data up to `last`, and after how many data each answer came. All must come.

    Where the relay's socket may have been full when `last` was sent, `again` sends it once more.
    """
    numbers: list[int] = []
    places: list[int] = []
    transactions = set(transactions)
    while not numbers or numbers[-1] != last or transactions:
        unit = client.receive()
        if unit is None and again is not None:
            again()
            again = None
            continue
        assert unit is not None, f"nothing more after {numbers[-3:]}, {len(transactions)} answers are missing"
        if isinstance(unit, ChannelData):
            numbers.append(struct.unpack(">I", unit.payload[:4])[0])
        else:
            transactions.remove(unit.transaction_id)
            places.append(len(numbers))
    return numbers, places


def assert_others_are_served(at: Server) -> None:
    probe = TurnClient(UdpTransport(at.udp))
    assert probe.binding().is_success
    probe.close()


# -- a client that stops reading --------------------------------------------------------------------------------------


def test_D9_client_that_stops_reading_loses_the_oldest_data_and_no_answer(server, peer, stream_transport):
    client = stalled(server, stream_transport, peer)
    memory, before, lost_before = server.resident_kib(), dropped(server), lost_in_sockets(server)
    count = 12000
    burst(peer, client.relayed, range(count))
    requests = [Builder(Method.BINDING).build() for _ in range(20)]
    client.send_raw(b"".join(requests))
    assert_others_are_served(server)
    server.assert_grew_at_most(3 * QUEUE_KIB, since=memory)
    peer.send(numbered(count), client.relayed)
    numbers, places = read_until(client, count, {request[8:20] for request in requests},
                                 lambda: peer.send(numbered(count), client.relayed))
    assert numbers == sorted(set(numbers)), "order is kept, and nothing comes twice"
    missing = count + 1 - len(numbers)
    assert missing > 0, "more than all buffers hold has passed: where did it wait?"
    assert numbers[-2] == count - 1 or missing and numbers[-1] == count, "the newest survives"
    assert eventually(lambda: dropped(server) - before + lost_in_sockets(server) - lost_before >= missing), "not counted"
    assert dropped(server) > before
    assert places[0] < len(numbers), "the answers came behind all the data"
    peer.send(b"as before", client.relayed)
    assert client.receive_channel_data().payload == b"as before"
    client.refresh(0)
    client.close()


def test_D9_answers_overtake_waiting_data(server, peer, stream_transport):
    client = stalled(server, stream_transport, peer)
    count = 8000
    burst(peer, client.relayed, range(count))
    requests_before = server.metric("senso_turn_requests_total", method="binding")
    requests = [Builder(Method.BINDING).build() for _ in range(100)]
    client.send_raw(b"".join(requests))
    assert eventually(lambda: server.metric("senso_turn_requests_total", method="binding") >= requests_before + 100)
    burst(peer, client.relayed, range(count, count + 500))
    numbers, places = read_until(client, count + 499, {request[8:20] for request in requests},
                                 lambda: peer.send(numbered(count + 499), client.relayed))
    assert len(places) == 100
    # They came behind what the kernel had taken already, and before the data that waited in the server.
    assert places[-1] <= numbers.index(count + 499), places[-1]
    client.refresh(0)
    client.close()


def test_D9_data_that_is_too_old_is_given_up(server, peer, stream_transport):
    client = stalled(server, stream_transport, peer)
    before = expired(server)
    burst(peer, client.relayed, range(6000))
    assert eventually(lambda: expired(server) > before)
    # All of it waited for longer than that once nothing more has gone for a while.
    seen = -1.0
    while seen != expired(server):
        seen = expired(server)
        time.sleep(1.0)
    peer.send(numbered(6000), client.relayed)
    numbers, _ = read_until(client, 6000, set())
    assert numbers == sorted(set(numbers))
    assert numbers[-2] < 5999, "what waited for seconds is of no use to anybody"
    client.refresh(0)
    client.close()


def test_D9_requests_are_answered_though_data_never_stops_waiting(server, peer, stream_transport):
    """So many answers that reading stops, to a client that reads more slowly than its peer sends."""
    client = stalled(server, stream_transport, peer)
    is_over = threading.Event()

    def flood() -> None:
        while not is_over.is_set():
            burst(peer, client.relayed, range(64))
            time.sleep(0.03)

    flooding = threading.Thread(target=flood)
    flooding.start()
    try:
        time.sleep(0.5)
        requests = [Builder(Method.BINDING).build() for _ in range(3000)]
        client.send_raw(b"".join(requests))
        unanswered = {request[8:20] for request in requests}
        deadline = time.monotonic() + 60
        while unanswered and time.monotonic() < deadline:
            unit = client.receive()
            if not isinstance(unit, ChannelData) and unit is not None:
                unanswered.remove(unit.transaction_id)
            time.sleep(0.001)
        assert not unanswered, f"{len(unanswered)} requests wait for the data to end"
    finally:
        is_over.set()
        flooding.join()
    client.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()


def test_D9_requests_without_end_of_a_client_that_does_not_read(server, stream_transport):
    """Their answers wait up to a limit, the requests behind that in the network; none of them is lost."""
    clients = [connected_without_allocation(server, stream_transport) for _ in range(20)]
    memory = server.resident_kib()
    request = Builder(Method.ALLOCATE).add(0x0019, bytes([17, 0, 0, 0])).build()
    sent = [send_until_full(client, request) for client in clients]
    assert min(sent) > 3000
    # 64 KiB of answers, 32 KiB of requests, and what the allocator adds.
    server.assert_grew_at_most(len(clients) * 192, since=memory)
    assert_others_are_served(server)
    client, count = clients[0], sent[0]
    for _ in range(count):
        answer = client.receive()
        assert answer is not None and answer.error == 401
    for client in clients:
        client.close()


def connected_without_allocation(at: Server, transport: str) -> TurnClient:
    return TurnClient(open_transport(transport, at.endpoint(listener_of(transport)), receive_buffer=SMALL_BUFFER))


def send_until_full(client: TurnClient, request: bytes) -> int:
    """How often the request has been sent when nothing has moved for a while."""
    block, sent = 100, 0
    client.transport.send_seconds = 0.5
    while sent < 100_000:
        try:
            client.send_raw(request * block)
        except OSError:
            break
        sent += block
    return sent


@pytest.mark.skipif(is_sanitized(), reason="sanitizers keep freed memory: the size says nothing")
def test_D9_many_stalled_clients_share_a_bound(launch, make_peer):
    at = launch(shards=1, limits=SETTINGS["limits"])
    peer = make_peer()
    clients = [stalled(at, ("tcp", "tls")[number % 2], peer) for number in range(60)]
    reader = connected(at, "tls")
    other = make_peer()
    reader.channel_bind(0x4000, other.endpoint)
    before, octets = at.resident_kib(), 8000
    for number in range(400):
        for client in clients:
            peer.send(numbered(number, octets), client.relayed)
        if number % 20 == 19:
            other.send(numbered(number), reader.relayed)
            assert reader.receive_channel_data().payload == numbered(number), "a client that reads loses nothing"
    grown = at.resident_kib() - before
    print(f"60 clients that do not read, 3.2 MB for each: {grown} KiB more")
    assert grown <= 96 * 1024
    assert_others_are_served(at)
    for client in clients:
        client.close()
    assert eventually(lambda: at.metric("senso_turn_allocations") == 1)
    reader.refresh(0)


def test_D9_stalled_client_that_goes_away_leaves_nothing(server, peer, stream_transport):
    held = server.metric("senso_turn_allocations")
    client = stalled(server, stream_transport, peer)
    burst(peer, client.relayed, range(5000))
    client.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    client.close()
    assert eventually(lambda: server.metric("senso_turn_allocations") == held)
    assert_others_are_served(server)


# -- a long path ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [200, 1000, 1200])
def test_burst_of_a_megabyte_arrives_whole_over_a_long_path(server, peer, stream_transport, octets):
    """A queue of 32 kB, which others have, would lose most of it."""
    proxy = DelayingProxy(server.endpoint(listener_of(stream_transport)), ONE_WAY_SECONDS)
    client = connected(server, stream_transport, proxy.endpoint)
    client.channel_bind(0x4000, peer.endpoint)
    count = 1_000_000 // octets
    for attempt in range(3):
        sent = range(attempt * count, (attempt + 1) * count)
        lost_before, dropped_before, expired_before = lost_in_sockets(server), dropped(server), expired(server)
        began = time.monotonic()
        burst(peer, client.relayed, sent, octets)
        numbers, _ = read_until(client, sent[-1], set())
        may_be_too_old = time.monotonic() - began >= DATA_AGE_SECONDS
        assert lost_in_sockets(server) == lost_before, "the burst of this test was too fast for the relay's socket"
        if numbers == list(sent):
            break
        # Nothing can have waited for longer than all of it took: only a machine that is too slow gets another attempt.
        assert may_be_too_old and dropped(server) - dropped_before == expired(server) - expired_before
    assert numbers == list(sent) and dropped(server) == dropped_before
    client.refresh(0)
    client.close()
    proxy.close()


def test_requests_are_answered_in_the_middle_of_a_burst(server, peer, stream_transport):
    proxy = DelayingProxy(server.endpoint(listener_of(stream_transport)), ONE_WAY_SECONDS, window_octets=1 << 16)
    client = connected(server, stream_transport, proxy.endpoint)
    client.channel_bind(0x4000, peer.endpoint)
    requests = []
    for start in range(0, 600, 100):
        burst(peer, client.relayed, range(start, start + 100))
        requests.append(Builder(Method.BINDING).build())
        client.send_raw(requests[-1])
    numbers, places = read_until(client, 599, {request[8:20] for request in requests})
    assert len(places) == len(requests) and numbers == sorted(set(numbers))
    client.refresh(0)
    client.close()
    proxy.close()


def test_upload_of_a_client_on_a_long_path_arrives_in_order(server, peer, stream_transport):
    """TCP pushes back; UDP towards the peer is paced by the path."""
    proxy = DelayingProxy(server.endpoint(listener_of(stream_transport)), ONE_WAY_SECONDS, window_octets=1 << 16)
    client = connected(server, stream_transport, proxy.endpoint)
    client.channel_bind(0x4000, peer.endpoint)
    for number in range(500):
        client.send_channel(0x4000, numbered(number))
    assert [struct.unpack(">I", peer.receive()[:4])[0] for _ in range(500)] == list(range(500))
    client.refresh(0)
    client.close()
    proxy.close()
