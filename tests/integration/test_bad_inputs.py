"""Inputs that no honest client sends. Each test names its line (B01 and so on) of the list of bad inputs.

After each of them the server must be alive: `assert_ignores` and the other helpers prove it with a Binding. That memory
stays flat and that no sanitizer reports anything is checked when the module is over.
"""

import base64
import contextlib
import hashlib
import hmac
import json
import os
import random
import socket
import struct

import pytest

from bad_inputs import (
    HOSTILE_NAMES,
    ODD_FINGERPRINTS,
    ODD_PEER_ADDRESSES,
    SILENT_DATAGRAMS,
    T,
    allocate_builder,
    octets,
)
from server_fixture import ALICE, BOB, LISTENER, REALM, SHARED_SECRET, listeners, needs_ipv6, run_command
from stun_message import (
    MAGIC_COOKIE,
    MD5,
    SHA256,
    UDP,
    Attribute,
    Builder,
    Class,
    Method,
    channel_data,
    encode_xor_address,
    userhash_of,
)
from turn_client import (
    ConnectionEnded,
    Credentials,
    NoAnswer,
    TcpTransport,
    TurnClient,
    UdpTransport,
    encode_algorithm,
)

MODERN = Credentials.modern(ALICE.username, ALICE.password)

SETTINGS = {
    "limits": {"permissions_per_allocation": 0, "connections_per_source": 0, "allocations_per_user": 0},
    "log": {"level": "debug"},
}


@pytest.fixture(scope="module", autouse=True)
def memory_stays_flat(server):
    warm = TurnClient(UdpTransport(server.udp), ALICE)
    for _ in range(200):
        assert warm.binding().is_success
    warm.allocate()
    warm.refresh(0)
    warm.close()
    before = server.resident_kib()
    yield
    assert server.is_running
    server.assert_grew_at_most(16 * 1024, since=before)


@pytest.fixture
def stream(connect, stream_transport) -> TurnClient:
    """Inside TLS and WebSockets the stream of TURN is the same, and so is what is wrong with it."""
    return connect(stream_transport)


@pytest.fixture
def server_lives(server):
    yield
    probe = TurnClient(UdpTransport(server.udp))
    assert probe.binding().is_success
    probe.close()


def assert_closes(client: TurnClient, payload: bytes, seconds: float = 20.0) -> bytes:
    """Sends, and expects the end of the stream; returns what came before it."""
    with contextlib.suppress(ConnectionEnded, OSError):
        client.send_raw(payload)
    return client.transport.read_to_end(seconds)


# -- framing over UDP -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("text", SILENT_DATAGRAMS.values(), ids=SILENT_DATAGRAMS.keys())
def test_B01_to_B14_and_B29_to_B35_datagrams_that_get_no_answer(connect, datagram_transport, text):
    connect(datagram_transport).assert_ignores(octets(text))


def test_B05_wrong_cookie_is_classic_or_nothing(server):
    transport = UdpTransport(server.udp)
    transport.send(octets(f"0001 0000 2112a443 {T}"))
    answer = transport.receive(0.5)
    if answer is not None:
        assert answer[:2] == octets("0101") and answer[4:20] == octets(f"2112a443 {T}")
    transport.send(octets(f"0003 0000 2112a443 {T}"))
    assert transport.receive(0.2) is None
    transport.close()


def test_B07_surplus_is_never_parsed(connect, datagram_transport):
    client = connect(datagram_transport)
    client.send_raw(octets("0001 0000 C T deadbeef"))
    with contextlib.suppress(NoAnswer):
        assert client.wait_for_response(octets(T), 0.3).is_success
    assert client.binding().is_success


def test_B15_unknown_required_attribute_is_420(client):
    response = client.transact(octets("0001 0008 C T 7f00 0000 0000 0000"))
    assert response.error == 420 and 0x7F00 in response.unknown_attributes


def test_B16_many_optional_attributes(client):
    assert client.binding(lambda m: [m.add(0xFFF0) for _ in range(370)]).is_success


