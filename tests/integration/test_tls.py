"""TLS (RFC 8489 section 6.2.3, BCP 195, RFC 7443), black-box: what must not work first."""

import ctypes
import os
import socket
import ssl
import subprocess
import sys
import time

import pytest

import client_hello
from certificates import OTHER_NAME, SERVER_NAME, test_authority
from server_fixture import ALICE, LISTENER, free_port, listeners
from stun_message import Builder, Method
from tls_transport import TlsTransport, client_context
from transports import needs_dtls
from turn_client import ConnectionEnded, TcpTransport, TurnClient, UdpTransport
from waiting import eventually

SETTINGS = {"limits": {"connections_per_source": 0}}

TLS_1_2_ONLY = (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_2)
TLS_1_3_ONLY = (ssl.TLSVersion.TLSv1_3, ssl.TLSVersion.TLSv1_3)
DEMANDED_SUITES = ["ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"]


@pytest.fixture
def rsa_server(launch):
    return launch(tls={"certificates": [test_authority().issue("rsa", SERVER_NAME, key="rsa").setting]})


@pytest.fixture(autouse=True)
def server_lives(server):
    yield
    transport = TlsTransport(server.tls)
    assert TurnClient(transport).binding().is_success
    transport.close()


def answer_to(server: tuple[str, int], octets: bytes, seconds: float = 20) -> bytes:
    """All that a connection says to these octets until it ends."""
    stream = TcpTransport(server)
    try:
        stream.send(octets)
        return stream.read_to_end(seconds)
    except ConnectionEnded:
        return b""
    finally:
        stream.close()


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1], ids=["1.0", "1.1"])
@pytest.mark.parametrize("listener", ["tls", "edge", "tcp"])
def test_DTLS_07_old_versions_are_refused(server, listener, version):
    context = client_context(versions=(version, version), ciphers="DEFAULT:@SECLEVEL=0")
    with pytest.raises(OSError):
        TlsTransport(server.endpoint(listener), context=context)


def test_DTLS_07_version_3_of_ssl_is_refused(server):
    hello = client_hello.over_tls((client_hello.RSA_AES128_GCM, 0x0035, 0x000A), version=0x0300, record_version=0x0300)
    assert answer_to(server.tls, hello)[:1] in (b"", bytes([client_hello.ALERT]))


BROKEN_SUITES = {
    "NULL": 0x0002,
    "EXPORT_RC4_40": 0x0003,
    "RC4_MD5": 0x0004,
    "RC4_SHA": 0x0005,
    "DES": 0x0009,
    "3DES": 0x000A,
    "anonymous": 0x0034,
    "anonymous_ECDH": 0xC018,
    "ECDHE_RC4": 0xC011,
    "ECDHE_3DES": 0xC012,
    "ECDHE_ECDSA_NULL": 0xC006,
}


@pytest.mark.parametrize("suite", BROKEN_SUITES.values(), ids=BROKEN_SUITES.keys())
def test_STUN_42_broken_suites_are_refused(server, rsa_server, suite):
    for at in (server, rsa_server):
        answer = answer_to(at.tls, client_hello.over_tls((suite,)))
        assert answer[:1] in (b"", bytes([client_hello.ALERT])), answer.hex()


@pytest.mark.parametrize("listener", ["tls", "edge"])
def test_STUN_42_compression_is_never_chosen(server, listener):
    hello = client_hello.over_tls((client_hello.ECDHE_ECDSA_AES128_GCM,), compressions=b"\x01\x00")
    stream = TcpTransport(server.endpoint(listener))
    stream.send(hello)
    suite, compression = client_hello.chosen(stream.receive_some(8))
    assert (suite, compression) == (client_hello.ECDHE_ECDSA_AES128_GCM, 0)
    stream.close()


@pytest.mark.parametrize("listener", ["tls", "edge"])
def test_plain_stun_on_an_encrypted_listener_gets_no_stun(server, listener):
    assert b"\x21\x12\xa4\x42" not in answer_to(server.endpoint(listener), Builder(Method.BINDING).build())


