"""The PROXY protocol, versions 1 and 2: who may say whom it speaks for, and what follows from it."""

import contextlib

import pytest

import proxy_header
from http_exchange import exchange, get
from proxy_header import version_1, version_1_unknown, version_2, version_2_local, version_2_raw
from server_fixture import ALICE, BOB, LISTENER, PEER, listeners
from stun_message import Builder, Endpoint, Method
from transports import listener_of, needs_dtls, open_transport
from turn_client import ConnectionEnded, TcpTransport, TurnClient, UdpTransport
from waiting import eventually

PROXY = "127.0.0.50"
OTHER_PROXY = "127.0.0.51"
CLIENT = ("203.0.113.7", 56324)
CLIENT_V6 = ("2001:db8::7", 56324)
DENIED = ("203.0.113.66", 1000)
TRUSTED = {"proxy_protocol": {"trusted": [f"{PROXY}/32", f"{OTHER_PROXY}/32"]}}


def proxied_listeners(**changes) -> list[dict]:
    return [{**listener, **TRUSTED, **changes} for listener in listeners(LISTENER) if listener["transport"] != "dtls"]


SETTINGS = {"listeners": proxied_listeners(), "clients": {"deny": [f"{DENIED[0]}/32"]}}


@pytest.fixture(autouse=True)
def server_lives(server):
    yield
    for transport in ("tcp", "tls"):
        direct = TurnClient(open_transport(transport, server.endpoint(transport)))
        assert direct.binding().mapped == direct.local
        direct.close()


def behind_proxy(server, transport: str, header: bytes, proxy: str = PROXY) -> TurnClient:
    to = server.endpoint(listener_of(transport))
    return TurnClient(open_transport(transport, to, (proxy, 0), prologue=header), ALICE)


def is_refused(server, transport: str, header: bytes, source: str = PROXY) -> bool:
    """Whether the connection ends without an answer to a Binding."""
    try:
        client = TurnClient(open_transport(transport, server.endpoint(listener_of(transport)), (source, 0), prologue=header))
    except (OSError, ConnectionEnded):
        return True  # the handshake failed already
    try:
        client.send_raw(Builder(Method.BINDING).build())
        return b"\x01\x01" not in client.transport.read_to_end(20)
    except (ConnectionEnded, OSError):
        return True
    finally:
        client.close()


def headers_to(server, transport: str, source: Endpoint = CLIENT) -> list[bytes]:
    to = ("2001:db8::1", 443) if ":" in source[0] else server.endpoint(listener_of(transport))
    return [version_1(source, to), version_2(source, to)]


# -- who is not believed ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1], ids=["v1", "v2"])
def test_header_of_a_stranger_closes_the_connection(server, stream_transport, version):
    header = headers_to(server, stream_transport)[version]
    assert is_refused(server, stream_transport, header, "127.0.0.60")


@pytest.mark.parametrize("header", [version_1_unknown(), version_2_local()], ids=["v1", "v2"])
def test_empty_header_of_a_stranger_closes_the_connection(server, stream_transport, header):
    assert is_refused(server, stream_transport, header, "127.0.0.60")


def test_stranger_without_a_header_is_served_under_its_own_address(server, stream_transport):
    client = behind_proxy(server, stream_transport, b"", "127.0.0.60")
    assert client.binding().mapped == client.local


def test_trusted_proxy_without_a_header_is_closed(server, stream_transport):
    before = server.metric("senso_turn_connections_refused_total", reason="proxy_header")
    assert is_refused(server, stream_transport, b"")
    assert server.metric("senso_turn_connections_refused_total", reason="proxy_header") == before + 1


def test_header_on_a_listener_without_trust_closes(launch, stream_transport):
    at = launch(clients=None)
    for header in headers_to(at, stream_transport):
        assert is_refused(at, stream_transport, header)


# -- broken headers of a proxy that is believed -----------------------------------------------------------------------

LOCAL_END = (LISTENER, 443)
SOUND = version_2(CLIENT, LOCAL_END)

