"""D1: no stranger gets more than five times what he sent, on any transport and by any kind of request."""

import os
import struct

import pytest

from http_exchange import get
from server_fixture import ALICE
from stun_message import UDP, Attribute, Builder, Class, Method, channel_data
from transports import needs_dtls, open_transport
from turn_client import ConnectionEnded, TurnClient, UdpTransport
from websocket_transport import Opcode, encode_frame, upgrade_request

SETTINGS = {"limits": None}

AT_MOST = 5


def allocate() -> Builder:
    return Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))


def unauthenticated() -> dict[str, bytes]:
    """The smallest of each kind that is answered, or that some server might answer."""
    found = {f"bare_{method.name.lower()}": Builder(method).build() for method in Method}
    found |= {f"{method.name.lower()}_indication": Builder(method, Class.INDICATION).build() for method in Method}
    junk = allocate().add_text(Attribute.USERNAME, "a").add_text(Attribute.REALM, "b").add_text(Attribute.NONCE, "c")
    found |= {
        "allocate": allocate().build(),
        "allocate_with_junk_integrity": junk.integrity(bytes(16)).build(),
        "allocate_with_bare_integrity": allocate().integrity(bytes(16)).build(),
        "allocate_with_userhash": allocate().add(Attribute.USERHASH, bytes(32)).integrity_sha256(bytes(16)).build(),
        "allocate_with_empty_nonce": allocate().add(Attribute.NONCE).build(),
        "binding_with_one_unknown": Builder(Method.BINDING).add(0x7F00).build(),
        "binding_with_change_request": Builder(Method.BINDING).add_u32(Attribute.CHANGE_REQUEST, 6).build(),
        "binding_with_response_port": Builder(Method.BINDING).add_u32(Attribute.RESPONSE_PORT, 0).build(),
        "binding_with_padding": Builder(Method.BINDING).add(Attribute.PADDING, bytes(4)).build(),
        "binding_with_fingerprint": Builder(Method.BINDING).fingerprint().build(),
        "binding_with_username": Builder(Method.BINDING).add(Attribute.USERNAME).build(),
        "unknown_method": Builder(0x00F).build(),
        "success": Builder(Method.BINDING, Class.SUCCESS).build(),
        "channel_data": channel_data(0x4000, bytes(4)),
        "classic_binding": struct.pack(">HH", 1, 0) + b"\x01" + bytes(15),
        "classic_allocate": struct.pack(">HH", 3, 0) + b"\x01" + bytes(15),
        "classic_binding_with_response_address": struct.pack(">HH", 1, 12) + b"\x01" + bytes(15)
        + struct.pack(">HH", 2, 8) + bytes.fromhex("0001000901020304"),
    }
    many = Builder(Method.BINDING)
    for number in range(60):
        many.add(0x7F00 + number)
    return found | {"binding_with_many_unknown": many.build()}


@pytest.mark.parametrize("name", unauthenticated().keys())
def test_D1_answer_to_an_unauthenticated_request_is_small(connect, transport, name):
    request = unauthenticated()[name]
    client = connect(transport, credentials=None)
    received = 0
    try:
        client.send_raw(request)
        marker = Builder(Method.BINDING).build()
        client.send_raw(marker)
        while True:
            octets = client.transport.receive(0.5)
            if octets is None or octets[8:20] == marker[8:20]:
                break
            received += len(octets)
    except ConnectionEnded:
        pass
    assert received <= AT_MOST * len(request), f"{received} octets for {len(request)}"


@needs_dtls
@pytest.mark.parametrize("name", ["bare_binding", "allocate", "binding_with_one_unknown", "allocate_with_junk_integrity"])
def test_D1_answer_in_records_of_dtls_is_small(connect, name):
    """As the network sees it: what encryption adds is added to both."""
    client = connect("dtls", credentials=None)
    request = unauthenticated()[name]
    assert client.binding().is_success  # so that nothing of the handshake is counted
    sent, received = client.transport.octets_sent, client.transport.octets_received
    client.transact(request)
    sent, received = client.transport.octets_sent - sent, client.transport.octets_received - received
    assert 0 < received <= AT_MOST * sent


def test_D1_request_authenticated_with_a_wrong_password_is_answered_briefly(server):
    transport = UdpTransport(server.udp)
    client = TurnClient(transport, ALICE)
    client.challenge()
    request = client.add_credentials(allocate()).integrity(os.urandom(16)).build()
    transport.send(request)
    answer = transport.receive(0.5)
    assert answer is None or len(answer) <= AT_MOST * len(request)
    transport.close()


HTTP_REQUESTS = {
    "get_1_0": b"GET / HTTP/1.0\r\n\r\n",
    "livez_1_0": b"GET /livez HTTP/1.0\r\n\r\n",
    "get_1_1": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
    "livez_1_1": b"GET /livez HTTP/1.1\r\nHost: a\r\n\r\n",
    "without_host": b"GET / HTTP/1.1\r\n\r\n",
    "head": b"HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
    "post": b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n",
    "options": b"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n",
    "without_version": b"GET /\r\n\r\n",
    "one_letter": b"G\r\n\r\n",
    "junk": b"abc def ghi\r\n\r\n",
    "turn_without_upgrade": b"GET /turn HTTP/1.1\r\nHost: a\r\n\r\n",
    "upgrade_without_key": b"GET /turn HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n",
    "upgrade": upgrade_request("dGhlIHNhbXBsZSBub25jZQ=="),
    "with_header_of_20_kb": get("/", "X: " + "a" * 20000),
    "pipeline": b"GET / HTTP/1.1\r\nHost: a\r\n\r\n" * 20,
}


@pytest.mark.parametrize("request_octets", HTTP_REQUESTS.values(), ids=HTTP_REQUESTS.keys())
def test_D1_http_answer_is_small(server, request_octets):
    transport = open_transport("tls", server.edge)
    transport.send(request_octets)
    received = 0
    try:
        while chunk := transport.receive_some(0.5):
            received += len(chunk)
    except (TimeoutError, OSError):
        pass
    assert received <= AT_MOST * len(request_octets), f"{received} octets for {len(request_octets)}"
    transport.close()


@pytest.mark.parametrize("frame", [encode_frame(Opcode.PING), encode_frame(Opcode.PING, bytes(125)), encode_frame(Opcode.CLOSE),
                                   encode_frame(Opcode.TEXT), encode_frame(0x3)],
                         ids=["ping", "long_ping", "close", "text", "reserved"])  # fmt: skip
def test_D1_frame_is_answered_by_a_small_one(server, frame):
    transport = open_transport("wss", server.edge)
    transport.send_octets(frame)
    received = 0
    try:
        while chunk := super(type(transport), transport).receive_some(0.5):
            received += len(chunk)
    except (TimeoutError, OSError):
        pass
    assert received <= AT_MOST * len(frame)
    transport.close()
