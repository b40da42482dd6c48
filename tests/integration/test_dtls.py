"""DTLS (RFC 6347, 7350), black-box: strangers first, who must leave no trace."""

import os
import struct

import pytest

pytest.importorskip("OpenSSL", reason="DTLS needs the package python3-openssl")

import client_hello  # noqa: E402
from client_hello import DTLS_1_2, cookie_of, dtls_fragment, dtls_record, over_dtls  # noqa: E402
from dtls_transport import DtlsTransport, client_context  # noqa: E402
from server_fixture import ALICE, LISTENER  # noqa: E402
from stun_message import Builder, Class, Method, channel_data  # noqa: E402
from turn_client import Peer, TurnClient, UdpTransport  # noqa: E402
from waiting import eventually  # noqa: E402

SETTINGS = {"limits": {"connections_per_source": 0}}
SUITES = (client_hello.ECDHE_ECDSA_AES128_GCM, client_hello.ECDHE_RSA_AES128_GCM)

# DTLS has a listener of its own, and shares the port of plain UDP.
LISTENERS = ["dtls", "udp"]


def hello_body(cookie: bytes = b"", *, like: bytes | None = None) -> bytes:
    """A ClientHello with that cookie; the rest is as in `like`."""
    if like is None:
        return client_hello.body(SUITES, version=DTLS_1_2, cookie=cookie)
    return like[:35] + bytes([len(cookie)]) + cookie + like[36:]


def associations(server) -> float:
    return server.metric("senso_turn_connections", transport="dtls")


@pytest.fixture
def stranger(server):
    """A UDP socket; afterwards the server must serve, and know no more associations than before."""
    before = associations(server)
    transport = UdpTransport(server.dtls)
    yield transport
    probe = DtlsTransport(server.dtls)
    assert TurnClient(probe).binding().is_success
    probe.close_with_notice()
    assert eventually(lambda: associations(server) <= before), "a stranger left an association behind"
    transport.close()


def assert_silence(stranger: UdpTransport, seconds: float = 0.2) -> None:
    answer = stranger.receive(seconds)
    assert answer is None, f"a stranger was told {answer.hex()}"


# -- the cookie -------------------------------------------------------------------------------------------------------


def test_DTLS_01_first_hello_gets_nothing_but_a_smaller_cookie_request(server, stranger):
    for _ in range(2):
        hello = over_dtls(hello_body())
        stranger.send(hello)
        answer = stranger.receive(8)
        assert answer is not None and len(answer) <= len(hello)
        assert 1 <= len(cookie_of(answer)) <= 255
        assert_silence(stranger)


def test_DTLS_01_D5_smallest_hello_is_not_amplified(stranger):
    """One suite and no extensions: the answer may not be longer even then."""
    body = struct.pack(">H", DTLS_1_2) + os.urandom(32) + b"\0\0" + bytes.fromhex("0002c02b0100")
    hello = over_dtls(body)
    stranger.send(hello)
    answer = stranger.receive(0.5)
    assert answer is None or len(answer) <= len(hello)


@pytest.mark.parametrize("octets", [1, 16, 20, 32, 255])
def test_DTLS_01_wrong_cookie_starts_nothing(stranger, octets):
    stranger.send(over_dtls(hello_body(os.urandom(octets)), sequence=1, message_sequence=1))
    answer = stranger.receive(0.3)
    if answer is not None:
        cookie_of(answer)
        assert_silence(stranger)


def test_DTLS_01_cookie_of_another_address_starts_nothing(server, stranger):
    victim = UdpTransport(server.dtls, ("127.0.0.99", 0))
    body = hello_body()
    stranger.send(over_dtls(body))
    cookie = cookie_of(stranger.receive(8))
    victim.send(over_dtls(hello_body(cookie, like=body), sequence=1, message_sequence=1))
    answer = victim.receive(0.3)
    if answer is not None:
        cookie_of(answer)
    assert_silence(victim)
    other_port = UdpTransport(server.dtls)
    other_port.send(over_dtls(hello_body(cookie, like=body), sequence=1, message_sequence=1))
    answer = other_port.receive(0.3)
    if answer is not None:
        cookie_of(answer)
    victim.close()
    other_port.close()


