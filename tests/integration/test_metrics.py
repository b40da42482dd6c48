"""Health and metrics over HTTP, black-box."""

import contextlib
import re
import socket

import pytest

from server_fixture import ALICE, BOB
from stun_message import Method
from turn_client import Credentials, TurnClient

PROMISED = {
    "senso_turn_allocations",
    "senso_turn_allocations_created_total",
    "senso_turn_allocations_closed_total",
    "senso_turn_requests_total",
    "senso_turn_auth_failures_total",
    "senso_turn_relayed_packets_total",
    "senso_turn_relayed_bytes_total",
    "senso_turn_dropped_packets_total",
    "senso_turn_relay_ports_in_use",
    "senso_turn_relay_ports_limit",
    "senso_turn_permissions",
    "senso_turn_channels",
    "senso_turn_quota_rejections_total",
    "senso_turn_connections",
    "senso_turn_socket_receive_drops_total",
    "senso_turn_draining",
    "senso_turn_build_info",
    "process_resident_memory_bytes",
    "process_cpu_seconds_total",
    "process_open_fds",
}


def test_METRICS_health_is_ok(server):
    assert server.get("/livez")[0] == 200
    assert server.get("/readyz")[0] == 200
    assert server.get("/nothing")[0] == 404


def test_METRICS_all_promised_series_are_there_from_the_start(launch):
    series = launch(realm="fresh.example.test").metrics()
    families = {name.partition("{")[0] for name in series}
    assert PROMISED <= families
    assert "senso_turn_allocation_duration_seconds_bucket" in families
    for name, value in series.items():
        if name.startswith(("senso_turn_requests_total", "senso_turn_relayed_", "senso_turn_allocations")):
            assert value == 0, name


def test_METRICS_no_user_session_or_peer_is_a_label(server, connect, peer):
    client = connect("udp")
    client.allocate()
    client.create_permission(peer.endpoint)
    text = server.get("/metrics")[1]
    for secret in (ALICE.username, ALICE.password, str(client.local[1]), peer.endpoint[0], client.nonce):
        assert not re.search(rf'="[^"]*{re.escape(secret)}[^"]*"', text), secret


def test_METRICS_requests_are_counted_by_method_and_outcome(server, client):
    def count(method: str, outcome: str) -> float:
        return server.metric("senso_turn_requests_total", method=method, outcome=outcome)

    before = {
        (method, outcome): count(method, outcome)
        for method, outcome in (
            ("binding", "success"),
            ("binding", "420"),
            ("allocate", "401"),
            ("allocate", "success"),
            ("allocate", "437"),
            ("refresh", "success"),
            ("create_permission", "400"),
        )
    }
    client.binding()
    client.binding(lambda m: m.add(0x7F00))
    client.challenge()
    client.allocate()
    client.try_allocate()
    client.refresh()
    client.request(Method.CREATE_PERMISSION)
    for (method, outcome), value in before.items():
        assert count(method, outcome) == value + 1, (method, outcome)


@pytest.mark.parametrize("by_channel", [False, True])
def test_METRICS_relayed_packets_and_bytes_move_live(server, client, peer, by_channel):
    client.allocate()
    client.create_permission(peer.endpoint)
    if by_channel:
        client.channel_bind(0x4000, peer.endpoint)

    def relayed(what: str, direction: str) -> float:
        return server.metric(f"senso_turn_relayed_{what}_total", direction=direction)

    ways = ("client_to_peer", "peer_to_client")
    before = {(what, way): relayed(what, way) for what in ("packets", "bytes") for way in ways}
    for _ in range(10):
        if by_channel:
            client.send_channel(0x4000, bytes(100))
        else:
            client.send_indication(peer.endpoint, bytes(100))
        peer.receive()
        peer.send(bytes(50), client.relayed)
        assert client.receive() is not None
    assert client.binding().is_success
    for (what, way), value in before.items():
        octets = 100 if way == "client_to_peer" else 50
        assert relayed(what, way) - value == (10 if what == "packets" else 10 * octets), (what, way)


