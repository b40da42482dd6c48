"""TURN in a WebSocket (RFC 6455, subprotocol `turn`): a byte stream in binary frames. Broken frames first."""

import contextlib
import os
import random
import struct
import threading

import pytest

from server_fixture import ALICE
from stun_message import Builder, ChannelData, Message, Method, stream_channel_data
from turn_client import ConnectionEnded, TurnClient
from waiting import eventually
from websocket_transport import Opcode, WebSocketTransport, encode_frame

SETTINGS = {"limits": {"connections_per_source": 0}}

PROTOCOL_ERROR = 1002
UNSUPPORTED_DATA = 1003
TOO_BIG = 1009


@pytest.fixture
def web(server):
    """A client whose connection a test may break; afterwards another must be served."""
    client = TurnClient(WebSocketTransport(server.edge), ALICE)
    yield client
    client.close()
    probe = TurnClient(WebSocketTransport(server.edge))
    assert probe.binding().is_success
    probe.close()


def binding() -> bytes:
    return Builder(Method.BINDING).build()


BROKEN = {
    "unmasked": (encode_frame(Opcode.BINARY, binding(), mask=None), PROTOCOL_ERROR),
    "unmasked_ping": (encode_frame(Opcode.PING, b"x", mask=None), PROTOCOL_ERROR),
    "reserved_bit_1": (encode_frame(Opcode.BINARY, binding(), reserved=4), PROTOCOL_ERROR),
    "reserved_bit_2": (encode_frame(Opcode.BINARY, binding(), reserved=2), PROTOCOL_ERROR),
    "reserved_bit_3": (encode_frame(Opcode.BINARY, binding(), reserved=1), PROTOCOL_ERROR),
    "opcode_3": (encode_frame(0x3, binding()), PROTOCOL_ERROR),
    "opcode_7": (encode_frame(0x7, b""), PROTOCOL_ERROR),
    "opcode_15": (encode_frame(0xF, b""), PROTOCOL_ERROR),
    # The mask is zero, so that what follows is: no client of TURN sends that, with a random one it might look as if.
    "length_2_63": (encode_frame(Opcode.BINARY, binding(), length=1 << 63, mask=bytes(4)), None),
    "length_2_64": (encode_frame(Opcode.BINARY, binding(), length=(1 << 64) - 1, mask=bytes(4)), None),
    "control_fragmented": (encode_frame(Opcode.PING, b"x", is_final=False), PROTOCOL_ERROR),
    "control_too_long": (encode_frame(Opcode.PING, bytes(126)), PROTOCOL_ERROR),
    "close_fragmented": (encode_frame(Opcode.CLOSE, b"\x03\xe8", is_final=False), PROTOCOL_ERROR),
    "close_of_one_octet": (encode_frame(Opcode.CLOSE, b"\x03"), PROTOCOL_ERROR),
    "close_with_code_0": (encode_frame(Opcode.CLOSE, b"\0\0"), None),
    "close_with_code_1005": (encode_frame(Opcode.CLOSE, b"\x03\xed"), None),
    "close_not_utf8": (encode_frame(Opcode.CLOSE, b"\x03\xe8\xff\xfe"), None),
    "continuation_of_nothing": (encode_frame(Opcode.CONTINUATION, binding()), PROTOCOL_ERROR),
    "two_beginnings": (
        encode_frame(Opcode.BINARY, binding(), is_final=False) + encode_frame(Opcode.BINARY, binding()),
        PROTOCOL_ERROR,
    ),
    "text": (encode_frame(Opcode.TEXT, b"hello"), UNSUPPORTED_DATA),
    "text_begins": (encode_frame(Opcode.TEXT, b"hello", is_final=False), UNSUPPORTED_DATA),
    "tls_hello": (bytes.fromhex("1603010200") + bytes(100), None),
    "http": (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", None),
    "stun_without_frames": (binding(), None),
}


@pytest.mark.parametrize("octets, code", BROKEN.values(), ids=BROKEN.keys())
def test_broken_frames_close_the_connection(web, octets, code):
    """The close code tells which rule it was; a server may also end without one."""
    with contextlib.suppress(ConnectionEnded, OSError):
        web.transport.send_octets(octets)
        if code is None:
            web.transport.send_octets(bytes(20000))  # what a length that is a lie would wait for
    assert web.transport.is_closed_within(20)
    if code is not None:
        assert web.transport.close_code in (None, 1005, code, PROTOCOL_ERROR, UNSUPPORTED_DATA)


def test_broken_frame_ends_the_allocation(server, web):
    held = server.metric("senso_turn_allocations")
    web.allocate()
    web.transport.send_octets(encode_frame(Opcode.TEXT, b"no"))
    assert web.transport.is_closed_within(20)
    assert eventually(lambda: server.metric("senso_turn_allocations") == held)


@pytest.mark.parametrize("octets", [1 << 20, 1 << 30, (1 << 63) - 1])
def test_announced_length_costs_no_memory(server, web, octets):
    """The contents are a byte stream: a long frame is either streamed or refused, but never awaited in memory."""
    before = server.resident_kib()
    with contextlib.suppress(ConnectionEnded, OSError):
        web.transport.send_octets(encode_frame(Opcode.BINARY, binding(), length=octets))
    with contextlib.suppress(ConnectionEnded, AssertionError):
        web.receive(0.5)
    server.assert_grew_at_most(1024, since=before)


def test_unending_message_of_fragments_is_bounded(server, web):
    before = server.resident_kib()
    with contextlib.suppress(ConnectionEnded, OSError):
        web.transport.send_frame(Opcode.BINARY, binding(), is_final=False)
        for _ in range(5000):
            web.transport.send_frame(Opcode.CONTINUATION, b"", is_final=False)
        for _ in range(1000):
            web.transport.send_frame(Opcode.CONTINUATION, bytes(1000), is_final=False)
    server.assert_grew_at_most(1024, since=before)


def test_flood_of_pings_is_answered_or_ended_and_bounded(server, web):
    before, spent = server.resident_kib(), server.cpu_seconds()
    web.transport.socket.settimeout(1.0)
    ping = encode_frame(Opcode.PING, bytes(125)) * 100
    with contextlib.suppress(OSError):
        for _ in range(300):
            web.transport.socket.sendall(ping)
    server.assert_grew_at_most(8 * 1024, since=before)
    assert server.cpu_seconds() - spent < 20


def test_flood_of_frames_of_one_octet_is_read_whole(web):
    requests = [binding() for _ in range(200)]
    web.transport.send_octets(b"".join(encode_frame(Opcode.BINARY, bytes([octet])) for one in requests for octet in one))
    assert {web.receive().transaction_id for _ in requests} == {one[8:20] for one in requests}


# -- frames as they should be -----------------------------------------------------------------------------------------


def test_borders_of_frames_mean_nothing(web, peer):
    """Whole messages, halves and several in one: any cut of the stream is the same stream."""
    web.allocate()
    web.channel_bind(0x4000, peer.endpoint)
    rng = random.Random(6455)
    for _ in range(20):
        payloads = [os.urandom(rng.randrange(40)) for _ in range(20)]
        request = binding()
        stream = b"".join(stream_channel_data(0x4000, payload) for payload in payloads) + request
        at = 0
        while at < len(stream):
            step = rng.choice((0, 1, 2, 3, 19, 20, 21, 125, 126, 400))
            web.send_raw(stream[at : at + step])
            at += step
        assert [peer.receive() for _ in payloads] == payloads
        assert web.wait_for_response(request[8:20]).is_success


def test_fragmented_messages_with_pings_in_between(web):
    request = binding()
    transport = web.transport
    transport.send_frame(Opcode.BINARY, request[:5], is_final=False)
    transport.send_frame(Opcode.PING, b"in between")
    transport.send_frame(Opcode.CONTINUATION, request[5:12], is_final=False)
    transport.send_frame(Opcode.CONTINUATION, b"", is_final=False)
    transport.send_frame(Opcode.CONTINUATION, request[12:])
    assert web.wait_for_response(request[8:20]).is_success
    transport.wait_for_pong(b"in between")


@pytest.mark.parametrize("form", [0, 2, 8])
def test_lengths_in_longer_forms_than_needed(web, form):
    """RFC 6455 section 5.2 wants the shortest form: a server may refuse the others, but not misread them."""
    request = binding()
    web.transport.send_octets(encode_frame(Opcode.BINARY, request, length_octets=form))
    try:
        assert web.wait_for_response(request[8:20]).is_success
    except ConnectionEnded:
        assert form != 0


@pytest.mark.parametrize("payload", [b"", b"x", bytes(125)])
def test_ping_is_answered_with_its_own_payload(web, payload):
    web.transport.send_frame(Opcode.PING, payload)
    web.transport.wait_for_pong(payload)
    assert web.binding().is_success


def test_unasked_pong_is_ignored(web):
    web.transport.send_frame(Opcode.PONG, b"nobody asked")
    assert web.binding().is_success


@pytest.mark.parametrize("payload", [b"", struct.pack(">H", 1000), struct.pack(">H", 1001) + b"going away"])
def test_close_is_answered_with_a_close(server, web, payload):
    held = server.metric("senso_turn_allocations")
    web.allocate()
    web.transport.send_frame(Opcode.CLOSE, payload)
    assert web.transport.is_closed_within(20)
    assert web.transport.close_code is not None, "no close frame came"
    assert eventually(lambda: server.metric("senso_turn_allocations") == held)


def test_data_behind_a_close_is_not_read(web, peer):
    web.allocate()
    web.channel_bind(0x4000, peer.endpoint)
    late = encode_frame(Opcode.BINARY, stream_channel_data(0x4000, b"late"))
    with contextlib.suppress(ConnectionEnded, OSError):
        web.transport.send_octets(encode_frame(Opcode.CLOSE) + late)
    peer.assert_silence()


def test_long_messages_pass_both_ways(web, peer):
    web.allocate()
    web.channel_bind(0x4000, peer.endpoint)
    for size in (0, 1, 121, 122, 123, 126, 1000, 16000, 65507):
        payload = os.urandom(size)
        web.send_channel(0x4000, payload)
        assert peer.receive() == payload
        peer.send(payload, web.relayed)
        assert web.receive_channel_data().payload == payload


def test_ten_thousand_packets_are_relayed_in_order(web, peer):
    """Paced by their own arrival, so that no buffer of the test's sockets decides."""
    web.allocate()
    web.channel_bind(0x4000, peer.endpoint)
    count, batch = 10000, 50
    for start in range(0, count, batch):
        numbers = range(start, start + batch)
        web.send_raw(b"".join(stream_channel_data(0x4000, struct.pack(">I", number) + bytes(100)) for number in numbers))
        assert [struct.unpack(">I", peer.receive()[:4])[0] for _ in numbers] == list(numbers)
        for number in numbers:
            peer.send(struct.pack(">I", number) + bytes(number % 100), web.relayed)
        for number in numbers:
            assert web.receive_channel_data().payload == struct.pack(">I", number) + bytes(number % 100)


def test_both_directions_at_once(web, peer):
    web.allocate()
    web.channel_bind(0x4000, peer.endpoint)
    count = 500
    arrived: list[bytes] = []
    reader = threading.Thread(target=lambda: arrived.extend(peer.receive() for _ in range(count)))
    reader.start()
    down = 0
    for number in range(count):
        web.send_channel(0x4000, struct.pack(">I", number))
        peer.send(struct.pack(">I", number), web.relayed)
        if number % 20 == 19:
            while down <= number:
                unit = web.receive()
                assert isinstance(unit, ChannelData) and unit.payload == struct.pack(">I", down)
                down += 1
    reader.join()
    assert arrived == [struct.pack(">I", number) for number in range(count)]


def test_answers_come_in_whole_stun_messages(web):
    response = web.binding()
    assert isinstance(response, Message) and response.is_success and len(response.raw) % 4 == 0