def test_B01_to_B35_random_datagrams_never_stop_the_server(connect):
    rng = random.Random(8489)
    client = connect("udp", credentials=None)
    sound = allocate_builder().add_text(Attribute.USERNAME, "x").add_text(Attribute.SOFTWARE, "y").build()
    for number in range(4000):
        if number % 2:
            mutated = bytearray(sound)
            for _ in range(rng.randrange(1, 4)):
                mutated[rng.randrange(len(mutated))] = rng.randrange(256)
            client.send_raw(bytes(mutated[: rng.randrange(len(mutated) + 1)]))
        else:
            client.send_raw(rng.randbytes(rng.randrange(80)))
        if number % 500 == 499:
            other = connect("udp", credentials=None)
            assert other.binding().is_success


# -- framing on streams -----------------------------------------------------------------------------------------------


def test_B03_half_a_header_waits_for_the_rest(stream):
    request = Builder(Method.BINDING).build()
    stream.send_raw(request[:19])
    assert stream.receive(0.2) is None
    stream.send_raw(request[19:])
    assert stream.wait_for_response(request[8:20]).is_success


@pytest.mark.parametrize("text", ["0001 0001 C T 00", "0001 0002 C T 0000"])
def test_B04_unaligned_length_closes_the_stream(stream, server_lives, text):
    assert assert_closes(stream, octets(text)) == b""


def test_B17_longest_message_of_empty_attributes_on_a_stream(stream, server_lives):
    body = octets("fff0 0000") * 16383
    message = struct.pack(">HHI", 0x0001, len(body), MAGIC_COOKIE)
    answered = 0
    try:
        for number in range(100):
            transaction_id = number.to_bytes(12)
            stream.send_raw(message + transaction_id + body)
            assert stream.wait_for_response(transaction_id, 20).is_success
            answered += 1
    except ConnectionEnded:
        assert answered == 0, "a size policy would have refused the first one"


def test_B18_longest_channel_data_then_binding(stream):
    stream.allocate()
    stream.send_raw(channel_data(0x4000, bytes(65535), pad=b"\0"))
    assert stream.binding().is_success


def test_B18_longest_channel_data_from_a_stranger(stream, server_lives):
    request = Builder(Method.BINDING).build()
    with contextlib.suppress(ConnectionEnded):  # a policy may end it
        stream.send_raw(channel_data(0x4000, bytes(65535), pad=b"\0") + request)
        assert stream.wait_for_response(request[8:20]).is_success