BROKEN = {
    "v1_no_addresses": b"PROXY TCP4\r\n",
    "v1_three_fields": b"PROXY TCP4 203.0.113.7 192.0.2.1 1\r\n",
    "v1_port_65536": b"PROXY TCP4 203.0.113.7 192.0.2.1 65536 443\r\n",
    "v1_port_negative": b"PROXY TCP4 203.0.113.7 192.0.2.1 -1 443\r\n",
    "v1_port_no_number": b"PROXY TCP4 203.0.113.7 192.0.2.1 http 443\r\n",
    "v1_address_256": b"PROXY TCP4 203.0.113.256 192.0.2.1 1 443\r\n",
    "v1_address_is_a_name": b"PROXY TCP4 localhost 192.0.2.1 1 443\r\n",
    "v1_family_mixed": b"PROXY TCP4 2001:db8::1 192.0.2.1 1 443\r\n",
    "v1_family_mixed_6": b"PROXY TCP6 203.0.113.7 2001:db8::1 1 443\r\n",
    "v1_family_of_none": b"PROXY UDP4 203.0.113.7 192.0.2.1 1 443\r\n",
    "v1_lower_case": b"proxy TCP4 203.0.113.7 192.0.2.1 1 443\r\n",
    "v1_line_feed_only": b"PROXY TCP4 203.0.113.7 192.0.2.1 1 443\n",
    "v1_too_long": b"PROXY UNKNOWN " + b"a" * 200 + b"\r\n",
    "v1_without_an_end": b"PROXY TCP4 " + b"1" * 70000,
    "v2_signature_spoiled": SOUND[:11] + b"X" + SOUND[12:],
    "v2_version_1": version_2_raw(0x11, 0x11, SOUND[16:]),
    "v2_version_3": version_2_raw(0x31, 0x11, SOUND[16:]),
    "v2_command_2": version_2_raw(0x22, 0x11, SOUND[16:]),
    "v2_command_15": version_2_raw(0x2F, 0x11, SOUND[16:]),
    "v2_ipv4_in_11_octets": version_2_raw(0x21, 0x11, SOUND[16:27]),
    "v2_ipv6_in_12_octets": version_2_raw(0x21, 0x21, SOUND[16:28]),
    "v2_without_addresses": version_2_raw(0x21, 0x11, b""),
    "v2_length_65535": version_2_raw(0x21, 0x11, SOUND[16:] + bytes(70000), length=65535),
}


@pytest.mark.parametrize("header", BROKEN.values(), ids=BROKEN.keys())
@pytest.mark.parametrize("stream_transport", ["tcp", "tls"])
def test_broken_header_of_a_trusted_proxy_closes(server, stream_transport, header):
    before = server.metric("senso_turn_connections_refused_total", reason="proxy_header")
    assert is_refused(server, stream_transport, header)
    assert server.metric("senso_turn_connections_refused_total", reason="proxy_header") == before + 1


def test_second_header_is_no_header(server):
    """Only the first is the proxy's; a client could send another one through it."""
    header = version_2(CLIENT, LOCAL_END)
    assert is_refused(server, "tcp", header + header)
    assert is_refused(server, "tcp", header + version_1(("9.9.9.9", 9), LOCAL_END))


# -- what is believed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [0, 1], ids=["v1", "v2"])
@pytest.mark.parametrize("source", [CLIENT, CLIENT_V6], ids=["ipv4", "ipv6"])
def test_STUN_22_mapped_address_is_that_of_the_header(server, stream_transport, version, source, peer):
    client = behind_proxy(server, stream_transport, headers_to(server, stream_transport, source)[version])
    assert client.binding().mapped == source
    client.allocate()
    assert client.allocation.mapped == source
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"there")
    assert peer.receive() == b"there"
    peer.send(b"back", client.relayed)
    assert client.receive_data().data == b"back"
    client.refresh(0)
    client.close()


