"""D7: connections that do not say what they want are closed; those that did are not. All of them wait at once."""

import time

import pytest

import client_hello
from http_exchange import exchange, get, read_response
from proxy_header import version_2
from server_fixture import ALICE, LISTENER, listeners
from stun_message import UDP, Attribute, Builder, Method
from tls_transport import TlsTransport
from transports import ALL, HAS_DTLS, STREAMS
from turn_client import ConnectionEnded, TcpTransport, TurnClient
from websocket_transport import Opcode, WebSocketTransport, encode_frame, upgrade_request

# Half a minute of waiting, which two shards do in the same way as one.
SHARDS = (2,)

# Ten seconds for the handshake and ten for the first message, and room for a slow machine.
CLOSED_WITHIN = 60.0

PROXY = "127.0.0.50"
PROXIED = [
    {**listener, "proxy_protocol": {"trusted": [f"{PROXY}/32"]}}
    for listener in listeners("127.0.0.8", transports=("tcp", "tls"))
]
SETTINGS = {"listeners": listeners(LISTENER) + PROXIED, "limits": {"connections_per_source": 0}}

REQUEST = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).build()
HELLO = client_hello.over_tls((client_hello.ECDHE_ECDSA_AES128_GCM,))


class Idler:
    """A connection that says something at once, and then more, an octet at a time."""

    def __init__(self, transport: TcpTransport, at_once: bytes = b"", in_drops: bytes = b""):
        self.transport = transport
        self.drops = list(in_drops)
        self.is_closed = False
        if at_once:
            (getattr(transport, "send_octets", None) or transport.send)(at_once)

    def step(self) -> None:
        """A drop if there is one left; sees whether the server has ended the connection."""
        try:
            if self.drops:
                self.transport.send(bytes([self.drops.pop(0)]))
            while self.transport.receive_some(0.001):
                pass
            self.is_closed = True
        except TimeoutError:
            pass
        except (ConnectionEnded, OSError):
            self.is_closed = True


def idlers(server) -> dict[str, Idler]:
    tcp, tls, edge = (lambda: TcpTransport(server.tcp)), (lambda: TcpTransport(server.tls)), (lambda: TcpTransport(server.edge))
    turn, http, web = (lambda: TlsTransport(server.tls)), (lambda: TlsTransport(server.edge)), (
        lambda: WebSocketTransport(server.edge)
    )
    proxied_tcp, proxied_tls = server.endpoint("tcp", "127.0.0.8"), server.endpoint("tls", "127.0.0.8")
    header = version_2(("203.0.113.7", 1), ("127.0.0.8", 443))
    return {
        "B25_tcp_silent": Idler(tcp()),
        "B26_tcp_dribbles": Idler(tcp(), b"", REQUEST * 9),
        "B03_tcp_half_a_header": Idler(tcp(), REQUEST[:19]),
        "tcp_half_a_message": Idler(tcp(), REQUEST[:24]),
        "tcp_half_a_hello": Idler(tcp(), HELLO[:40]),
        "tls_silent": Idler(tls()),
        "tls_half_a_hello": Idler(tls(), HELLO[:40]),
        "tls_dribbled_hello": Idler(tls(), HELLO[:20], HELLO[20:]),
        "tls_hello_and_no_more": Idler(tls(), HELLO),
        "tls_silent_after_the_handshake": Idler(turn()),
        "tls_half_a_message": Idler(turn(), REQUEST[:24]),
        "tls_dribbles": Idler(turn(), b"", REQUEST * 9),
        "edge_silent": Idler(edge()),
        "edge_hello_and_no_more": Idler(edge(), HELLO),
        "edge_silent_after_the_handshake": Idler(http()),
        "edge_half_a_header": Idler(http(), b"GET /livez HTTP/1.1\r\nHost:"),
        "edge_dribbled_header": Idler(http(), b"GET /livez HTTP/1.1\r\nX: ", b"a" * 200),
        "edge_half_a_body": Idler(http(), get("/x", "Content-Length: 100").replace(b"GET", b"POST") + b"half"),
        "edge_half_a_message": Idler(http(), REQUEST[:19]),
        "wss_silent": Idler(web()),
        "wss_half_a_frame": Idler(web(), encode_frame(Opcode.BINARY, REQUEST)[:10]),
        "wss_half_a_message": Idler(web(), encode_frame(Opcode.BINARY, REQUEST[:19])),
        "wss_pings_only": Idler(web(), encode_frame(Opcode.PING)),
        "proxy_silent": Idler(TcpTransport(proxied_tcp, (PROXY, 0))),
        "proxy_half_a_header": Idler(TcpTransport(proxied_tcp, (PROXY, 0)), header[:20]),
        "proxy_header_and_no_more": Idler(TcpTransport(proxied_tcp, (PROXY, 0)), header),
        "proxy_tls_half_a_header": Idler(TcpTransport(proxied_tls, (PROXY, 0)), b"PROXY TCP4 "),
        "proxy_tls_header_and_no_more": Idler(TcpTransport(proxied_tls, (PROXY, 0)), header),
    }