GARBAGE = {
    "zeros": bytes(1000),
    "ones": b"\xff" * 100000,
    "http": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "empty_record": bytes.fromhex("1603010000"),
    "alert_first": bytes.fromhex("15030300020228"),
    "data_first": bytes.fromhex("1703030010") + bytes(16),
    "heartbeat": bytes.fromhex("1803020003014000"),
    "longest_record": bytes.fromhex("160301ffff") + bytes(70000),
    "hello_of_zeros": bytes.fromhex("16030100f4010000f0") + bytes(240),
    "hello_announces_16_mb": bytes.fromhex("160301000401ffffff") + bytes.fromhex("1603014000") + bytes(16384),
    "version_2": bytes.fromhex("802e0100020015000000100100800200800300800400800500800600400700c0") + bytes(16),
}


@pytest.mark.parametrize("listener", ["tls", "edge"])
@pytest.mark.parametrize("octets", GARBAGE.values(), ids=GARBAGE.keys())
def test_B24_garbage_instead_of_a_handshake_closes(server, listener, octets):
    stream = TcpTransport(server.endpoint(listener))
    try:
        stream.send(octets)
        stream.socket.shutdown(socket.SHUT_WR)
        assert len(stream.read_to_end(20)) < 100, "no more than an alert"
    except (ConnectionEnded, OSError):
        pass
    finally:
        stream.close()


def test_B24_handshake_in_single_octets_succeeds(server):
    """Slow links exist. The other end is OpenSSL between two memory BIOs."""
    ends = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = client_context().wrap_bio(*ends, server_hostname=SERVER_NAME)
    stream = TcpTransport(server.tls)
    while True:
        try:
            tls.do_handshake()
            break
        except ssl.SSLWantReadError:
            for octet in ends[1].read():
                stream.send(bytes([octet]))
            ends[0].write(stream.receive_some(8))
    for octet in ends[1].read():
        stream.send(bytes([octet]))
    tls.write(Builder(Method.BINDING).build())
    for octet in ends[1].read():
        stream.send(bytes([octet]))
    while True:
        try:
            assert tls.read(100)[:2] == b"\x01\x01"
            break
        except ssl.SSLWantReadError:
            ends[0].write(stream.receive_some(8))
    stream.close()


@pytest.mark.parametrize("listener", ["tls", "edge"])
def test_damaged_record_ends_the_connection_and_its_allocation(server, listener):
    client = TurnClient(TlsTransport(server.endpoint(listener)), ALICE)
    client.allocate()
    held = server.metric("senso_turn_allocations")
    socket.socket.sendall(client.transport.socket, bytes.fromhex("1703030020") + os.urandom(32))
    assert client.transport.is_closed_within(10)
    assert eventually(lambda: server.metric("senso_turn_allocations") == held - 1)


def test_end_of_the_tcp_connection_without_notice_ends_the_allocation(server):
    client = TurnClient(TlsTransport(server.tls), ALICE)
    client.allocate()
    held = server.metric("senso_turn_allocations")
    socket.socket.shutdown(client.transport.socket, socket.SHUT_RDWR)
    assert eventually(lambda: server.metric("senso_turn_allocations") == held - 1)
    client.close()


@pytest.mark.parametrize("listener", ["tls", "edge"])
def test_TURN_45_close_notify_is_answered_and_ends_the_allocation(server, listener):
    client = TurnClient(TlsTransport(server.endpoint(listener)), ALICE)
    client.allocate()
    held = server.metric("senso_turn_allocations")
    client.transport.socket.settimeout(8)
    client.transport.socket.unwrap()  # returns when the server's close_notify has come
    assert eventually(lambda: server.metric("senso_turn_allocations") == held - 1)
    client.close()