def test_B19_longest_stun_length_is_bounded_or_answered(stream, server_lives):
    body = octets("fff0 fff0") + bytes(0xFFF0)
    body += octets("fff0 0000") * ((0xFFF8 - len(body)) // 4)
    message = struct.pack(">HHI", 0x0001, 0xFFF8, MAGIC_COOKIE) + octets(T) + body
    assert len(message) == 20 + 0xFFF8
    with contextlib.suppress(ConnectionEnded):
        for at in range(0, len(message), 4096):
            stream.send_raw(message[at : at + 4096])
        assert stream.wait_for_response(octets(T)).is_success
        assert stream.binding().is_success


def test_B20_odd_longest_length_closes(stream, server_lives):
    assert assert_closes(stream, octets("0001 ffff C T") + bytes(1000)) == b""


@pytest.mark.parametrize("octet", [0xFF, 0x80, 0xC1])
def test_B21_megabyte_of_ones_closes(stream, server_lives, octet):
    assert assert_closes(stream, bytes([octet]) * (1 << 20)) == b""


def test_B22_megabyte_of_zeros_spins_no_cpu(stream, server, server_lives):
    before = server.cpu_seconds()
    with contextlib.suppress(ConnectionEnded, OSError):
        stream.send_raw(bytes(1 << 20))
    stream.transport.is_closed_within(0.5)
    assert server.cpu_seconds() - before < 5


@pytest.mark.parametrize("text", [b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"POST /v1/ice-servers HTTP/1.1\r\n\r\n"])
def test_B23_http_gets_no_http_answer(stream, server_lives, text):
    assert b"HTTP" not in assert_closes(stream, text)


def test_B24_broken_tls_hello_in_the_stream_closes(stream, server_lives):
    hello = octets("16 0301 00f4 01 0000f0 0303") + os.urandom(238)
    assert_closes(stream, hello)


def test_B27_half_closed_stream_is_answered_then_closed(stream, stream_transport, server_lives):
    request = Builder(Method.BINDING).build()
    stream.send_raw(request)
    # Below TLS this is a cut wire: nobody need be answered then.
    socket.socket.shutdown(stream.transport.socket, socket.SHUT_WR)
    with contextlib.suppress(*([] if stream_transport == "tcp" else [ConnectionEnded])):
        assert stream.wait_for_response(request[8:20]).is_success
    assert stream.transport.is_closed_within(10)


def test_B28_pipelined_requests_of_a_client_that_does_not_read(connect, server, stream_transport):
    stream = connect(stream_transport)
    stream.allocate()
    before = server.resident_kib()
    refresh = b"".join(stream.signed(Method.REFRESH).build() for _ in range(200))
    stream.transport.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    stream.transport.send_seconds = 1.0
    with contextlib.suppress(ConnectionEnded, OSError):
        for _ in range(50):
            stream.send_raw(refresh)
    assert connect("udp").binding().is_success
    server.assert_grew_at_most(8 * 1024, since=before)
    stream.relayed = None


# -- ChannelData of a client ------------------------------------------------------------------------------------------


@pytest.fixture
def bound(connect, datagram_transport, peer) -> TurnClient:
    client = connect(datagram_transport)
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    return client


@pytest.mark.parametrize(
    "datagram", ["4000 ffff 00000000", "4000 0005 000000", "4000 00", "40", "4000", "4000 0001"]
)
def test_B30_B31_B33_channel_data_cut_short_relays_nothing(bound, peer, datagram):
    bound.send_raw(octets(datagram))
    bound.send_channel(0x4000, b"first")
    assert peer.receive() == b"first"
    bound.assert_silence()


# -- integrity --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [0, 4, 19, 21, 32])
def test_B36_integrity_of_a_wrong_size(client, size):
    builder = client.add_credentials(allocate_builder())
    assert client.transact(client.add_integrity(builder, octets=size).build()).error in (400, 401)


def test_B37_username_after_the_integrity_is_not_there(client):
    client.challenge()
    builder = allocate_builder().integrity(client.key)
    assert client.transact(client.add_credentials(builder).build()).error == 400


def test_B38_first_of_two_integrities_decides(client):
    builder = client.add_credentials(allocate_builder())
    builder.integrity(client.key, flip=True).integrity(client.key)
    assert client.transact(builder.build()).error == 401


def test_B39_lifetime_after_the_integrity_is_not_there(allocated):
    response = allocated.transact(allocated.signed(Method.REFRESH).add_u32(Attribute.LIFETIME, 0).build())
    assert response.lifetime == 600
    assert allocated.refresh().is_success


def test_B40_unknown_attribute_after_the_integrity_is_not_there(allocated):
    assert allocated.transact(allocated.signed(Method.REFRESH).add(0x7F00).build()).is_success


@pytest.mark.parametrize("size", [0, 12, 16, 20, 28, 36])
def test_B41_sha256_integrity_of_a_wrong_size(connect, transport, size):
    client = connect(transport, MODERN)
    builder = client.add_credentials(allocate_builder())
    assert client.transact(client.add_integrity(builder, octets=size).build()).error in (400, 401)


def test_B42_right_integrity_does_not_save_a_wrong_sha256_one(client):
    builder = client.add_credentials(allocate_builder())
    builder.integrity(client.key).integrity_sha256(client.key, flip=True)
    assert client.transact(builder.build()).error == 401


def test_B43_wrong_fingerprint(client):
    client.assert_ignores(Builder(Method.BINDING).fingerprint(xor=0xFFFFFFFF).build())
    client.assert_ignores(client.sign(allocate_builder()).fingerprint(xor=2).build())


@pytest.mark.parametrize("message", ODD_FINGERPRINTS.values(), ids=ODD_FINGERPRINTS.keys())
def test_B44_fingerprint_in_a_wrong_place_or_size(client, message):
    client.assert_ignores(message)


# -- names, realms, nonces --------------------------------------------------------------------------------------------


def with_username(client: TurnClient, username: bytes) -> bytes:
    client.challenge()
    builder = allocate_builder().add(Attribute.USERNAME, username)
    client.add_credentials(builder, omit={Attribute.USERNAME})
    return builder.integrity(os.urandom(16)).build()


@pytest.mark.parametrize("size", [0, 763])
def test_B45_B46_usernames_of_extreme_sizes_are_401(client, size):
    assert client.transact(with_username(client, b"u" * size)).error == 401


@pytest.mark.parametrize("size", [764, 65000])
def test_B46_usernames_beyond_any_size_are_refused(stream, server, size):
    log_before = len(server.log())
    assert stream.transact(with_username(stream, b"u" * size)).error in (400, 401)
    assert len(server.log()) - log_before < 5000


@pytest.mark.parametrize("name", HOSTILE_NAMES, ids=range(len(HOSTILE_NAMES)))
def test_B47_hostile_usernames_are_401_and_escaped_in_logs(client, server, name):
    assert client.transact(with_username(client, name)).error in (400, 401)
    log = server.log_file.read_bytes()
    assert b"\x1b[2J" not in log and b"\0" not in log
    assert not any(line.startswith(b"ERROR forged line") for line in log.splitlines())


@pytest.mark.parametrize("name", [b"9999999999:" + name for name in HOSTILE_NAMES], ids=range(len(HOSTILE_NAMES)))
def test_B47_hostile_rest_usernames_are_refused(client, name):
    assert client.transact(with_username(client, name)).error in (400, 401)


@pytest.mark.parametrize("log_format", ["text", "json"])
def test_B47_hostile_names_that_authenticate_are_refused_or_escaped(launch, connect, transport, log_format):
    """Whoever holds a shared secret can sign any name."""
    at = launch(log={"level": "debug", "format": log_format})
    for name in HOSTILE_NAMES:
        username = b"9999999999:" + name
        password = base64.b64encode(hmac.new(SHARED_SECRET.encode(), username, hashlib.sha1).digest())
        client = connect(transport, None, at=at)
        client.challenge()
        key = hashlib.md5(username + b":" + REALM.encode() + b":" + password).digest()
        builder = allocate_builder().add(Attribute.USERNAME, username)
        builder.add_text(Attribute.REALM, client.realm).add_text(Attribute.NONCE, client.nonce)
        response = client.transact(builder.integrity(key).build())
        assert response.is_success or response.error in (400, 401)
        assert at.metrics(), "the exposition can still be read"
        status = run_command("status", "--socket", at.settings["admin"]["socket"])
        assert status.returncode == 0 and "\x1b" not in status.stdout
    log = at.log_file.read_bytes()
    assert b"\x1b[2J" not in log and b"\0" not in log
    lines = log.decode().splitlines()
    assert not any(line.startswith("ERROR forged line") for line in lines)
    if log_format == "json":
        for line in lines:
            if line.startswith("{") and '"iceServers"' not in line:
                assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize("realm", [b"", b"r" * 764, b"another", REALM.upper().encode(), b"\xff\xff"])
def test_B48_odd_realms_are_refused(client, realm):
    client.challenge()
    builder = allocate_builder().add(Attribute.REALM, realm)
    client.add_credentials(builder, omit={Attribute.REALM})
    assert client.transact(client.add_integrity(builder).build()).error in (400, 401)


@pytest.mark.parametrize("kind", ["empty", "long", "random", "one-off", "case", "bits", "cookie-only", "not-utf8"])
def test_B49_odd_nonces_are_refused(client, kind):
    client.challenge()
    issued = client.nonce.encode()
    nonce = {
        "empty": b"",
        "long": b"n" * 764,
        "random": os.urandom(len(issued) // 2).hex().encode()[: len(issued)],
        "one-off": issued[:-1] + (b"0" if issued[-1:] != b"0" else b"1"),
        "case": issued.swapcase(),
        "bits": issued[:9] + b"////" + issued[13:],
        "cookie-only": b"obMatJos2wAAA",
        "not-utf8": b"obMatJos2wAAA" + b"\xff" * 20,
    }[kind]
    builder = allocate_builder().add(Attribute.NONCE, nonce)
    client.add_credentials(builder, omit={Attribute.NONCE})
    assert client.transact(client.add_integrity(builder).build()).error in (401, 438)


def test_B50_nonce_of_another_port_is_438(connect, transport):
    one, other = connect(transport), connect(transport)
    one.challenge()
    other.realm, other.nonce = one.realm, one.nonce
    assert other.transact(other.sign(allocate_builder()).build()).error == 438


@pytest.mark.parametrize("octet", [0x00, 0x7F, 0x80, 0xFF])
def test_B51_nonces_of_other_times_are_refused(client, octet):

    client.challenge()
    tail = client.nonce[13:]
    try:
        body = bytearray(base64.b64decode(tail + "=" * (-len(tail) % 4)))
    except ValueError:
        body = bytearray(24)
    for at in range(min(8, len(body))):
        body[at] = octet
    client.nonce = client.nonce[:13] + base64.b64encode(bytes(body)).decode().rstrip("=")[: len(tail)]
    assert client.transact(client.sign(allocate_builder()).build()).error in (401, 438)


@pytest.mark.parametrize(
    "value", [bytes.fromhex("00020004"), b"\0", b"", encode_algorithm(SHA256) + b"\0\1", encode_algorithm(MD5) * 10000]
)
def test_B52_odd_password_algorithms_are_400(connect, stream_transport, value):
    client = connect(stream_transport, MODERN)
    client.challenge()
    client.algorithms = value
    assert client.try_allocate().error == 400


@pytest.mark.parametrize("value", ["00000000", "ffff0000", "0002ffff", "00020004", "0002", "", "0003000000"])
def test_B53_odd_password_algorithm_is_400(connect, transport, value):
    client = connect(transport, MODERN)
    client.challenge()
    builder = allocate_builder().add(Attribute.PASSWORD_ALGORITHM, bytes.fromhex(value))
    client.add_credentials(builder, omit={Attribute.PASSWORD_ALGORITHM})
    assert client.transact(client.add_integrity(builder).build()).error == 400


@pytest.mark.parametrize("size", [0, 31, 33])
def test_B54_userhash_of_a_wrong_size(connect, transport, size):
    client = connect(transport, MODERN)
    client.challenge()
    builder = allocate_builder().add(Attribute.USERHASH, (userhash_of("alice", REALM) + b"\0")[:size])
    client.add_credentials(builder, omit={Attribute.USERNAME})
    assert client.transact(client.add_integrity(builder).build()).error in (400, 401)


def test_B54_userhash_of_somebody_else_beside_the_username(connect, transport):
    client = connect(transport, MODERN)
    client.challenge()
    builder = allocate_builder().add(Attribute.USERHASH, userhash_of(BOB.username, REALM))
    assert client.transact(client.sign(builder).build()).error in (400, 401)


# -- Allocate and Refresh ---------------------------------------------------------------------------------------------


def test_B55_odd_requested_transports(client):
    for value in (b"", b"\x11", bytes([UDP]) + bytes(7)):
        assert client.request(Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, value)).error == 400
    assert client.request(Method.ALLOCATE).error == 400
    for protocol in (0, 255):
        assert client.try_allocate(protocol=protocol).error == 442
    assert client.try_allocate(protocol=6).error in (400, 442)


def test_B56_odd_lifetimes(connect, transport):
    for value in (b"", b"\0\0", bytes(8)):
        response = connect(transport).try_allocate(fill=lambda m: m.add(Attribute.LIFETIME, value))
        assert response.error == 400
    for asked, granted in ((0, 600), (1, 600), (0xFFFFFFFF, 3600)):
        assert connect(transport).allocate(lifetime=asked).lifetime == granted


def test_B57_odd_even_ports(connect, transport):
    for size in (0, 4):
        response = connect(transport).try_allocate(fill=lambda m: m.add(Attribute.EVEN_PORT, bytes(size)))
        assert response.error == 400
    assert Attribute.RESERVATION_TOKEN in connect(transport).allocate(even_port=0xFF)
    assert Attribute.RESERVATION_TOKEN not in connect(transport).allocate(even_port=0x7F)


def test_B58_odd_reservation_tokens(connect, transport):
    client = connect(transport)
    for size in (7, 9):
        assert client.try_allocate(token=bytes(size)).error == 400
    assert client.try_allocate(token=os.urandom(8)).error == 508
    assert client.try_allocate(token=os.urandom(8), even_port=0).error == 400


def test_B59_odd_address_families(connect, transport):
    client = connect(transport)
    for family in (0, 3, 0xFF):
        assert client.try_allocate(family=family).error in (400, 440)
    assert client.try_allocate(family=1, additional_family=2).error == 400
    twice = client.try_allocate(
        family=1, fill=lambda m: m.add(Attribute.REQUESTED_ADDRESS_FAMILY, bytes([2, 0, 0, 0]))
    )
    assert twice.is_success and ":" not in twice.relayed[0], "the first of two counts"


def test_B60_odd_additional_families(client):
    assert client.try_allocate(additional_family=1).error == 400
    assert client.try_allocate(additional_family=2, even_port=0x80).error == 400
    for size in (0, 1, 8):
        response = client.try_allocate(fill=lambda m: m.add(Attribute.ADDITIONAL_ADDRESS_FAMILY, bytes(size)))
        assert response.error == 400


def test_B61_second_allocate_on_a_five_tuple(allocated):
    assert allocated.try_allocate().error == 437
    assert allocated.refresh().is_success


def test_B62_allocate_retransmitted_a_thousand_times(connect, transport, server):
    client = connect(transport)
    message = client.sign(allocate_builder()).build()
    in_use = server.metric("senso_turn_relay_ports_in_use")
    relayed = {client.transact(message).relayed for _ in range(1000)}
    assert len(relayed) == 1
    (client.relayed,) = relayed
    assert server.metric("senso_turn_relay_ports_in_use") <= in_use + 1


def test_B63_same_transaction_with_other_content(connect, transport):
    client = connect(transport)
    transaction_id = os.urandom(12)

    def allocate(lifetime: int):
        return client.transact(
            client.signed(
                Method.ALLOCATE,
                lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).add_u32(
                    Attribute.LIFETIME, lifetime
                ),
                transaction_id=transaction_id,
            ).build()
        )

    first, second = allocate(700), allocate(2000)
    client.relayed = first.relayed
    assert second.error == 437 or (second.relayed == first.relayed and second.lifetime <= first.lifetime)