def test_D7_B25_B26_who_does_not_say_what_he_wants_is_closed_and_others_are_not(server, connect, peer):
    timeouts = server.metric("senso_turn_tls_handshakes_total", outcome="timeout")
    transports = ALL if HAS_DTLS else tuple(name for name in ALL if name != "dtls")
    allocated = {transport: connect(transport) for transport in transports}
    for client in allocated.values():
        client.allocate()
        client.channel_bind(0x4000, peer.endpoint)
    bound = {transport: connect(transport) for transport in STREAMS}
    for client in bound.values():
        assert client.binding().is_success
    web = TlsTransport(server.edge)
    assert exchange(web, get("/livez")).status == 200

    waiting = idlers(server)
    deadline = time.monotonic() + CLOSED_WITHIN
    while any(not idler.is_closed for idler in waiting.values()) and time.monotonic() < deadline:
        for idler in waiting.values():
            if not idler.is_closed:
                idler.step()
        time.sleep(0.7)
    still_open = [name for name, idler in waiting.items() if not idler.is_closed]
    for idler in waiting.values():
        idler.transport.close()

    for transport, client in allocated.items():
        assert client.refresh().is_success, f"{transport}: a client with an allocation was closed"
        client.send_channel(0x4000, transport.encode())
        assert peer.receive() == transport.encode()
    for transport, client in bound.items():
        assert client.binding().is_success, f"{transport}: a client that had spoken was closed"
    web.send(get("/livez"))
    try:
        assert read_response(web).status == 200
    except (ConnectionEnded, OSError):
        pass  # idle HTTP may end sooner
    web.close()
    assert not still_open, f"still open after {CLOSED_WITHIN:.0f} s: {still_open}"
    assert server.metric("senso_turn_tls_handshakes_total", outcome="timeout") > timeouts


def test_D7_late_but_not_too_late_is_served(server):
    """The counterpart: slowness alone is no reason."""
    slow = TcpTransport(server.tcp)
    request = Builder(Method.BINDING).build()
    for octet in request[:-1]:
        slow.send(bytes([octet]))
        time.sleep(0.05)
    slow.send(request[-1:])
    assert TurnClient(slow).wait_for_response(request[8:20]).is_success
    slow.close()


@pytest.mark.parametrize("transport", STREAMS)
def test_client_that_deletes_its_allocation_may_stay(connect, transport):
    client = connect(transport, ALICE)
    client.allocate()
    client.refresh(0)
    time.sleep(0.5)
    assert client.binding().is_success


def test_upgrade_request_in_pieces_is_read(server):
    transport = TlsTransport(server.edge)
    request = upgrade_request("dGhlIHNhbXBsZSBub25jZQ==")
    for at in range(0, len(request), 10):
        transport.send(request[at : at + 10])
        time.sleep(0.02)
    assert read_response(transport).status == 101
    transport.close()