def test_failed_handshakes_are_counted_and_finished_ones_too(server):
    failures = server.metric("senso_turn_tls_handshakes_total", outcome="failure")
    successes = server.metric("senso_turn_tls_handshakes_total", outcome="success")
    answer_to(server.tls, client_hello.over_tls((BROKEN_SUITES["RC4_SHA"],)))
    with pytest.raises(ssl.SSLError):  # the client does not trust what it sees, and says so
        TlsTransport(server.tls, name=OTHER_NAME, context=client_context(versions=TLS_1_2_ONLY))
    finished = TlsTransport(server.tls)
    assert TurnClient(finished).binding().is_success  # closed at once, its reset could overtake its Finished
    finished.close()
    assert eventually(lambda: server.metric("senso_turn_tls_handshakes_total", outcome="failure") >= failures + 2)
    assert eventually(lambda: server.metric("senso_turn_tls_handshakes_total", outcome="success") >= successes + 1)


# -- what is agreed on ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("versions", [TLS_1_2_ONLY, TLS_1_3_ONLY], ids=["1.2", "1.3"])
@pytest.mark.parametrize("listener", ["tls", "edge", "tcp"])
def test_current_versions_are_spoken(server, listener, versions):
    client = TurnClient(TlsTransport(server.endpoint(listener), context=client_context(versions=versions)), ALICE)
    assert client.binding().mapped == client.local
    client.allocate()
    client.refresh(0)
    client.close()


@pytest.mark.parametrize("suite", DEMANDED_SUITES)
def test_STUN_41_demanded_suites_are_there(rsa_server, suite):
    context = client_context(versions=TLS_1_2_ONLY, ciphers=suite)
    transport = TlsTransport(rsa_server.tls, context=context)
    assert transport.socket.cipher()[0] == suite
    assert TurnClient(transport).binding().is_success
    transport.close()


@pytest.mark.parametrize("suite", ["TLS_AES_128_GCM_SHA256", "TLS_AES_256_GCM_SHA384", "TLS_CHACHA20_POLY1305_SHA256"])
def test_STUN_41_suites_of_version_1_3_are_there(server, suite):
    command = ["openssl", "s_client", "-connect", f"{server.tls[0]}:{server.tls[1]}", "-tls1_3", "-ciphersuites", suite]
    done = subprocess.run([*command, "-brief"], input="", capture_output=True, text=True, timeout=30, check=False)
    assert f"Ciphersuite: {suite}" in done.stderr, done.stderr


@needs_dtls
@pytest.mark.parametrize("suite", DEMANDED_SUITES)
def test_STUN_41_DTLS_03_demanded_suites_are_there_over_dtls(rsa_server, suite):
    import dtls_transport

    transport = dtls_transport.DtlsTransport(rsa_server.dtls, context=dtls_transport.client_context(ciphers=suite))
    assert transport.end.connection.get_cipher_name() == suite
    assert TurnClient(transport).binding().is_success
    transport.close()


def test_STUN_43_DTLS_03_forward_secrecy_is_preferred(rsa_server):
    context = client_context(versions=TLS_1_2_ONLY, ciphers="AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256")
    transport = TlsTransport(rsa_server.tls, context=context)
    assert transport.socket.cipher()[0] == "ECDHE-RSA-AES128-GCM-SHA256"
    transport.close()


@pytest.mark.parametrize("listener", ["tls", "edge", "tcp"])
@pytest.mark.parametrize(
    "offered, selected",
    [
        (("stun.turn",), "stun.turn"),
        (("stun.nat-discovery",), "stun.nat-discovery"),
        (("h2", "stun.turn"), "stun.turn"),
        ((), None),
        (("h2",), None),
        (("spdy/1", "acme-tls/1"), None),
    ],
)
def test_ALPN_01_ALPN_02_ALPN_03_protocols_are_selected_and_never_required(server, listener, offered, selected):
    transport = TlsTransport(server.endpoint(listener), context=client_context(alpn=offered))
    assert transport.socket.selected_alpn_protocol() == selected
    assert TurnClient(transport).binding().is_success
    transport.close()


def test_ALPN_http_is_selected_on_the_edge_alone(server):
    for endpoint, selected in ((server.edge, "http/1.1"), (server.tls, None)):
        transport = TlsTransport(endpoint, context=client_context(alpn=("h2", "http/1.1")))
        assert transport.socket.selected_alpn_protocol() == selected
        transport.close()