def test_B64_refresh_of_nothing_and_of_others(client):
    assert client.try_refresh().error == 437
    client.allocate()
    client.credentials = BOB
    assert client.try_refresh(0).error == 441
    client.credentials = ALICE
    assert client.refresh().is_success


def test_B65_allocation_deleted_twice(allocated):
    assert allocated.refresh(0).is_success
    response = allocated.try_refresh(0)
    assert response.is_success or response.error == 437


# -- permissions and channels -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("value", ODD_PEER_ADDRESSES)
@pytest.mark.parametrize("method", [Method.CREATE_PERMISSION, Method.CHANNEL_BIND])
def test_B66_odd_peer_addresses_are_400(allocated, method, value):
    response = allocated.request(
        method,
        lambda m: m.add(Attribute.CHANNEL_NUMBER, bytes.fromhex("40000000")).add(
            Attribute.XOR_PEER_ADDRESS, bytes.fromhex(value)
        ),
    )
    assert response.error == 400


def test_B67_three_hundred_peers_in_one_request(launch, connect, stream_transport):
    peers = [(f"127.4.{number // 200}.{number % 200 + 1}", 9) for number in range(300)]
    client = connect(stream_transport, at=launch(limits={"permissions_per_allocation": 64}))
    client.allocate()
    assert client.try_create_permission(*peers).error == 508
    client.create_permission(*peers[:64])
    unlimited = connect(stream_transport)
    unlimited.allocate()
    assert unlimited.create_permission(*peers).is_success