def test_DTLS_01_right_cookie_gets_the_flight_of_the_server(server):
    """The counterpart of the tests above: the hand-made hello is sound."""
    client = UdpTransport(server.dtls)
    body = hello_body()
    client.send(over_dtls(body))
    cookie = cookie_of(client.receive(8))
    with_cookie = over_dtls(hello_body(cookie, like=body), sequence=1, message_sequence=1)
    client.send(with_cookie)
    answer = client.receive(8)
    assert answer is not None and answer[0] == client_hello.HANDSHAKE and answer[13] == client_hello.SERVER_HELLO
    client.close()


# -- what is no hello -------------------------------------------------------------------------------------------------

BODY = hello_body()
CHANGED = dtls_fragment(BODY, total=len(BODY))

SILENT = {
    "B34_truncated_record": bytes.fromhex("16fefd0000000000000000ffff") + bytes(10),
    "B34_header_only": bytes.fromhex("16fefd00000000000000000000"),
    "B34_one_octet": b"\x16",
    "B34_twelve_octets": bytes.fromhex("16fefd000000000000000000"),
    "B73_fragment_of_length_zero": dtls_record(dtls_fragment(b"", total=len(BODY))),
    "B73_message_of_length_zero": dtls_record(dtls_fragment(b"", total=0)),
    "B74_fragment_longer_than_message": dtls_record(dtls_fragment(BODY, total=10)),
    "B74_fragment_length_beyond_record": dtls_record(dtls_fragment(BODY, total=len(BODY), length=60000)),
    "B74_offset_beyond_message": dtls_record(dtls_fragment(BODY[:20], total=len(BODY), offset=0xFFFF00)),
    "B74_epoch_1_before_keys": dtls_record(CHANGED, epoch=1),
    "B74_epoch_65535": dtls_record(CHANGED, epoch=0xFFFF),
    "B75_application_data": dtls_record(os.urandom(64), kind=23),
    "B75_application_data_epoch_1": dtls_record(os.urandom(64), kind=23, epoch=1),
    "B75_alert": dtls_record(b"\x02\x28", kind=21),
    "B75_close_notify": dtls_record(b"\x01\x00", kind=21),
    "B75_change_cipher_spec": dtls_record(b"\x01", kind=20),
    "B75_heartbeat": dtls_record(b"\x01\x40\x00" + bytes(16), kind=24),
    "B75_acknowledgement_of_1_3": dtls_record(bytes(2), kind=26),
    "B75_connection_id": dtls_record(os.urandom(32), kind=25),
    "D6_unified_header_of_1_3": b"\x2f\x00\x01" + os.urandom(40),
    "D6_server_hello": dtls_record(dtls_fragment(BODY, total=len(BODY), kind=2)),
    "D6_finished": dtls_record(dtls_fragment(bytes(12), total=12, kind=20)),
    "D6_hello_cut_in_its_random": dtls_record(dtls_fragment(BODY[:20], total=20)),
    "D6_session_longer_than_hello": dtls_record(dtls_fragment(BODY[:34] + b"\xff", total=35)),
    "D6_random_handshake": dtls_record(os.urandom(200)),
}


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("datagram", SILENT.values(), ids=SILENT.keys())
def test_D6_B34_B73_to_B75_junk_of_strangers_is_ignored(server, stranger, listener, datagram):
    with_listener = UdpTransport(server.endpoint(listener))
    for _ in range(3):
        with_listener.send(datagram)
    assert_silence(with_listener, 0.05)
    with_listener.close()


@pytest.mark.parametrize("listener", LISTENERS)
@pytest.mark.parametrize("body, total", [(BODY, 0xFFFFFF), (bytes(60), 60), (BODY[:60], len(BODY))],
                         ids=["message_of_16_mb", "zeros", "first_fragment"])  # fmt: skip
