"""haproxy in front of the server: the PROXY protocol in both versions, on each kind of stream; and who may not use it.

Three namespaces in a row: the client, haproxy, the server. haproxy's address is the only trusted one.
"""

from __future__ import annotations

import shutil
import socket
import ssl
import struct
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import certificates
import servers
from bench import SERVER_V4, SERVER_V6
from namespaces import Namespace, connect
from outcome import PASS, Outcome, Report, failed
from servers import Listener

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from stun_message import Attribute, Builder, Endpoint, Message, Method, decode_xor_address  # noqa: E402

HAPROXY_V4, HAPROXY_V6 = "10.77.0.3", "fd77::3"
FRONT_V4, FRONT_V6 = "10.77.1.1", "fd77:1::1"
CLIENT_V4, CLIENT_V6 = "10.77.1.2", "fd77:1::2"
TRUSTED = (f"{HAPROXY_V4}/32", f"{HAPROXY_V6}/128")
LISTENERS = [Listener("udp", 3478), Listener("tcp", 3478, TRUSTED), Listener("tls", 5349, TRUSTED),
             Listener("edge", 443, TRUSTED)]
START_SECONDS = 10
ANSWER_SECONDS = 8
CLOSE_SECONDS = 20

_GLOBAL = """\
global
  maxconn 100
defaults
  mode tcp
  timeout connect 5s
  timeout client 60s
  timeout server 60s
"""
_PROXY = """\
listen {name}
  bind {front_v4}:{front}
  bind [{front_v6}]:{front}
  server turn {back} {send}
"""


@dataclass(frozen=True)
class Route:
    """One of haproxy's listeners, and where it leads."""

    transport: str
    front: int
    back: int
    version: int

    @property
    def name(self) -> str:
        return f"{self.transport}, version {self.version}"


ROUTES = [Route(listener.transport, listener.port + 10000 * version, listener.port, version)
          for listener in LISTENERS if listener.trusted for version in (1, 2)]


class Closed(Exception):
    """The server ended the connection."""


def run(directory: Path, program: Path | None, report: Report) -> None:
    if not shutil.which("haproxy"):
        report("haproxy", ("SKIP", "haproxy is missing"))
        return
    authority = certificates.make_authority(directory / "certificates")
    context = ssl.create_default_context(cafile=str(authority.file))
    listeners, routes = LISTENERS, ROUTES
    if program is None:
        # coturn knows version 2 on a plain TCP port that is for nothing else.
        listeners, routes = [Listener("udp", 3478), Listener("tcp", 3480, TRUSTED)], [Route("tcp", 23478, 3480, 2)]
    with _three_namespaces() as (server, proxy, client):
        if not servers.started(report, "haproxy", program, server, directory, addresses=[SERVER_V4, SERVER_V6],
                               listeners=listeners, certificates=[authority.issue(certificates.HOST)]):
            return
        if not _start_haproxy(proxy, client, directory, routes):
            report("haproxy: it starts", failed(f"log {directory / 'haproxy.log'}"))
            return
        for route in routes:
            secure = None if route.transport == "tcp" else context
            for family, front, own in (("IPv4", FRONT_V4, CLIENT_V4), ("IPv6", FRONT_V6, CLIENT_V6)):
                report(f"haproxy: {route.name}, {family}: the mapped address is the client's",
                       _is_mapped(client, (front, route.front), own, secure))
        for listener in listeners if program is not None else []:
            if listener.trusted:
                _strangers(proxy, client, listener, None if listener.transport == "tcp" else context, report)
        if program is not None and shutil.which("curl"):
            report("haproxy: edge: /livez through it", _livez(client, directory, authority))


def _strangers(proxy: Namespace, client: Namespace, listener: Listener, context: ssl.SSLContext | None,
               report: Report) -> None:
    server = (SERVER_V4, listener.port)
    name = f"PROXY header at {listener.transport}"
    for version in (1, 2):
        header = proxy_header(version, ("192.0.2.1", 1000), server)
        report(f"{name}, version {version}: from an untrusted client it closes",
               _closes(client, server, header, context))
        report(f"{name}, version {version}: from the trusted address it is believed",
               _is_mapped(proxy, server, "192.0.2.1", context, header))
    report(f"{name}: an untrusted client without it is served", _is_mapped(client, server, CLIENT_V4, context))
    report(f"{name}: the trusted address without it is closed", _closes(proxy, server, b"", context))