def test_B69_port_zero(allocated, peer):
    allocated.create_permission(peer.endpoint)
    response = allocated.try_channel_bind(0x4000, (peer.endpoint[0], 0))
    assert response.error in (400, 403)
    allocated.send_indication((peer.endpoint[0], 0), b"nowhere")
    allocated.send_indication(peer.endpoint, b"first")
    assert peer.receive() == b"first"
    assert allocated.refresh().is_success


def test_B70_odd_channel_numbers(allocated, peer):
    for number in (0x3FFF, 0x5000, 0x7FFF, 0x0000, 0xFFFF):
        assert allocated.try_channel_bind(number, peer.endpoint).error == 400
    for value in (b"\x40\x00", bytes([0x40]) + bytes(7)):
        response = allocated.request(
            Method.CHANNEL_BIND, lambda m: m.add(Attribute.CHANNEL_NUMBER, value).add_peer(peer.endpoint)
        )
        assert response.error == 400
    peer.send(b"not permitted", allocated.relayed)
    allocated.assert_silence()


# -- data -------------------------------------------------------------------------------------------------------------


def test_B77_odd_send_indications(allocated, peer, make_peer):
    other = make_peer()
    allocated.create_permission(peer.endpoint)
    send = lambda: Builder(Method.SEND, Class.INDICATION)  # noqa: E731
    allocated.send_raw(send().add_peer(peer.endpoint).build())
    allocated.send_raw(send().add(Attribute.DATA, b"x").build())
    allocated.send_raw(send().add_peer(peer.endpoint).add(Attribute.DATA, b"x").add(0x7F00).build())
    allocated.send_raw(send().add(Attribute.XOR_PEER_ADDRESS, bytes(3)).add(Attribute.DATA, b"x").build())
    allocated.send_raw(send().add_peer(peer.endpoint).add_peer(other.endpoint).add(Attribute.DATA, b"to one").build())
    allocated.send_indication(peer.endpoint, b"")
    allocated.send_indication(peer.endpoint, b"last")
    assert [peer.receive() for _ in range(3)] == [b"to one", b"", b"last"]
    other.assert_silence()
    allocated.assert_silence()