def test_D6_B74_what_begins_like_a_hello_gets_no_more_than_a_cookie_request(server, stranger, listener, body, total):
    hello = dtls_record(dtls_fragment(body, total=total))
    client = UdpTransport(server.endpoint(listener))
    client.send(hello)
    answer = client.receive(0.2)
    if answer is not None:
        assert cookie_of(answer) and len(answer) <= len(hello)
    assert_silence(client, 0.05)
    client.close()


def test_MUX_01_dtls_listener_takes_nothing_in_the_clear(stranger):
    for datagram in (Builder(Method.BINDING).build(), Builder(Method.ALLOCATE).build(), channel_data(0x4000, b"x"),
                     bytes(16), b"\x80" + bytes(20), b"\xc0" + bytes(20), b""):  # fmt: skip
        stranger.send(datagram)
    assert_silence(stranger)


@pytest.mark.parametrize("order", ["forward", "backward", "twice", "overlapping"])
def test_B72_fragmented_hello_leaves_no_state(stranger, order):
    """A hello in pieces would have to be kept to be put together: it may be ignored, and must not be answered at length."""
    pieces = [(at, BODY[at : at + 1]) for at in range(len(BODY))]
    if order == "backward":
        pieces.reverse()
    if order == "twice":
        pieces += pieces
    if order == "overlapping":
        pieces = [(at, BODY[at : at + 7]) for at in range(len(BODY))]
    sent = 0
    for number, (at, piece) in enumerate(pieces):
        datagram = dtls_record(dtls_fragment(piece, total=len(BODY), offset=at), sequence=number)
        stranger.send(datagram)
        sent += len(datagram)
    received = 0
    while (answer := stranger.receive(0.2)) is not None:
        received += len(answer)
    assert received <= sent


def test_B72_four_thousand_fragments_are_forgotten(server, stranger):
    before = server.resident_kib()
    for number in range(4000):
        piece = dtls_fragment(os.urandom(40), total=0xFFFF, offset=number * 8)
        stranger.send(dtls_record(piece, sequence=number))
        if number % 100 == 99:
            probe = UdpTransport(server.udp)
            assert TurnClient(probe).binding().is_success
            probe.close()
    server.assert_grew_at_most(2048, since=before)


def half_open(server) -> UdpTransport:
    """A client whose cookie was right, and who then says no more."""
    client = UdpTransport(server.dtls)
    body = hello_body()
    client.send(over_dtls(body))
    cookie = cookie_of(client.receive(8))
    client.send(over_dtls(hello_body(cookie, like=body), sequence=1, message_sequence=1))
    assert client.receive(8) is not None
    while client.receive(0.05) is not None:
        pass
    return client


@pytest.mark.parametrize("kind", ["garbage", "fragments", "jumps", "alert"])
def test_B72_B74_half_open_association_takes_bounded_junk(server, kind):
    before = server.resident_kib()
    client = half_open(server)
    for number in range(2000):
        sequence = number + 2
        if kind == "garbage":
            datagram = dtls_record(os.urandom(100), sequence=sequence)
        elif kind == "fragments":
            piece = dtls_fragment(os.urandom(60), total=60000, offset=number * 20, message_sequence=2, kind=16)
            datagram = dtls_record(piece, sequence=sequence)
        elif kind == "jumps":
            piece = dtls_fragment(os.urandom(60), total=60, message_sequence=(number * 7) & 0xFFFF, kind=16)
            datagram = dtls_record(piece, sequence=sequence)
        else:
            datagram = dtls_record(b"\x01\x5a", kind=21, sequence=sequence)
        client.send(datagram)
        if number % 100 == 99:
            while client.receive(0.001) is not None:
                pass
    probe = DtlsTransport(server.dtls)
    assert TurnClient(probe).binding().is_success
    probe.close_with_notice()
    server.assert_grew_at_most(4096, since=before)
    client.close()


# -- associations -----------------------------------------------------------------------------------------------------


@pytest.fixture
def client(connect) -> TurnClient:
    return connect("dtls")


