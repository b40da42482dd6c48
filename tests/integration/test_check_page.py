"""The connectivity page over the edge, black-box: what strangers get from it, and what they can do with that."""

from __future__ import annotations

import json

import pytest

from http_exchange import HttpResponse, exchange, get
from server_fixture import RELAY
from stun_message import TCP, Method
from tls_transport import TlsTransport
from turn_client import Credentials, TurnClient, UdpTransport

HOST = "turn.example.test"
OWN_PAGE = ("Sec-Fetch-Site: same-origin",)
SETTINGS = {
    "check_page": {"enabled": True},
    "protocol": {"tcp_relay": True},
    "limits": {"connections_per_source": 0},
}


def post(path: str, *lines: str, body: str = "") -> bytes:
    octets = body.encode()
    head = [f"POST {path} HTTP/1.1", f"Host: {HOST}", *lines, f"Content-Length: {len(octets)}", "", ""]
    return "\r\n".join(head).encode() + octets


@pytest.fixture
def ask(server):
    """Sends one request, over a connection of its own."""

    def send(request: bytes, at=server, local=None, **options) -> HttpResponse:
        http = TlsTransport(at.edge, local)
        try:
            return exchange(http, request, **options)
        finally:
            http.close()

    return send


@pytest.fixture
def session(ask):
    """Credentials as the page gets them. Each test has a source of its own, whose quota is fresh."""

    def open_session(local=None) -> tuple[dict, Credentials]:
        response = ask(post("/check/session", *OWN_PAGE), local=local)
        assert response.status == 201, response.raw
        body = json.loads(response.body)
        return body, Credentials(body["username"], body["credential"])

    return open_session


def test_the_page_is_off_unless_switched_on(launch, ask):
    plain = launch(limits={"connections_per_source": 0})
    posts = [post(path, *OWN_PAGE) for path in ("/check/session", "/check/rooms")]
    for request in (get("/check"), get("/check/page.js"), *posts):
        response = ask(request, at=plain)
        assert response.status == 404
        assert response.body == b""


def test_other_sites_get_no_credentials(ask):
    for lines in ((), ("Sec-Fetch-Site: cross-site",), ("Origin: https://evil.example",), ("Origin: null",),
                  ("Sec-Fetch-Site: same-origin", "Origin: https://evil.example")):
        response = ask(post("/check/session", *lines))
        assert response.status == 403, lines
        assert b"credential" not in response.body
        assert "access-control-allow-origin" not in response.headers
    assert ask(get("/check/session", *OWN_PAGE)).status == 405