@pytest.mark.parametrize("header", [version_1_unknown(), version_1_unknown(" ffff::1 ffff::2 1 2"), version_2_local(),
                                    version_2_local(proxy_header.tlv(proxy_header.TLV_NOOP, bytes(20))),
                                    version_2(CLIENT, LOCAL_END, command=proxy_header.LOCAL)],
                         ids=["v1", "v1_with_rest", "v2", "v2_tlv", "v2_addresses"])  # fmt: skip
def test_header_about_the_proxy_itself_leaves_the_connections_addresses(server, stream_transport, header):
    client = behind_proxy(server, stream_transport, header)
    assert client.binding().mapped == client.local
    client.close()


TLVS = {
    "alpn": proxy_header.tlv(proxy_header.TLV_ALPN, b"h2"),
    "several": proxy_header.tlv(0xEA, bytes(100)) + proxy_header.tlv(proxy_header.TLV_NOOP, b"") * 20,
    "long": proxy_header.tlv(0xE0, bytes(400)),
}


@pytest.mark.parametrize("tlvs", TLVS.values(), ids=TLVS.keys())
def test_extras_of_version_2_are_passed_over(server, stream_transport, tlvs):
    client = behind_proxy(server, stream_transport, version_2(CLIENT, LOCAL_END, tlvs=tlvs))
    assert client.binding().mapped == CLIENT
    client.close()


def test_header_in_single_octets_is_read(server):
    for header in headers_to(server, "tcp"):
        client = behind_proxy(server, "tcp", b"")
        request = Builder(Method.BINDING).build()
        for octet in header + request:
            client.send_raw(bytes([octet]))
        assert client.wait_for_response(request[8:20]).mapped == CLIENT
        client.close()


def test_header_and_first_request_in_one_segment(server):
    for header in headers_to(server, "tcp"):
        request = Builder(Method.BINDING).build()
        client = behind_proxy(server, "tcp", header + request)
        assert client.wait_for_response(request[8:20]).mapped == CLIENT
        client.close()


def test_http_behind_a_proxy_is_served(server):
    for header in headers_to(server, "wss"):
        transport = open_transport("tls", server.edge, (PROXY, 0), prologue=header)
        assert exchange(transport, get("/livez")).status == 200
        transport.close()


def test_two_clients_behind_one_proxy_are_two(server, stream_transport):
    clients = [behind_proxy(server, stream_transport, version_2((CLIENT[0], port), LOCAL_END)) for port in (1, 2, 2)]
    relayed = {client.allocate().relayed for client in clients}
    assert len(relayed) == 3, "connections are told apart, even if a header repeats itself"
    for client in clients:
        client.refresh(0)
        client.close()


# -- what goes by the address in the header ---------------------------------------------------------------------------


def test_denied_client_behind_a_proxy_gets_no_answer(server, stream_transport):
    assert is_refused(server, stream_transport, version_2(DENIED, LOCAL_END))
    client = behind_proxy(server, stream_transport, version_2(CLIENT, LOCAL_END))
    assert client.binding().is_success
    client.close()


def test_connections_are_counted_by_the_address_in_the_header(launch):
    at = launch(listeners=proxied_listeners(), limits={"connections_per_source": 2})
    held = [behind_proxy(at, "tcp", version_2((CLIENT[0], port), LOCAL_END)) for port in range(1, 3)]
    assert all(client.binding().is_success for client in held)
    before = at.metric("senso_turn_connections_refused_total", reason="source_limit")
    assert is_refused(at, "tcp", version_2((CLIENT[0], 3), LOCAL_END))
    assert at.metric("senso_turn_connections_refused_total", reason="source_limit") == before + 1
    others = [behind_proxy(at, "tcp", version_2((f"203.0.113.{number}", 1), LOCAL_END)) for number in range(100, 110)]
    assert all(client.binding().is_success for client in others), "the proxy's own address is charged"
    held[0].close()
    assert eventually(lambda: not is_refused_quickly(at, version_2((CLIENT[0], 3), LOCAL_END)))
    for client in held + others:
        client.close()


