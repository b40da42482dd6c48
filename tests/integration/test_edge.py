"""The 443 edge: TURN over TLS, HTTPS and WebSocket on one port. Abuse of its HTTP first."""

import base64
import contextlib
import os
import socket

import pytest

from http_exchange import HttpResponse, exchange, get, read_response
from server_fixture import ALICE, LISTENER_V6, needs_ipv6
from stun_message import Builder, Method, channel_data
from tls_transport import TlsTransport, client_context
from turn_client import ConnectionEnded, TcpTransport, TurnClient
from waiting import eventually
from websocket_transport import WebSocketTransport, upgrade_request

SETTINGS = {"limits": {"connections_per_source": 0}}
LIVEZ = get("/livez")
HEADER_LIMIT = 16 * 1024
BODY_LIMIT = 64 * 1024


@pytest.fixture(scope="module", autouse=True)
def memory_stays_flat(server):
    for _ in range(20):
        warm = TlsTransport(server.edge)
        assert exchange(warm, LIVEZ).status == 200
        warm.close()
    before = server.resident_kib()
    yield
    assert server.is_running
    server.assert_grew_at_most(16 * 1024, since=before)


@pytest.fixture
def http(server):
    transport = TlsTransport(server.edge)
    yield transport
    transport.close()
    probe = TlsTransport(server.edge)
    assert exchange(probe, LIVEZ).status == 200, "the server is not what it was"
    probe.close()


def answer_or_end(http: TlsTransport, request: bytes) -> HttpResponse | None:
    """None: the connection was closed without an answer."""
    with contextlib.suppress(ConnectionEnded, OSError):
        http.send(request)
    try:
        return read_response(http, seconds=20)
    except (ConnectionEnded, ConnectionResetError, BrokenPipeError):
        return None


# -- abuse ------------------------------------------------------------------------------------------------------------

MALFORMED = {
    "version_missing": b"GET /\r\n\r\n",
    "version_unknown": b"GET / HTTP/9.9\r\nHost: x\r\n\r\n",
    "version_2_preface": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "no_such_line": b"HELLO\r\n\r\n",
    "line_feed_in_name": b"GET / HTTP/1.1\r\nHo\nst: x\r\n\r\n",
    "space_before_colon": b"GET / HTTP/1.1\r\nHost : x\r\n\r\n",
    "no_colon": b"GET / HTTP/1.1\r\nHost\r\n\r\n",
    "nul_in_header": b"GET / HTTP/1.1\r\nHost: a\0b\r\n\r\n",
    "folded_header": b"GET / HTTP/1.1\r\nHost: x\r\n y\r\n\r\n",
    "length_negative": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
    "length_no_number": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
    "length_huge": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999999\r\n\r\n",
    "lengths_differ": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
    "length_and_chunks": b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    "chunk_size_broken": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
    "chunk_size_huge": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffff\r\n",
    "coding_unknown": b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: gzip\r\n\r\n",
    "target_with_controls": b"GET /\x01\x02 HTTP/1.1\r\nHost: x\r\n\r\n",
    "target_of_high_octets": b"GET /\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
    "connect": b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1:22\r\n\r\n",
    "absolute_form": b"GET http://127.0.0.1:22/ HTTP/1.1\r\nHost: x\r\n\r\n",
    "asterisk": b"OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n",
    "dots": b"GET /../../../../etc/passwd HTTP/1.1\r\nHost: x\r\n\r\n",
    "trace": b"TRACE / HTTP/1.1\r\nHost: x\r\nCookie: secret\r\n\r\n",
}


@pytest.mark.parametrize("request_octets", MALFORMED.values(), ids=MALFORMED.keys())
def test_malformed_requests_are_refused_or_end_the_connection(http, request_octets):
    response = answer_or_end(http, request_octets)
    if response is not None:
        assert 400 <= response.status < 600, response.raw
        assert b"secret" not in response.raw and b"root:" not in response.raw