@pytest.mark.parametrize("versions", [TLS_1_2_ONLY, TLS_1_3_ONLY], ids=["1.2", "1.3"])
def test_sessions_are_resumed_by_whatever_thread_the_client_meets(server, versions):
    context = client_context(versions=versions)
    first = TlsTransport(server.tls, context=context)
    assert TurnClient(first).binding().is_success  # version 1.3 sends its ticket after the handshake
    session = first.socket.session
    first.close()
    for listener in ("tls", "tls", "tls", "tls", "edge"):
        again = TlsTransport(server.endpoint(listener), context=context, session=session)
        assert again.socket.session_reused, listener
        assert TurnClient(again).binding().is_success
        session = again.socket.session if versions == TLS_1_3_ONLY else session
        again.close()


def test_MUX_05_tls_and_plain_tcp_share_a_port(server):
    encrypted, plain = TurnClient(TlsTransport(server.tcp), ALICE), TurnClient(TcpTransport(server.tcp), ALICE)
    for client in (encrypted, plain):
        assert client.binding().mapped == client.local
        client.allocate()
    assert encrypted.relayed != plain.relayed
    for client in (encrypted, plain):
        client.refresh(0)
        client.close()


def test_MUX_05_tls_and_tcp_listeners_may_be_one(launch):
    shared = {"address": LISTENER, "port": free_port(LISTENER)}
    other = launch(listeners=[{"transport": transport, **shared} for transport in ("udp", "dtls", "tcp", "tls")])
    assert TurnClient(TlsTransport(other.tls)).binding().is_success
    assert TurnClient(TcpTransport(other.tcp)).binding().is_success
    assert TurnClient(UdpTransport(other.udp)).binding().is_success
    assert other.tcp == other.tls


def test_B24_tls_without_certificates_closes(launch):
    at = launch(tls=None, listeners=listeners(LISTENER, transports=("udp", "tcp")))
    assert answer_to(at.tcp, client_hello.over_tls((client_hello.ECDHE_ECDSA_AES128_GCM,)))[:1] != b"\x16"
    assert TurnClient(TcpTransport(at.tcp)).binding().is_success


def test_METRICS_connections_and_allocations_name_their_transport(server, connect):
    for transport in ("tls", "wss"):
        # Those of other tests may still be ending.
        assert eventually(lambda: server.metric("senso_turn_connections", transport=transport) == 0)
        client = connect(transport)
        client.allocate()
        assert server.metric("senso_turn_connections", transport=transport) == 1
        assert server.metric("senso_turn_allocations", transport=transport) == 1
        client.refresh(0)
        client.close()
        assert eventually(lambda: server.metric("senso_turn_connections", transport=transport) == 0)
        assert server.metric("senso_turn_allocations", transport=transport) == 0


def key_updater(transport: TlsTransport):
    """Sends KeyUpdate with update_requested (RFC 8446 section 4.6.3), which Python's ssl module has no way to ask for."""
    if sys.implementation.name != "cpython" or sys.version_info[:2] != (3, 11):
        pytest.skip("reaches into the objects of CPython 3.11")
    library = ctypes.CDLL("libssl.so.3")
    library.SSL_key_update.argtypes = [ctypes.c_void_p, ctypes.c_int]
    # _ssl.c: an object's header, a weak reference to the socket, SSL*.
    session = ctypes.c_void_p.from_address(id(transport.socket._sslobj) + 24).value
    return lambda: library.SSL_key_update(session, 1)


def test_key_updates_of_a_client_that_does_not_read_keep_no_processor_busy(server):
    """The server owes an answer to each, for which the system has no room."""
    for _ in range(3):
        transport = TlsTransport(server.tls, receive_buffer=4096)
        assert transport.socket.version() == "TLSv1.3"
        update = key_updater(transport)
        transport.send_seconds = 1.0
        try:
            for _ in range(60_000):
                assert update() == 1
                transport.send(Builder(Method.BINDING).build())
        except (OSError, ConnectionEnded):
            pass
        spent, began = server.cpu_seconds(), time.monotonic()
        time.sleep(1.5)
        ratio = (server.cpu_seconds() - spent) / (time.monotonic() - began)
        assert ratio < 0.6, f"{ratio:.2f} processors are busy with nothing"
        transport.close()
