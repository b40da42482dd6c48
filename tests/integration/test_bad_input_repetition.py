"""Bad inputs, over and over: whoever sends them costs the server no memory, and the next client is served.

Each line (B01 and so on) of the list of bad inputs is repeated SENSO_TURN_TEST_REPETITIONS times over each transport
where it can occur: 1000 times by default, 100000 times in `./dev test --all`. What is special:

* A line with variants is repeated in rotation over them.
* Messages of about 64 KiB (B18, half of B46, B52, B67, B77, B80 and B88) are repeated a tenth as often.
* What ends the connection (B04, B20 to B24, B27 on streams) needs a new one each time: over TLS, whose handshakes take
  most of that time, and with megabytes (B21, B22), a hundredth as often; over TCP a tenth.
* B17 and B19, the longest messages there are, are said a tenth as often, and a thousand times at most, as B17 demands.
* ELSEWHERE lists the lines that are not repeated here, and why.
"""

from __future__ import annotations

import base64
import contextlib
import os
import re
import socket
import struct
from collections.abc import Callable
from pathlib import Path

import pytest

import client_hello
import repeated_inputs
from bad_inputs import octets
from repeated_inputs import CHANNEL, INPUTS, Input, Session
from repetition import SILENCE, SUCCESS, StreamRepeater, UdpRepeater, full_count, repeater_of
from server_fixture import LISTENER, Server, free_port, is_sanitized, listeners
from stun_message import IPV6, TCP, Builder, Method
from transports import STREAMS, listener_of, needs_dtls, open_transport, parameters
from turn_client import ConnectionEnded, Peer, TurnClient, UdpTransport

# One number is enough: what leaks does so on any shard.
SHARDS = (2,)

NO_LIMITS = ("permissions_per_allocation", "connections_per_source", "allocations_per_user", "allocations")
TOKEN_KEY = base64.b64encode(bytes(range(32))).decode()
UNLIMITED = {
    "limits": dict.fromkeys(NO_LIMITS, 0),
    "protocol": {"tcp_relay": True, "mobility": True},
    # The user who sends everything, as if he were a key: his tokens are looked at.
    "auth": {"access_tokens": {"server_name": "turn.example.test", "keys": [{"kid": "alice", "key": TOKEN_KEY}]}},
}
SETTINGS = UNLIMITED