def is_refused_quickly(server, header: bytes) -> bool:
    client = behind_proxy(server, "tcp", header)
    try:
        return not client.binding(seconds=1).is_success
    except (ConnectionEnded, AssertionError, OSError):
        return True
    finally:
        client.close()


def test_allocations_are_counted_by_the_address_in_the_header(launch, stream_transport):
    at = launch(listeners=proxied_listeners(), limits={"allocations_per_source": 1})
    first = behind_proxy(at, stream_transport, version_2((CLIENT[0], 1), LOCAL_END))
    second = behind_proxy(at, stream_transport, version_2((CLIENT[0], 2), LOCAL_END))
    third = behind_proxy(at, stream_transport, version_2(("203.0.113.8", 1), LOCAL_END))
    first.allocate()
    second.credentials = third.credentials = BOB
    assert second.try_allocate().error == 486
    assert third.allocate().is_success
    for client in (first, third):
        client.refresh(0)
        client.close()
    second.close()


# -- datagrams --------------------------------------------------------------------------------------------------------


class ProxiedUdpTransport(UdpTransport):
    """`header` goes before every datagram; an empty one is for the later ones of a proxy's socket."""

    def __init__(self, server: Endpoint, header: bytes, proxy: str = PROXY):
        super().__init__(server, (proxy, 0))
        self.header = header

    def send(self, octets: bytes) -> None:
        super().send(self.header + octets)


def datagram_header(source: Endpoint, **options) -> bytes:
    return version_2(source, LOCAL_END, protocol=proxy_header.DATAGRAM, **options)


def test_udp_header_of_a_stranger_is_ignored(server):
    client = TurnClient(ProxiedUdpTransport(server.udp, datagram_header(CLIENT), "127.0.0.60"))
    client.send_raw(Builder(Method.BINDING).build())
    assert client.receive(0.3) is None
    client.transport.header = b""
    assert client.binding().mapped == client.local


def test_udp_without_a_header_from_a_trusted_proxy_is_ignored(server):
    client = TurnClient(ProxiedUdpTransport(server.udp, b""))
    client.send_raw(Builder(Method.BINDING).build())
    assert client.receive(0.3) is None


@pytest.mark.parametrize(
    "header",
    [SOUND[:16], SOUND[:11] + b"X" + SOUND[12:], version_2_raw(0x21, 0x12, bytes(11)), version_1(CLIENT, LOCAL_END),
     version_2_raw(0x21, 0x12, bytes(12), length=65535), version_2_raw(0x31, 0x12, datagram_header(CLIENT)[16:]), SOUND[:5]],
    ids=["cut", "signature", "short", "v1", "length", "version", "five_octets"],
)  # fmt: skip
def test_broken_udp_header_is_ignored(server, header):
    client = TurnClient(ProxiedUdpTransport(server.udp, header))
    client.send_raw(Builder(Method.BINDING).build())
    assert client.receive(0.2) is None


def test_STUN_21_udp_client_behind_a_proxy(server, peer):
    client = TurnClient(ProxiedUdpTransport(server.udp, datagram_header(CLIENT)), ALICE)
    assert client.binding().mapped == CLIENT
    client.allocate()
    assert client.allocation.mapped == CLIENT
    client.channel_bind(0x4000, peer.endpoint)
    client.send_channel(0x4000, b"there")
    assert peer.receive() == b"there"
    peer.send(b"back", client.relayed)
    assert client.receive_channel_data().payload == b"back", "answers carry no header"
    client.refresh(0)
    client.close()