def test_STUN_46_B76_request_without_the_cookie_is_500(client):
    request = struct.pack(">HH", 0x0001, 0) + b"\x01" + os.urandom(15)
    client.send_raw(request)
    answer = client.transport.receive(8)
    assert answer is not None and answer[:2] == bytes.fromhex("0111") and answer[4:20] == request[4:20]
    assert bytes.fromhex("0009") == answer[20:22] and answer[26:28] == bytes([5, 0])
    client.send_raw(struct.pack(">HH", 0x0011, 0) + b"\x01" + os.urandom(15))
    client.assert_silence()


def test_DTLS_04_TCP_03_no_tcp_relaying_over_datagrams(connect, datagram_transport):
    client = connect(datagram_transport)
    assert client.try_allocate(protocol=6).error in (400, 442)
    assert client.allocate().is_success


def test_DTLS_05_dtls_shares_a_port_with_udp(server):
    encrypted, plain = TurnClient(DtlsTransport(server.udp), ALICE), TurnClient(UdpTransport(server.udp), ALICE)
    for one in (encrypted, plain):
        assert one.binding().mapped == one.local
        one.allocate()
    assert encrypted.relayed != plain.relayed
    for one in (encrypted, plain):
        one.refresh(0)
        one.close()


def test_DTLS_05_plain_messages_inside_the_five_tuple_of_an_association(server):
    """They are not the client's: it speaks DTLS. Whatever becomes of them, the association goes on."""
    client = TurnClient(DtlsTransport(server.udp), ALICE)
    client.allocate()
    client.transport.send_datagram(Builder(Method.REFRESH).add_u32(0x000D, 0).build())
    client.transport.send_datagram(channel_data(0x4000, b"clear"))
    client.transport.send_datagram(os.urandom(50))
    assert client.refresh().is_success
    client.refresh(0)
    client.transport.close_with_notice()


def test_DTLS_06_close_notify_ends_allocation_and_association(server):
    held, open_before = server.metric("senso_turn_allocations"), associations(server)
    client = TurnClient(DtlsTransport(server.dtls), ALICE)
    client.allocate()
    assert associations(server) == open_before + 1
    local = client.local
    client.transport.close_with_notice()
    assert eventually(lambda: server.metric("senso_turn_allocations") == held)
    assert eventually(lambda: associations(server) == open_before)
    again = TurnClient(DtlsTransport(server.dtls, local), ALICE)
    again.allocate()
    again.refresh(0)
    again.transport.close_with_notice()


def test_DTLS_06_client_that_starts_anew_from_its_old_port_is_served(server):
    """RFC 6347 section 4.2.8: it crashed, and nobody told the server."""
    first = TurnClient(DtlsTransport(server.dtls, (LISTENER, 0)), ALICE)
    first.allocate()
    local = first.local
    first.close()
    second = TurnClient(DtlsTransport(server.dtls, local), ALICE)
    assert second.binding().mapped == local
    response = second.try_allocate()
    assert response.is_success or response.error == 437
    second.refresh(0)
    second.transport.close_with_notice()


def test_hello_of_a_spoofer_does_not_end_an_association(client):
    """Anybody can send a ClientHello from the client's address; without its cookie that is nothing."""
    client.allocate()
    for sequence in range(20):
        client.transport.send_datagram(over_dtls(sequence=sequence + 100))
    assert client.refresh().is_success


@pytest.mark.parametrize("kind", [20, 21, 22, 23, 24], ids=["change_cipher_spec", "alert", "handshake", "data", "heartbeat"])
@pytest.mark.parametrize("size", [0, 1, 2, 8, 15, 16, 23, 24, 25, 64])
def test_forged_record_does_not_end_an_association(client, kind, size):
    """RFC 6347 section 4.1.2.7: what does not decrypt is dropped, however short. Anybody can send it in the client's
    name: in the clear, and with the number of the epoch that is in use."""
    client.allocate()
    for epoch in (0, 1, 2):
        for sequence in (3, 1 << 40):
            octets = b"\x01\x00"[:size] + bytes(max(size - 2, 0))  # in the clear, an alert of this is close_notify
            client.transport.send_datagram(dtls_record(octets, kind=kind, epoch=epoch, sequence=sequence))
            client.transport.send_datagram(dtls_record(octets, kind=kind, epoch=epoch, sequence=sequence)[:-1])
    assert client.refresh().is_success