def test_B77_send_of_more_than_a_datagram_holds_is_dropped(connect, stream_transport, peer):
    client = connect(stream_transport)
    client.allocate()
    client.create_permission(peer.endpoint)
    for size in (65508, 65500):
        client.send_indication(peer.endpoint, bytes(size))
    client.send_indication(peer.endpoint, b"next")
    found = peer.receive()
    assert found == bytes(65500) and peer.receive() == b"next" or found == b"next"
    assert client.refresh().is_success


def test_B78_send_to_another_family(allocated):
    allocated.send_indication(("fd00:1::3", 9), b"x")
    allocated.assert_silence()


def test_B79_what_peers_send_is_never_interpreted(allocated, peer):
    payloads = [
        Builder(Method.BINDING).build(),
        Builder(Method.ALLOCATE).build(),
        channel_data(0x4000, b"hello"),
        octets("16fefd 0000 000000000000 0010") + bytes(16),
        Builder(Method.SEND, Class.INDICATION).add_peer(peer.endpoint).add(Attribute.DATA, b"x").build(),
    ]
    for payload in payloads:
        peer.send(payload, allocated.relayed)
    allocated.assert_silence()
    allocated.create_permission(peer.endpoint)
    for payload in payloads:
        peer.send(payload, allocated.relayed)
        assert allocated.receive_data().data == payload
    peer.assert_silence()