def test_the_page_and_its_files_are_there_and_strict(ask):
    page = ask(get("/check"))
    assert page.status == 200 and page.headers["content-type"].startswith("text/html")
    for path in ("/check", "/check/page.js", "/check/relays.js", "/check/page.css"):
        response = ask(get(path))
        assert response.status == 200, path
        policy = response.headers["content-security-policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["referrer-policy"] == "no-referrer"
    head = ask(get("/check").replace(b"GET", b"HEAD", 1), has_body=False)
    assert head.headers["content-length"] == str(len(page.body))


def test_credentials_are_kept_by_nobody(ask):
    response = ask(post("/check/session", *OWN_PAGE))
    assert response.headers["cache-control"] == "no-store"


def test_credentials_reach_nobody_but_relays_of_this_server(session, connect, transport, make_peer):
    _, credentials = session()
    client, peer = connect(transport, credentials), make_peer()
    client.allocate()
    assert client.try_create_permission(peer.endpoint).error == 403
    assert client.try_channel_bind(0x4000, peer.endpoint).error == 403
    client.send_indication(peer.endpoint, b"never")
    peer.send(b"never", client.relayed)
    peer.assert_silence()
    client.assert_silence()


def test_one_forbidden_peer_forbids_all(session, connect, make_peer):
    _, credentials = session()
    client, peer = connect("udp", credentials), make_peer()
    client.allocate()
    assert client.try_create_permission((RELAY, 50000), peer.endpoint).error == 403
    peer.send(b"never", client.relayed)
    client.assert_silence()


def test_credentials_do_not_reach_the_servers_own_sockets(session, connect, server):
    _, credentials = session()
    client = connect("udp", credentials)
    client.allocate()
    for port in {listener["port"] for listener in server.settings["listeners"]} | {server.settings["metrics"]["port"]}:
        assert client.try_channel_bind(0x4000, (RELAY, port)).error == 403


def test_credentials_relay_between_relays(session, connect, transport):
    _, credentials = session()
    one, other = connect(transport, credentials), connect("udp", credentials)
    one.allocate()
    other.allocate()
    one.channel_bind(0x4000, other.relayed)
    other.channel_bind(0x4001, one.relayed)
    one.send_channel(0x4000, b"there")
    assert other.receive_channel_data().payload == b"there"
    other.send_channel(0x4001, b"and back")
    assert one.receive_channel_data().payload == b"and back"


def test_credentials_have_no_relays_over_tcp(session, connect):
    _, credentials = session()
    assert connect("tcp", credentials).try_allocate(protocol=TCP).error == 403


def test_credentials_end_with_what_was_made_with_them(session, connect):
    body, credentials = session()
    client = connect("udp", credentials)
    assert client.allocate(lifetime=3600).lifetime <= body["ttl"] == 300
    assert client.refresh(3600).lifetime <= 300


def test_a_source_has_so_many_relays(session, server):
    _, credentials = session()
    clients = []
    try:
        for _ in range(64):
            clients.append(TurnClient(UdpTransport(server.udp), credentials))
            clients[-1].allocate()
        clients.append(TurnClient(UdpTransport(server.udp), credentials))
        assert clients[-1].try_allocate().error == 486
        clients.append(TurnClient(UdpTransport(server.udp), session()[1]))
        assert clients[-1].try_allocate().error == 486, "another name of the same source"
    finally:
        for client in clients:
            client.request(Method.REFRESH, lambda message: message.add_u32(0x000D, 0))
            client.close()


def test_a_source_gets_so_many_sessions_and_another_goes_on(ask):
    flooder, other = ("127.0.0.81", 0), ("127.0.0.82", 0)
    answers = [ask(post("/check/session", *OWN_PAGE), local=flooder) for _ in range(120)]
    refused = [response for response in answers if response.status == 429]
    assert answers[0].status == 201 and refused and "retry-after" in refused[0].headers
    assert ask(post("/check/session", *OWN_PAGE), local=other).status == 201


def test_the_bandwidth_is_limited_though_that_of_others_is_not(session, connect, server):
    _, credentials = session()
    one, other = connect("udp", credentials), connect("udp", credentials)
    one.allocate()
    other.allocate()
    one.channel_bind(0x4000, other.relayed)
    before = server.metric("senso_turn_dropped_packets_total", reason="over_limit")
    for _ in range(6000):
        one.send_channel(0x4000, bytes(100))
    one.refresh()
    assert server.metric("senso_turn_dropped_packets_total", reason="over_limit") > before


def test_a_proxy_is_named_and_what_is_no_browser_is_seen(ask):
    chrome = "User-Agent: Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/142.0.0.0 Safari/537.36"
    body = json.loads(ask(post("/check/session", *OWN_PAGE, chrome)).body)
    assert body["proxyTraces"] == [] and body["tls"] == "someone-else"
    body = json.loads(ask(post("/check/session", *OWN_PAGE, "Via: 1.1 strict-gate")).body)
    assert body["proxyTraces"] == [{"name": "Via", "value": "1.1 strict-gate"}]
    assert body["tls"] == "unknown"


def test_two_devices_meet_in_a_room_that_nobody_else_finds(ask):
    source = ("127.0.0.83", 0)
    room = json.loads(ask(post("/check/rooms", *OWN_PAGE), local=source).body)
    assert room["link"].startswith(f"https://{HOST}/check#join=")
    guest = room["link"].partition("#join=")[2]
    assert ask(post(f"/check/rooms/{guest}", *OWN_PAGE, body="hello")).status == 204
    assert json.loads(ask(get(f"/check/rooms/{room['seat']}")).body) == ["hello"]
    assert json.loads(ask(get(f"/check/rooms/{guest}")).body) == []
    assert ask(get(f"/check/rooms/{guest[:-1]}")).status == 404
    assert ask(get("/check/rooms/")).status == 404


def test_rooms_are_bounded(ask):
    source = ("127.0.0.84", 0)
    rooms = [ask(post("/check/rooms", *OWN_PAGE), local=source) for _ in range(9)]
    assert [room.status for room in rooms] == [201] * 8 + [503]
    seat = json.loads(rooms[0].body)["seat"]
    assert ask(post(f"/check/rooms/{seat}", *OWN_PAGE, body="x" * 8193)).status == 413
    for _ in range(4):
        assert ask(post(f"/check/rooms/{seat}", *OWN_PAGE, body="x" * 8192)).status == 204
    assert ask(post(f"/check/rooms/{seat}", *OWN_PAGE, body="x")).status == 413