REPETITIONS = full_count() // (20 if is_sanitized() else 1)
WARM_UP = max(200, REPETITIONS // 10)

# What the pages of a busy allocator may add up to; a leak of six octets a time is more, after 100000 times.
ALLOWED_KIB = 512

# Repeating them so often is impossible, or another suite's matter.
ELSEWHERE = {
    "B25": "lasts as long as the timeout: test_timeouts, test_expiry, and ten thousand at once in test_floods",
    "B26": "lasts as long as the timeout: test_timeouts, test_expiry",
    "B28": "one connection is blocked with 10000 requests: test_bad_inputs; and without end: test_stream_quality",
    "B81": "needs a router beside the suite's network: test_icmp",
    "B84": "a hundred megabytes that wait: test_tcp_relay",
    "B85": "each time is a connection with a peer: test_tcp_relay",
    "B92": "is a flood itself: test_limits",
    "B93": "is a flood itself: test_floods",
    "B94": "a clock that is set is one event: test_faults",
    "B95": "a storm of signals is one event: test_commands",
    "B96": "a full disk lasts: test_faults",
    "B97": "a lack of descriptors lasts: test_floods",
}


def group_of(item) -> str:
    """Each transport has a worker and servers of its own."""
    return f"-{item.callspec.params.get('transport', '')}" if hasattr(item, "callspec") else ""


@pytest.fixture(scope="module")
def own(launch) -> Callable[[str, bool], Server]:
    def start(transport: str, peers_allowed: bool = True) -> Server:
        return launch(node=f"{transport}.example.test", **UNLIMITED, **({} if peers_allowed else {"peers": None}))

    return start


def assert_served(at: Server) -> None:
    probe = TurnClient(UdpTransport(at.udp))
    assert probe.binding().is_success
    probe.close()


def assert_forgotten(at: Server, repeat: Callable[[int], None], count: int) -> None:
    """Nothing is kept of `count` repetitions, once the first have filled what is kept for reuse; none was lost."""
    dropped = at.metric("senso_turn_socket_receive_drops_total")
    repeat(max(min(WARM_UP, count), 1))
    before = at.resident_kib()
    repeat(max(count, 1))
    grown = at.resident_kib() - before
    print(f"{max(count, 1)} repetitions: {grown} KiB")
    at.assert_grew_at_most(ALLOWED_KIB, since=before)
    assert at.metric("senso_turn_socket_receive_drops_total") == dropped, "the server did not see all of them"
    assert_served(at)


def prepared(at: Server, transport: str, case: Input) -> Session:
    to = at.endpoint(listener_of(transport))
    client = TurnClient(open_transport(transport, to), case.credentials)
    other = TurnClient(open_transport(transport, to), case.credentials)
    client.challenge()
    other.challenge()
    session = Session(client, other.nonce)
    other.close()
    if case.state != "none":
        client.allocate(**{"dual": {"additional_family": IPV6}, "tcp": {"protocol": TCP}}.get(case.state, {}))
    if case.state == "bound":
        client.channel_bind(CHANNEL, session.peer)
    return session


CASES = [
    pytest.param(case, transport, id=f"{case.line}-{transport}", marks=needs_dtls if transport == "dtls" else ())
    for case in INPUTS
    for transport in case.transports
]


@pytest.mark.parametrize("case, transport", CASES)
def test_messages_are_answered_as_they_should_and_forgotten(own, case, transport):
    at = own(transport, case.peers_allowed)
    session = prepared(at, transport, case)
    repeater = repeater_of(session.client, transport)
    messages = case.messages(session)
    assert_forgotten(at, lambda count: repeater.repeat(messages, count), REPETITIONS // case.divisor)
    print(dict(repeater.verdicts))
    got = {verdict for verdict, count in repeater.verdicts.items() if count}
    assert got <= case.answers, repeater.verdicts
    session.client.close()


# -- long messages on streams -----------------------------------------------------------------------------------------


def longest_binding(length: int) -> bytes:
    head = struct.pack(">HH", 0x0001, length) + octets("C T")
    if length == 0xFFF8:
        return head + octets("fff0 fff0") + bytes(0xFFF0) + octets("fff0 0000")
    return head + octets("fff0 0000") * (length // 4)


@pytest.mark.parametrize("transport", STREAMS)
@pytest.mark.parametrize("length", [0xFFFC, 0xFFF8], ids=["B17", "B19"])
def test_longest_messages_are_answered_and_forgotten(own, transport, length):
    at = own(transport)
    client = TurnClient(open_transport(transport, at.endpoint(listener_of(transport))))
    repeater = StreamRepeater(client)
    assert_forgotten(at, lambda count: repeater.repeat([longest_binding(length)], count), min(1000, REPETITIONS // 10))
    assert set(repeater.verdicts) - {SILENCE} == {SUCCESS} and not repeater.verdicts[SILENCE]
    client.close()


# -- what ends the connection -----------------------------------------------------------------------------------------

HELLO = client_hello.over_tls((client_hello.ECDHE_ECDSA_AES128_GCM,))

ENDING = {
    "B04": [octets("0001 0001 C T 00"), octets("0001 0002 C T 0000")],
    "B20": [octets("0001 ffff C T") + bytes(1000)],
    "B21": [b"\xff" * (1 << 20)],
    "B22": [bytes(1 << 20)],
    "B23": [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"],
    "B24": [HELLO[:40], octets("16 0301 00f4 01 0000f0 0303") + os.urandom(238)],
    "B27": [Builder(Method.BINDING).build()],
}


def speak_and_see_it_end(at: Server, transport: str, octets_said: bytes, *, half_close: bool) -> None:
    connection = open_transport(transport, at.endpoint(listener_of(transport)))
    plain = connection.socket
    with contextlib.suppress(ConnectionEnded, OSError):
        connection.send(octets_said)
    if half_close:
        with contextlib.suppress(OSError):
            socket.socket.shutdown(plain, socket.SHUT_WR)
    connection.read_to_end(20)
    # A reset: no port is left waiting, here or there.
    with contextlib.suppress(OSError):
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


@pytest.mark.parametrize("transport", STREAMS)
@pytest.mark.parametrize("line", ENDING)
def test_connections_that_end_are_forgotten(own, transport, line):
    at = own(transport)
    endings = ENDING[line]

    def repeat(count: int) -> None:
        for number in range(count):
            # Zeros are half a message for ever; a cut hello, too: the client gives up. So is a half-close beneath TLS.
            waits = line in ("B22", "B24", "B27")
            speak_and_see_it_end(at, transport, endings[number % len(endings)], half_close=waits)

    count = REPETITIONS // (10 if transport == "tcp" and len(endings[0]) < 1 << 20 else 100)
    assert_forgotten(at, repeat, count)


# -- DTLS records of strangers ----------------------------------------------------------------------------------------

BODY = client_hello.body((client_hello.ECDHE_ECDSA_AES128_GCM,), version=0xFEFD, cookie=b"")
WHOLE = client_hello.dtls_fragment(BODY, total=len(BODY))


def piece_of_hello(octets_of_it: bytes, total: int, offset: int) -> bytes:
    piece = client_hello.dtls_fragment(octets_of_it, total=total, offset=offset)
    return client_hello.dtls_record(piece, sequence=offset)


RECORDS = {
    "B72": [
        *(piece_of_hello(BODY[at : at + 1], len(BODY), at) for at in range(len(BODY))),
        *(piece_of_hello(BODY[at : at + 7], len(BODY), at) for at in range(len(BODY))),
        *(piece_of_hello(bytes(40), 0xFFFF, at * 8) for at in range(4000)),
    ],
    "B73": [
        client_hello.dtls_record(client_hello.dtls_fragment(b"", total=len(BODY))),
        client_hello.dtls_record(client_hello.dtls_fragment(b"", total=0)),
    ],
    "B74": [
        client_hello.dtls_record(client_hello.dtls_fragment(BODY, total=10)),
        client_hello.dtls_record(client_hello.dtls_fragment(BODY, total=len(BODY), length=60000)),
        client_hello.dtls_record(client_hello.dtls_fragment(BODY, total=len(BODY), message_sequence=9)),
        client_hello.dtls_record(WHOLE, epoch=1),
        client_hello.dtls_record(WHOLE, epoch=0xFFFF),
    ],
    "B75": [
        client_hello.dtls_record(os.urandom(64), kind=23),
        client_hello.dtls_record(b"\x02\x28", kind=21),
        client_hello.dtls_record(b"\x01\x00", kind=21),
        client_hello.dtls_record(b"\x01", kind=20),
    ],
}


@pytest.mark.parametrize("line", RECORDS)
def test_dtls_records_of_strangers_are_forgotten(launch, line):
    """DTLS and plain UDP share a port here, so that a Binding tells when the records have been seen."""
    port = free_port(LISTENER)
    shared = [{"transport": kind, "address": LISTENER, "port": port} for kind in ("udp", "dtls")]
    at = launch(listeners=shared, realm="records.example.test", **UNLIMITED)
    client = TurnClient(UdpTransport((LISTENER, port)))
    repeater = Records(client)
    assert_forgotten(at, lambda count: repeater.repeat(RECORDS[line], count), REPETITIONS)
    client.close()


def _is_record(unit: bytes) -> bool:
    return 20 <= unit[0] < 64


class Records(UdpRepeater):
    """Cookie requests may come back; no more than that."""

    def _receive(self) -> bytes:
        while _is_record(unit := super()._receive()):
            client_hello.cookie_of(unit)
        return unit


# -- peers ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("transport", ["udp", *STREAMS, *parameters(("dtls",))])
@pytest.mark.parametrize("permitted", [True, False], ids=["B79-permitted", "B79-unpermitted"])
def test_B79_what_peers_send_is_forgotten(own, transport, permitted):
    at = own(transport)
    client = TurnClient(open_transport(transport, at.endpoint(listener_of(transport))), repeated_inputs.ALICE)
    client.allocate()
    friend, stranger = Peer("127.0.0.3"), Peer("127.0.0.4")
    client.create_permission(friend.endpoint)
    speaker = friend if permitted else stranger
    payloads = [
        Builder(Method.BINDING).build(),
        Builder(Method.ALLOCATE).build(),
        octets("4000 0005") + b"hello",
        octets("16fefd 0000 000000000000 0010") + bytes(16),
    ]
    window = 50

    def repeat(count: int) -> None:
        for number in range(0, count, window):
            for place in range(window):
                speaker.send(payloads[place % len(payloads)], client.relayed)
            friend.send(b"that was all", client.relayed)
            came = [client.receive_data().data for _ in range(window if permitted else 0)]
            assert came == [payloads[place % len(payloads)] for place in range(len(came))]
            assert client.receive_data().data == b"that was all"

    assert_forgotten(at, repeat, REPETITIONS)
    speaker.assert_silence(0.05)
    for one in (client, friend, stranger):
        one.close()


@pytest.mark.parametrize("transport", ["udp", *STREAMS, *parameters(("dtls",))])
def test_B80_longest_datagrams_of_a_peer_are_forgotten(own, transport):
    at = own(transport)
    client = TurnClient(open_transport(transport, at.endpoint(listener_of(transport))), repeated_inputs.ALICE)
    client.allocate()
    peer = Peer("127.0.0.3")
    client.create_permission(peer.endpoint)
    payload = os.urandom(65507)

    def repeat(count: int) -> None:
        for _ in range(count):
            peer.send(payload, client.relayed)
            peer.send(b"next", client.relayed)
            found = client.receive_data().data
            assert found == b"next" or found == payload and client.receive_data().data == b"next"

    assert_forgotten(at, repeat, REPETITIONS // 10)
    client.close()
    peer.close()


# -- impossible sources and destinations ------------------------------------------------------------------------------


def spoofed(source: tuple[str, int], target: tuple[str, int], payload: bytes) -> bytes:
    """An IPv4 packet; the kernel fills in identification and header checksum, the UDP checksum may be zero."""
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    header = struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
    return header + socket.inet_aton(source[0]) + socket.inet_aton(target[0]) + udp


def test_B90_sources_that_cannot_be_answered_are_forgotten(own):
    at = own("udp")
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        pytest.skip("raw sockets need root: use tests/integration/run")
    packets = [
        spoofed(source, at.udp, message)
        for source in (("127.0.0.55", 0), at.udp, ("127.255.255.255", 40000))
        for message in (Builder(Method.BINDING).build(), Builder(Method.ALLOCATE).build())
    ]

    def repeat(count: int) -> None:
        for number in range(count):
            with contextlib.suppress(PermissionError):
                raw.sendto(packets[number % len(packets)], (at.udp[0], 0))
            if number % 50 == 49:
                assert_served(at)

    assert_forgotten(at, repeat, REPETITIONS)
    raw.close()


def test_B91_broadcasts_are_forgotten(launch):
    at = launch(listeners=listeners("0.0.0.0"), realm="broadcast.example.test", **UNLIMITED)
    port = at.settings["listeners"][0]["port"]
    binding = Builder(Method.BINDING).build()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as shouter:
        shouter.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        shouter.settimeout(8)
        shouter.bind((LISTENER, 0))

        def repeat(count: int) -> None:
            for number in range(count):
                shouter.sendto(binding, ("127.255.255.255", port))
                if number % 50 == 49:
                    request = Builder(Method.BINDING).build()
                    shouter.sendto(request, (LISTENER, port))
                    assert shouter.recv(1000)[8:20] == request[8:20], "a broadcast was answered"

        assert_forgotten(at, repeat, REPETITIONS)


# -- the list is complete ---------------------------------------------------------------------------------------------


def test_every_line_is_repeated_or_has_a_reason():
    here = Path(__file__).read_text()
    repeated = {case.line for case in INPUTS} | set(ENDING) | set(RECORDS) | {"B17", "B19"}
    repeated |= set(re.findall(r"^def test_(B\d\d)_", here, re.M))
    assert repeated | set(ELSEWHERE) == {f"B{number:02}" for number in range(1, 98)}