def test_B80_longest_peer_datagram_is_relayed_or_dropped_whole(allocated, peer):
    allocated.create_permission(peer.endpoint)
    payload = os.urandom(65507)
    for by_channel in (False, True):
        if by_channel:
            allocated.channel_bind(0x4000, peer.endpoint)
        peer.send(payload, allocated.relayed)
        peer.send(b"next", allocated.relayed)
        found = [allocated.receive()]
        contents = lambda unit: unit.payload if hasattr(unit, "payload") else unit.data  # noqa: E731
        if contents(found[-1]) != b"next":
            assert contents(found[-1]) == payload
            assert contents(allocated.receive()) == b"next"


@needs_ipv6
@pytest.mark.parametrize("size", [65471, 65490, 65500, 65507, 65508, 65520, 65527])
def test_B80_longest_ipv6_datagrams_are_relayed_or_dropped_whole(connect, stream_transport, peer_v6, size):
    """A Data indication for an IPv6 peer adds 48 octets: the STUN length would wrap."""
    client = connect(stream_transport)
    client.allocate(family=2)
    client.create_permission(peer_v6.endpoint)
    payload = os.urandom(size)
    peer_v6.send(payload, client.relayed)
    peer_v6.send(b"next", client.relayed)
    found = client.receive_data().data
    assert found in (payload, b"next")
    client.send_indication(peer_v6.endpoint, payload[:65480])
    client.send_indication(peer_v6.endpoint, b"last")
    assert peer_v6.receive() in (payload[:65480], b"last")
    client.channel_bind(0x4000, peer_v6.endpoint)
    client.send_channel(0x4000, payload)
    client.send_channel(0x4000, b"end")
    while (found := peer_v6.receive()) != b"end":
        assert found in (payload, b"last")
    assert client.binding().is_success