def test_repeated_and_damaged_records_are_ignored(client, peer):
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    end = client.transport.end
    end.connection.send(channel_data(0x4000, b"once"))
    (record,) = end.take_outgoing()
    damaged = record[:-1] + bytes([record[-1] ^ 1])
    for datagram in (damaged, record[:20], record, record, record, record[:-1]):
        client.transport.send_datagram(datagram)
    client.send_channel(0x4000, b"next")
    assert [peer.receive(), peer.receive()] == [b"once", b"next"]


def test_records_that_share_a_datagram_are_all_read(client, peer):
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    end = client.transport.end
    payloads = [bytes([number]) * (number + 1) for number in range(5)]
    for payload in payloads:
        end.connection.send(channel_data(0x4000, payload))
    client.transport.send_datagram(b"".join(end.take_outgoing()))
    assert [peer.receive() for _ in payloads] == payloads
    requests = [Builder(Method.BINDING).build() for _ in range(3)]
    for request in requests:
        end.connection.send(request)
    client.transport.send_datagram(b"".join(end.take_outgoing()))
    for request in requests:
        assert client.wait_for_response(request[8:20]).is_success


def test_reordered_records_are_read(client, peer):
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    for number in range(10):
        client.transport.end.connection.send(channel_data(0x4000, bytes([number])))
    for record in reversed(client.transport.end.take_outgoing()):
        client.transport.send_datagram(record)
    assert sorted(peer.receive() for _ in range(10)) == [bytes([number]) for number in range(10)]


@pytest.mark.parametrize("size", [1, 1200, 1400, 4000, 16000])
def test_messages_of_any_size_pass_both_ways(client, peer: Peer, size):
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    payload = os.urandom(size)
    client.send_channel(0x4000, payload)
    assert peer.receive() == payload
    peer.send(payload, client.relayed)
    assert client.receive_channel_data().payload == payload


def test_peer_datagram_longer_than_a_record_is_dropped_whole(client, peer):
    """A record carries 16384 octets (RFC 6347 section 4.1)."""
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    for size in (16381, 16384, 20000, 65507):
        peer.send(bytes(size), client.relayed)
    peer.send(b"next", client.relayed)
    assert client.receive_channel_data().payload == b"next"


def test_STUN_33_indications_and_silence_inside_an_association(client):
    client.allocate()
    client.assert_ignores(Builder(Method.BINDING, Class.INDICATION).build())
    client.assert_ignores(b"\xff" * 30)
    client.assert_ignores(b"\x16" * 30)


@pytest.mark.parametrize(
    "offered, selected",
    [(("stun.turn",), b"stun.turn"), (("stun.nat-discovery",), b"stun.nat-discovery"), (("h2", "stun.turn"), b"stun.turn"),
     ((), b""), (("h2",), b"")],
)  # fmt: skip
def test_ALPN_01_ALPN_02_ALPN_03_protocols_are_selected_and_never_required(server, offered, selected):
    transport = DtlsTransport(server.dtls, context=client_context(alpn=offered))
    assert transport.end.connection.get_alpn_proto_negotiated() == selected
    assert TurnClient(transport).binding().is_success
    transport.close_with_notice()


def test_DTLS_07_version_1_0_is_refused(server):
    from OpenSSL import SSL

    context = client_context(ciphers="DEFAULT:@SECLEVEL=0")
    context.set_options(SSL.OP_NO_TLSv1_2)  # the same bit as for DTLS 1.2
    with pytest.raises((TimeoutError, SSL.Error)):
        DtlsTransport(server.dtls, context=context, seconds=1)


def test_METRICS_handshakes_of_datagrams_are_counted(server):
    before = server.metric("senso_turn_tls_handshakes_total", outcome="success")
    DtlsTransport(server.dtls).close_with_notice()
    assert eventually(lambda: server.metric("senso_turn_tls_handshakes_total", outcome="success") >= before + 1)