@contextmanager
def _three_namespaces() -> Iterator[tuple[Namespace, Namespace, Namespace]]:
    server, proxy, client = Namespace("server"), Namespace("haproxy"), Namespace("client")
    try:
        connect(server, "to-proxy", proxy, "to-server")
        connect(proxy, "to-client", client, "to-proxy")
        for namespace, device, addresses in ((server, "to-proxy", (f"{SERVER_V4}/24", f"{SERVER_V6}/64")),
                                             (proxy, "to-server", (f"{HAPROXY_V4}/24", f"{HAPROXY_V6}/64")),
                                             (proxy, "to-client", (f"{FRONT_V4}/24", f"{FRONT_V6}/64")),
                                             (client, "to-proxy", (f"{CLIENT_V4}/24", f"{CLIENT_V6}/64"))):
            for address in addresses:
                namespace.add_address(device, address)
        # The way round haproxy, for the client that speaks to the server itself.
        proxy.run(Path("/dev/null"), "sysctl", "-q", "-w", "net.ipv4.ip_forward=1", timeout=10)
        client.add_default_route(FRONT_V4)
        server.add_default_route(HAPROXY_V4)
        server.run(Path("/dev/null"), "ip", "-6", "route", "add", "default", "via", HAPROXY_V6, timeout=10)
        yield server, proxy, client
    finally:
        for namespace in (client, proxy, server):
            namespace.close()


def _start_haproxy(proxy: Namespace, client: Namespace, directory: Path, routes: list[Route]) -> bool:
    text = _GLOBAL
    for route in routes:
        send = "send-proxy" if route.version == 1 else "send-proxy-v2"
        text += _PROXY.format(name=route.name.replace(", version ", "-v"), front_v4=FRONT_V4, front_v6=FRONT_V6,
                              front=route.front, back=f"{SERVER_V4}:{route.back}", send=send)
    file = directory / "haproxy.cfg"
    file.write_text(text)
    process = proxy.start(directory / "haproxy.log", "haproxy", "-db", "-f", str(file))
    deadline = time.monotonic() + START_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        with client.entered():
            probe = socket.socket()
        with probe:
            probe.settimeout(1)
            if probe.connect_ex((FRONT_V4, routes[-1].front)) == 0:
                return True
        time.sleep(0.1)
    return False


def proxy_header(version: int, source: Endpoint, destination: Endpoint) -> bytes:
    if version == 1:
        return f"PROXY TCP4 {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()
    addresses = socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    addresses += struct.pack(">HH", source[1], destination[1])
    return b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11]) + struct.pack(">H", len(addresses)) + addresses


def _binding(namespace: Namespace, server: Endpoint, header: bytes,
             context: ssl.SSLContext | None) -> tuple[Endpoint, Endpoint]:
    """The client's own address and the mapped one. The server's certificate is verified."""
    with namespace.entered():
        client = socket.socket(socket.AF_INET6 if ":" in server[0] else socket.AF_INET)
    with client:
        client.settimeout(ANSWER_SECONDS)
        client.connect(server)
        own = client.getsockname()[:2]
        try:
            if header:
                client.sendall(header)
            with context.wrap_socket(client, server_hostname=certificates.HOST) if context else client as stream:
                stream.sendall(Builder(Method.BINDING).build())
                octets = b""
                while len(octets) < 20 or len(octets) < 20 + int.from_bytes(octets[2:4]):
                    chunk = stream.recv(4096)
                    if not chunk:
                        raise Closed(f"after {len(octets)} octets")
                    octets += chunk
        except (ConnectionError, ssl.SSLZeroReturnError, ssl.SSLEOFError) as problem:
            raise Closed(str(problem)) from problem
    answer = Message.parse(octets)
    value = next(value for kind, value, _ in answer.attributes if kind == Attribute.XOR_MAPPED_ADDRESS)
    return own, decode_xor_address(value, answer.transaction_id)


def _is_mapped(namespace: Namespace, server: Endpoint, address: str, context: ssl.SSLContext | None,
               header: bytes = b"") -> Outcome:
    """With a header the port is the header's, otherwise the client's own."""
    try:
        own, mapped = _binding(namespace, server, header, context)
    except (Closed, OSError) as problem:
        return failed(f"{type(problem).__name__}: {problem}")
    wanted = (address, 1000 if header else own[1])
    return PASS if mapped == wanted else failed(f"the mapped address is {mapped}, not {wanted}")


def _closes(namespace: Namespace, server: Endpoint, header: bytes, context: ssl.SSLContext | None) -> Outcome:
    try:
        _, mapped = _binding(namespace, server, header, context)
    except Closed:
        return PASS
    except OSError as problem:
        return failed(f"not closed: {type(problem).__name__}: {problem}")
    return failed(f"answered, with {mapped}")


def _livez(client: Namespace, directory: Path, authority: certificates.Authority) -> Outcome:
    port = next(route.front for route in ROUTES if route.transport == "edge")
    log = directory / "livez.log"
    client.run(log, "curl", "--silent", "--show-error", "--max-time", "10", "--cacert", str(authority.file),
               "--resolve", f"{certificates.HOST}:{port}:{FRONT_V4}", "--output", "/dev/null",
               "--write-out", "%{http_code}", f"https://{certificates.HOST}:{port}/livez", timeout=20)
    text = log.read_text(errors="replace")
    return PASS if text == "200" else failed(f"curl says {text!r}")