def test_udp_header_is_remembered_for_the_socket_of_the_proxy(server, peer):
    """A proxy may say it once a flow."""
    client = TurnClient(ProxiedUdpTransport(server.udp, datagram_header(CLIENT)), ALICE)
    assert client.binding().mapped == CLIENT
    client.transport.header = b""
    assert client.binding().mapped == CLIENT
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    for number in range(20):
        client.transport.header = datagram_header(CLIENT) if number % 3 == 0 else b""
        client.send_channel(0x4000, bytes([number]))
        assert peer.receive() == bytes([number])
        peer.send(bytes([number]), client.relayed)
        assert client.receive_channel_data().payload == bytes([number])
    client.refresh(0)
    client.close()


def test_udp_clients_behind_one_proxy_are_told_apart_by_its_ports(server):
    clients = [TurnClient(ProxiedUdpTransport(server.udp, datagram_header((CLIENT[0], port))), ALICE) for port in (1, 2)]
    relayed = {client.allocate().relayed for client in clients}
    assert len(relayed) == 2
    for number, client in enumerate(clients):
        assert client.binding().mapped == (CLIENT[0], number + 1)
        client.refresh(0)
        client.close()


def test_udp_health_check_of_a_proxy_sees_its_own_address(server):
    client = TurnClient(ProxiedUdpTransport(server.udp, version_2_local()))
    assert client.binding().mapped == client.local
    client.close()


def test_udp_denied_client_behind_a_proxy_gets_no_answer(server):
    client = TurnClient(ProxiedUdpTransport(server.udp, datagram_header(DENIED)))
    client.send_raw(Builder(Method.BINDING).build())
    assert client.receive(0.3) is None
    client.close()


def test_D1_strangers_behind_a_proxy_are_limited_one_by_one(launch):
    """Else one of them would use up the answers of all the others."""
    at = launch(listeners=proxied_listeners(), limits={"challenges_per_source": {"rate": 5, "burst": 10}})
    hog = ProxiedUdpTransport(at.udp, datagram_header(CLIENT))
    for _ in range(100):
        hog.send(Builder(Method.ALLOCATE).build())
    answers = 0
    while hog.receive(0.2) is not None:
        answers += 1
    assert 1 <= answers <= 40
    modest = TurnClient(ProxiedUdpTransport(at.udp, datagram_header(("203.0.113.8", 1))), ALICE)
    modest.allocate()
    modest.refresh(0)


def test_thousand_flows_of_a_proxy_are_bounded(server):
    before = server.resident_kib()
    for number in range(1000):
        flow = ProxiedUdpTransport(server.udp, datagram_header((f"203.0.{number % 200}.7", number + 1)))
        flow.send(Builder(Method.BINDING).build())
        assert flow.receive(8) is not None
        flow.close()
    server.assert_grew_at_most(4096, since=before)


@needs_dtls
def test_dtls_behind_a_proxy(server):
    from dtls_transport import DtlsTransport

    class ProxiedDtlsTransport(DtlsTransport):
        def send_datagram(self, octets: bytes) -> None:
            super().send_datagram(datagram_header(CLIENT) + octets)

    client = TurnClient(ProxiedDtlsTransport(server.udp, (PROXY, 0)), ALICE)
    assert client.binding().mapped == CLIENT
    client.allocate()
    client.refresh(0)
    client.transport.close_with_notice()


def test_own_port_in_the_header_is_not_believed_as_a_peer(server):
    """The header says who the client is, not where its datagrams go: nothing is sent to the address in it."""
    with contextlib.closing(UdpTransport((PEER, 9), (PEER, 0))) as bystander:
        client = TurnClient(ProxiedUdpTransport(server.udp, datagram_header(bystander.local)), ALICE)
        assert client.binding().mapped == bystander.local
        client.allocate()
        assert bystander.receive(0.2) is None
        client.refresh(0)


def test_header_with_port_zero_is_answered_or_refused(server):
    for transport in ("tcp", "tls"):
        with contextlib.suppress(ConnectionEnded, OSError):
            client = behind_proxy(server, transport, version_2((CLIENT[0], 0), LOCAL_END))
            client.send_raw(Builder(Method.BINDING).build())
            client.receive(2)
            client.close()
    assert TurnClient(TcpTransport(server.tcp)).binding().is_success