@pytest.mark.parametrize("kind", ["one_line", "many_lines", "target"])
def test_oversized_header_is_refused(http, kind):
    size = 4 * HEADER_LIMIT
    request = {
        "one_line": get("/livez", "X-Long: " + "a" * size),
        "many_lines": get("/livez", *[f"X-{number}: {'a' * 20}" for number in range(size // 20)]),
        "target": get("/" + "a" * size),
    }[kind]
    response = answer_or_end(http, request)
    assert response is None or response.status in (400, 413, 414, 431), response.raw
    assert http.is_closed_within(20)


def test_header_without_an_end_is_bounded(server, http):
    before = server.resident_kib()
    with contextlib.suppress(ConnectionEnded, OSError):
        http.send(b"GET / HTTP/1.1\r\n")
        for _ in range(200):
            http.send(b"X-More: " + b"a" * 8000 + b"\r\n")
    assert http.is_closed_within(20)
    server.assert_grew_at_most(2048, since=before)


def test_header_just_below_the_limit_is_read(http):
    assert exchange(http, get("/livez", "X-Long: " + "a" * (HEADER_LIMIT // 2))).status == 200


@pytest.mark.parametrize("is_announced", [True, False], ids=["announced", "chunked"])
def test_oversized_body_is_refused(server, http, is_announced):
    before = server.resident_kib()
    if is_announced:
        head = get("/livez", f"Content-Length: {100 * BODY_LIMIT}").replace(b"GET", b"POST")
        pieces = [bytes(BODY_LIMIT)] * 100
    else:
        head = get("/livez", "Transfer-Encoding: chunked").replace(b"GET", b"POST")
        pieces = [b"10000\r\n" + bytes(0x10000) + b"\r\n"] * 100
    with contextlib.suppress(ConnectionEnded, OSError):
        http.send(head)
        for piece in pieces:
            http.send(piece)
    with contextlib.suppress(ConnectionEnded, OSError, AssertionError):
        assert read_response(http).status in (400, 404, 405, 413)
    assert http.is_closed_within(20)
    server.assert_grew_at_most(4096, since=before)


def test_body_within_the_limit_is_passed_over(http):
    body = bytes(BODY_LIMIT // 2)
    head = get("/nowhere", f"Content-Length: {len(body)}").replace(b"GET", b"POST")
    assert exchange(http, head + body).status in (404, 405)


def test_requests_in_a_pipeline_are_answered_in_order(http):
    http.send(b"".join(LIVEZ if number % 2 else get(f"/{number}") for number in range(50)))
    for number in range(50):
        assert read_response(http).status == (200 if number % 2 else 404), number


def test_endless_pipeline_of_a_client_that_does_not_read_is_bounded(server, http):
    before = server.resident_kib()
    http.socket.settimeout(1.0)
    with contextlib.suppress(OSError):
        for _ in range(500):
            http.socket.sendall(LIVEZ * 500)
    server.assert_grew_at_most(8 * 1024, since=before)


def test_half_a_request_waits_and_the_rest_completes_it(http):
    http.send(LIVEZ[:20])
    with pytest.raises(TimeoutError):
        http.receive_some(0.2)
    http.send(LIVEZ[20:])
    assert read_response(http).status == 200


def test_request_in_single_octets_is_answered(http):
    for octet in LIVEZ:
        http.send(bytes([octet]))
    assert read_response(http).status == 200


def test_half_a_request_and_the_end_gets_no_success(server):
    transport = TlsTransport(server.edge)
    transport.send(LIVEZ[:-2])
    socket.socket.shutdown(transport.socket, socket.SHUT_WR)
    assert b" 200 " not in transport.read_to_end(20)
    transport.close()


def test_turn_after_http_on_one_connection_is_not_turn(http):
    """What a stream is, is decided once, at its start."""
    assert exchange(http, LIVEZ).status == 200
    with contextlib.suppress(ConnectionEnded, OSError):
        http.send(Builder(Method.BINDING).build() + b"\r\n\r\n")
    assert b"\x01\x01\x00" not in http.read_to_end(20)[:3]


def test_http_after_turn_on_one_connection_is_not_http(server):
    client = TurnClient(TlsTransport(server.edge))
    assert client.binding().is_success
    client.send_raw(LIVEZ)  # as TURN this is the beginning of a long ChannelData message
    with contextlib.suppress(TimeoutError, OSError):
        assert client.transport.receive_some(0.3) == b""
    client.close()


@pytest.mark.parametrize("octets", [channel_data(0x4000, b"x"), b"\x80" + bytes(30), b"\x16\x03\x01" + bytes(30), b"\r\n\r\n",
                                    b"\xff" * 1000, b" GET / HTTP/1.1\r\n\r\n"],
                         ids=["channel_data", "0x80", "tls_in_tls", "line_ends", "ones", "space"])  # fmt: skip
def test_first_octets_of_neither_protocol_close(http, octets):
    with contextlib.suppress(ConnectionEnded, OSError):
        http.send(octets)
        http.send(bytes(100))
    assert b" 200 " not in http.read_to_end(20)


# -- HTTP as it should be ---------------------------------------------------------------------------------------------


def test_livez_is_200_and_everything_else_404(http):
    assert exchange(http, LIVEZ).status == 200
    for path in ("/", "/turn", "/metrics", "/readyz", "/livez/", "/LIVEZ", "/v1/ice-servers", "/turn/", "/favicon.ico"):
        assert exchange(http, get(path)).status in ((404, 400, 426) if path == "/turn" else (404,)), path


def test_connection_is_kept_and_closed_when_asked(server, http):
    for _ in range(20):
        assert exchange(http, LIVEZ).status == 200
    assert exchange(http, get("/livez", "Connection: close")).status == 200
    assert http.is_closed_within(20)


def test_version_1_0_is_answered_and_closed(http):
    assert exchange(http, get("/livez", version="HTTP/1.0")).status == 200
    assert http.is_closed_within(20)


def test_head_is_answered_without_a_body(http):
    response = exchange(http, LIVEZ.replace(b"GET", b"HEAD"), has_body=False)
    assert response.status in (200, 404, 405)
    if response.status == 200:
        assert exchange(http, LIVEZ).status == 200, "a body came after all"


def test_answers_reveal_nothing_of_the_server(http):
    response = exchange(http, get("/nowhere"))
    assert "server" not in response.headers or "/" not in response.headers["server"], "a version invites attacks"


@needs_ipv6
def test_edge_serves_ipv6(server):
    transport = TlsTransport(server.endpoint("edge", LISTENER_V6))
    assert exchange(transport, LIVEZ).status == 200
    transport.close()


def test_http_turn_and_websocket_live_on_one_port_at_once(server):
    """Also with the protocol name by which browsers and curl announce HTTP."""
    turn = TurnClient(TlsTransport(server.edge), ALICE)
    web = TurnClient(WebSocketTransport(server.edge), ALICE)
    http = TlsTransport(server.edge, context=client_context(alpn=("h2", "http/1.1")))
    for _ in range(3):
        assert exchange(http, LIVEZ).status == 200
        for client in (turn, web):
            assert client.binding().mapped == client.local
    for client in (turn, web):
        client.allocate()
        client.refresh(0)
        client.close()
    http.close()


def test_http_connections_cost_no_allocation_and_are_given_back(server):
    before = server.metric("senso_turn_connections")
    transports = [TlsTransport(server.edge) for _ in range(20)]
    for transport in transports:
        assert exchange(transport, LIVEZ).status == 200
        transport.close()
    assert eventually(lambda: server.metric("senso_turn_connections") <= before)


# -- the upgrade ------------------------------------------------------------------------------------------------------


def key() -> str:
    return base64.b64encode(os.urandom(16)).decode()


def without(request: bytes, name: str) -> bytes:
    lines = request.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.lower().startswith(name.lower().encode() + b":"))


UPGRADES = {
    "without_key": lambda: without(upgrade_request(key()), "Sec-WebSocket-Key"),
    "key_too_short": lambda: upgrade_request("c2hvcnQ="),
    "key_no_base64": lambda: upgrade_request("!" * 24),
    "without_version": lambda: without(upgrade_request(key()), "Sec-WebSocket-Version"),
    "version_8": lambda: upgrade_request(key()).replace(b"Version: 13", b"Version: 8"),
    "without_connection": lambda: without(upgrade_request(key()), "Connection"),
    "without_upgrade": lambda: without(upgrade_request(key()), "Upgrade"),
    "upgrade_to_h2c": lambda: upgrade_request(key()).replace(b"Upgrade: websocket", b"Upgrade: h2c"),
    "post": lambda: upgrade_request(key()).replace(b"GET", b"POST"),
    "http_1_0": lambda: upgrade_request(key()).replace(b"HTTP/1.1", b"HTTP/1.0"),
    "other_path": lambda: upgrade_request(key(), path="/other"),
    "root": lambda: upgrade_request(key(), path="/"),
    "path_of_turn_and_more": lambda: upgrade_request(key(), path="/turn/x"),
    "without_protocol": lambda: upgrade_request(key(), protocol=None),
    "other_protocol": lambda: upgrade_request(key(), protocol="chat"),
}


@pytest.mark.parametrize("make", UPGRADES.values(), ids=UPGRADES.keys())
def test_upgrade_that_is_not_right_is_refused(http, make):
    response = answer_or_end(http, make())
    assert response is None or 400 <= response.status < 500, response.raw


@pytest.mark.parametrize("protocol", ["turn", "chat, turn", "turn,chat"])
def test_subprotocol_is_selected_among_those_offered(server, protocol):
    transport = WebSocketTransport(server.edge, protocol=protocol)
    assert transport.headers["sec-websocket-protocol"] == "turn"
    assert TurnClient(transport).binding().is_success
    transport.close_with_notice()


def test_extensions_are_declined(server):
    """Compression of what is encrypted already costs and brings nothing; some tell secrets by it."""
    transport = WebSocketTransport(server.edge, extra=["Sec-WebSocket-Extensions: permessage-deflate"])
    assert "sec-websocket-extensions" not in transport.headers
    assert TurnClient(transport).binding().is_success
    transport.close_with_notice()


def test_upgrade_after_other_requests_on_one_connection(http, server):
    assert exchange(http, LIVEZ).status == 200
    response = exchange(http, upgrade_request(key()))
    assert response.status == 101


def test_header_names_and_tokens_are_of_any_case(http):
    request = upgrade_request(key()).replace(b"Upgrade: websocket", b"UPGRADE: WebSocket")
    request = request.replace(b"Connection: Upgrade", b"connection: keep-alive, UPGRADE")
    assert exchange(http, request).status == 101


def test_upgrade_without_tls_is_refused(server):
    """Nothing is in the clear on the edge, and the plain TCP listener knows no HTTP."""
    for endpoint in (server.edge, server.tcp):
        stream = TcpTransport(endpoint)
        with contextlib.suppress(ConnectionEnded):
            stream.send(upgrade_request(key()))
        assert b" 101 " not in stream.read_to_end(20)
        stream.close()


def test_refused_upgrade_leaves_http_going(http):
    response = answer_or_end(http, upgrade_request(key(), path="/other"))
    if response is not None and response.headers.get("connection", "").lower() != "close":
        assert exchange(http, LIVEZ).status == 200


def test_slow_readers_of_http_do_not_hold_up_others(server):
    slow = TlsTransport(server.edge, receive_buffer=4096)
    slow.socket.settimeout(0.5)
    with contextlib.suppress(OSError):
        slow.socket.sendall(get("/" + "x" * 100) * 2000)
    quick = TlsTransport(server.edge)
    for _ in range(50):
        assert exchange(quick, LIVEZ).status == 200
    slow.close()
    quick.close()
