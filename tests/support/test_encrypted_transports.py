"""TLS and DTLS of the tests' client against OpenSSL's own server, which shares no code with ours."""

import contextlib
import socket
import subprocess
import time

import pytest

from certificates import OTHER_NAME, SERVER_NAME, server_certificate, test_authority
from tls_transport import TlsTransport, client_context
from transports import needs_dtls


@contextlib.contextmanager
def openssl_server(*arguments: str, kind: int = socket.SOCK_STREAM):
    """Where it listens, and its process: what it gets goes to its standard output, its standard input to the client."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        endpoint = probe.getsockname()
    pair = server_certificate()
    command = ["openssl", "s_server", "-quiet", "-accept", f"127.0.0.1:{endpoint[1]}", *arguments]
    command += ["-cert", str(pair.certificate), "-key", str(pair.private_key)]
    server = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, bufsize=0)
    with server:
        try:
            yield endpoint, server
        finally:
            server.kill()


def open_when_ready(make):
    """`make` as soon as somebody answers there."""
    deadline = time.monotonic() + 10
    while True:
        try:
            return make()
        except (ConnectionRefusedError, TimeoutError):
            assert time.monotonic() < deadline
            time.sleep(0.05)


def test_tls_carries_octets_and_shows_the_certificate():
    with openssl_server("-alpn", "stun.turn") as (endpoint, server):
        context = client_context(alpn=("stun.turn",))
        transport = open_when_ready(lambda: TlsTransport(endpoint, context=context))
        transport.send(b"hello\n")
        assert server.stdout.readline() == b"hello\n"
        server.stdin.write(b"and back\n")
        assert transport.receive_some(5) == b"and back\n"
        assert transport.certificate and transport.socket.selected_alpn_protocol() == "stun.turn"
        transport.close_with_notice()


@needs_dtls
def test_dtls_carries_messages_and_shows_the_certificate():
    from dtls_transport import DtlsTransport

    with openssl_server("-dtls1_2", kind=socket.SOCK_DGRAM) as (endpoint, server):
        transport = open_when_ready(lambda: DtlsTransport(endpoint, seconds=2))
        transport.send(b"hello\n")
        assert server.stdout.readline() == b"hello\n"
        server.stdin.write(b"and back\n")
        assert transport.receive(5) == b"and back\n"
        assert transport.certificate
        transport.close_with_notice()


@needs_dtls
def test_a_client_hello_of_dtls_is_one_record_for_one_datagram():
    from dtls_transport import DtlsEndpoint, split_records

    hello = DtlsEndpoint().client_hello()
    assert hello[0] == 22 and split_records(hello + hello) == [hello, hello]


@pytest.mark.parametrize("kind", ["ec", "rsa"])
def test_certificates_carry_their_names(kind):
    pair = test_authority().issue(f"named-{kind}", SERVER_NAME, "192.0.2.1", key=kind)
    shown = subprocess.run(
        ["openssl", "x509", "-in", str(pair.certificate), "-noout", "-ext", "subjectAltName"],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    assert f"DNS:{SERVER_NAME}" in shown and "IP Address:192.0.2.1" in shown and OTHER_NAME not in shown