def test_METRICS_gauges_follow_allocations_permissions_and_channels(server, client, peer, transport):
    def gauges() -> list[float]:
        names = ("allocations", "permissions", "channels", "relay_ports_in_use")
        return [server.metric(f"senso_turn_{name}") for name in names]

    before = gauges()
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    client.create_permission(("127.0.0.4", 9))
    assert [after - value for after, value in zip(gauges(), before)] == [1, 2, 1, 1]
    assert server.metric("senso_turn_allocations", transport=transport, family="ipv4") >= 1
    client.refresh(0)
    assert gauges() == before


def test_METRICS_failures_are_counted_by_reason(server, connect):
    def failures(reason: str) -> float:
        return server.metric("senso_turn_auth_failures_total", reason=reason)

    unknown, wrong = failures("unknown_user"), failures("wrong_integrity")
    assert connect("udp", Credentials("nobody", "x")).try_allocate().error == 401
    assert connect("udp", Credentials(BOB.username, "x")).try_allocate().error == 401
    assert failures("unknown_user") == unknown + 1
    assert failures("wrong_integrity") == wrong + 1


def test_METRICS_quota_rejections_are_counted(launch, connect):
    at = launch(limits={"allocations_per_user": 1})
    connect("udp", at=at).allocate()
    assert connect("udp", at=at).try_allocate().error == 486
    assert at.metric("senso_turn_quota_rejections_total", scope="user") == 1


def test_METRICS_connections_are_a_gauge(server, connect):
    before = server.metric("senso_turn_connections", transport="tcp")
    client = connect("tcp")
    assert client.binding().is_success
    assert server.metric("senso_turn_connections", transport="tcp") == before + 1


def test_METRICS_drops_are_counted(server, allocated: TurnClient, peer):
    before = server.metric("senso_turn_dropped_packets_total", reason="no_permission")
    peer.send(b"uninvited", allocated.relayed)
    allocated.assert_silence()
    assert server.metric("senso_turn_dropped_packets_total", reason="no_permission") == before + 1


def raw_http(server, request: bytes, seconds: float = 5.0) -> bytes:
    answer = b""
    address = (server.settings["metrics"]["address"], server.settings["metrics"]["port"])
    with socket.create_connection(address, seconds) as stream:
        with contextlib.suppress(OSError):
            stream.sendall(request)
            while chunk := stream.recv(65536):
                answer += chunk
    return answer


@pytest.mark.parametrize(
    "request_",
    [
        b"\r\n\r\n",
        b"\0" * 100 + b"\r\n\r\n",
        b"GET\r\n\r\n",
        b"GET /metrics HTTP/9.9\r\nConnection: close\r\n\r\n",
        b"GET " + b"/" * 100000 + b" HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET / HTTP/1.1\r\n" + b"X: y\r\n" * 100000 + b"\r\n",
        b"POST /metrics HTTP/1.1\r\nConnection: close\r\nContent-Length: 99999999999999999999\r\n\r\n",
        b"DELETE /metrics HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /../../etc/passwd HTTP/1.1\r\nConnection: close\r\n\r\n",
        b"GET /metrics%00 HTTP/1.1\r\nConnection: close\r\n\r\n",
    ],
    ids=range(10),
)
def test_METRICS_odd_http_requests_are_refused(server, request_):
    with contextlib.suppress(TimeoutError):
        answer = raw_http(server, request_)
        assert b" 500 " not in answer[:20]
        assert b"root:" not in answer
    assert server.get("/livez")[0] == 200


def test_METRICS_idle_http_connections_block_nobody(server):
    address = (server.settings["metrics"]["address"], server.settings["metrics"]["port"])
    idle = [socket.create_connection(address, 5) for _ in range(50)]
    for stream in idle:
        stream.sendall(b"GET /metr")
    assert server.get("/livez")[0] == 200
    assert server.metric("senso_turn_relay_ports_limit") > 0
    for stream in idle:
        stream.close()