def test_D9_client_that_does_not_read_costs_no_memory_and_keeps_step(connect, peer, server):
    """Data may be dropped, but only whole messages, and never the answers to requests."""
    client = connect("tcp")
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    before = server.resident_kib()
    for number in range(30000):  # more than the kernel's buffers hold
        peer.send(struct.pack(">I", number) + bytes(1000 + number % 7), client.relayed)
        if number % 100 == 99:
            assert connect_probe(server).binding().is_success
    request = Builder(Method.BINDING).build()
    client.send_raw(request)
    server.assert_grew_at_most(8 * 1024, since=before)
    numbers = []
    while True:
        unit = client.receive()
        if not hasattr(unit, "channel"):
            assert unit is not None and unit.transaction_id == request[8:20]
            break
        number = struct.unpack(">I", unit.payload[:4])[0]
        assert len(unit.payload) == 1004 + number % 7
        numbers.append(number)
    assert numbers == sorted(set(numbers)) and len(numbers) < 30000
    client.drain(0.3)
    peer.send(b"again", client.relayed)
    assert client.receive_channel_data().payload == b"again"
    assert client.refresh(0).is_success


_probes: dict[int, TurnClient] = {}


def connect_probe(server) -> TurnClient:
    """One more client, which proves that others are served."""
    if server.pid not in _probes:
        _probes[server.pid] = TurnClient(UdpTransport(server.udp))
    return _probes[server.pid]


def test_B89_response_attributes_in_requests_are_ignored(client):
    def fill(builder: Builder) -> None:
        address = encode_xor_address((LISTENER, 1), builder.transaction_id)
        builder.add(Attribute.MAPPED_ADDRESS, bytes.fromhex("0001000101020304"))
        builder.add(Attribute.XOR_MAPPED_ADDRESS, address).add(Attribute.ERROR_CODE, bytes.fromhex("00000400"))
        builder.add(Attribute.XOR_RELAYED_ADDRESS, address)

    assert client.binding(fill).mapped == client.local
    assert client.try_allocate(fill=fill).is_success


def spoofed(source: tuple[str, int], target: tuple[str, int], payload: bytes) -> bytes:
    """An IPv4 packet; the kernel fills in identification and header checksum, the UDP checksum may be zero."""
    udp = struct.pack(">HHHH", source[1], target[1], 8 + len(payload), 0) + payload
    return (
        struct.pack(">BBHHHBBH", 0x45, 0, 20 + len(udp), 0, 0, 64, socket.IPPROTO_UDP, 0)
        + socket.inet_aton(source[0])
        + socket.inet_aton(target[0])
        + udp
    )


@pytest.mark.parametrize("kind", ["port-zero", "own-listener", "broadcast"])
def test_B90_sources_that_cannot_be_answered_are_ignored(server, connect, kind):
    source = {
        "port-zero": ("127.0.0.55", 0),
        "own-listener": server.udp,
        "broadcast": ("127.255.255.255", 40000),
    }[kind]
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_RAW)
    except PermissionError:
        pytest.skip("raw sockets need root: use tests/integration/run")
    before = server.cpu_seconds()
    with raw:
        for message in (Builder(Method.BINDING).build(), allocate_builder().build()):
            for _ in range(20):
                with contextlib.suppress(PermissionError):
                    raw.sendto(spoofed(source, server.udp, message), (server.udp[0], 0))
    connect("udp").assert_silence()
    assert server.cpu_seconds() - before < 3, "answers to itself go round in circles"


def test_B91_wildcard_listener_answers_from_the_address_asked(launch, connect, datagram_transport):


    at = launch(listeners=listeners("0.0.0.0"))
    for address in ("127.0.0.1", "127.0.0.200", "127.200.0.1"):
        assert connect(datagram_transport, at=at, address=address).binding().is_success
    port = at.settings["listeners"][0]["port"]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as shouter:
        shouter.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
        shouter.settimeout(0.3)
        shouter.sendto(Builder(Method.BINDING).build(), ("127.255.255.255", port))
        with pytest.raises(TimeoutError):
            shouter.recv(100)
    assert TurnClient(TcpTransport(at.endpoint("tcp", "127.0.0.9"))).binding().is_success
