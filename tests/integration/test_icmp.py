"""ICMP errors about relayed datagrams (RFC 8656 section 11.5), black-box; routers are played with raw sockets."""

import socket
import struct
import subprocess

import pytest

from server_fixture import OTHER_PEER, PEER, free_port
from stun_message import Attribute, Class, Message, Method
from turn_client import TurnClient
from waiting import eventually

ROUTER = "127.0.0.9"
UNREACHABLE, REDIRECT, TIME_EXCEEDED, PARAMETER_PROBLEM = 3, 5, 11, 12
PORT_UNREACHABLE, FRAGMENTATION_NEEDED = 3, 4
TCP, UDP = socket.IPPROTO_TCP, socket.IPPROTO_UDP


@pytest.fixture
def router():
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError:
        pytest.skip("raw sockets need root: use tests/integration/run")
    raw.bind((ROUTER, 0))
    yield raw
    raw.close()


def checksum(octets: bytes) -> int:
    total = sum(struct.unpack(f">{len(octets) // 2}H", octets))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return ~total & 0xFFFF


def icmp_error(kind: int, code: int, rest: int, source, destination, protocol: int = UDP, quoted_octets: int = 28) -> bytes:
    """An ICMP message that quotes a datagram from `source` to `destination`, or the begin of it."""
    header = struct.pack(">BBHHHBBH", 0x45, 0, 36, 4711, 0, 64, protocol, 0)
    header += socket.inet_aton(source[0]) + socket.inet_aton(destination[0])
    header = header[:10] + struct.pack(">H", checksum(header)) + header[12:]
    quoted = (header + struct.pack(">HHHH", source[1], destination[1], 16, 0) + bytes(8))[:quoted_octets]
    quoted += bytes(len(quoted) % 2)
    message = struct.pack(">BBHI", kind, code, 0, rest) + quoted
    return message[:2] + struct.pack(">H", checksum(message)) + message[4:]


def decoded(indication: Message) -> tuple[int, int, int]:
    """Type, code and data: 16 reserved bits, 7, 9 and 32 (figure 11 of the RFC)."""
    reserved, type_and_code, data = struct.unpack(">HHI", indication.find(Attribute.ICMP))
    assert reserved == 0
    return type_and_code >> 9, type_and_code & 0x1FF, data


def next_error(client: TurnClient) -> Message:
    unit = client.receive()
    assert isinstance(unit, Message), f"{unit} is no indication"
    assert (unit.method, unit.message_class) == (Method.DATA, Class.INDICATION)
    assert unit.data is None, "an error carries no data"
    return unit


@pytest.fixture
def relaying(allocated, peer) -> TurnClient:
    allocated.create_permission(peer.endpoint)
    return allocated


@pytest.mark.parametrize("kind", [0, 4, REDIRECT, 8, PARAMETER_PROBLEM])
def test_ICMP_01_other_types_are_not_relayed(relaying, peer, router, kind):
    router.sendto(icmp_error(kind, 0, 0, relaying.relayed, peer.endpoint), (relaying.relayed[0], 0))
    relaying.assert_silence()


def test_ICMP_01_a_quoted_tcp_segment_is_not_relayed(relaying, peer, router):
    message = icmp_error(UNREACHABLE, 1, 0, relaying.relayed, peer.endpoint, TCP)
    router.sendto(message, (relaying.relayed[0], 0))
    relaying.assert_silence()


@pytest.mark.parametrize("octets", [0, 8, 20, 24])
def test_B81_a_quotation_that_is_cut_off_is_not_relayed(relaying, peer, router, octets):
    message = icmp_error(UNREACHABLE, 1, 0, relaying.relayed, peer.endpoint, quoted_octets=octets)
    router.sendto(message, (relaying.relayed[0], 0))
    relaying.assert_silence()


def test_ICMP_02_an_error_about_a_peer_without_permission_is_not_relayed(relaying, router):
    message = icmp_error(UNREACHABLE, 1, 0, relaying.relayed, (OTHER_PEER, 9))
    router.sendto(message, (relaying.relayed[0], 0))
    relaying.assert_silence()


def test_B81_an_error_about_nobodys_datagram_reaches_nobody(relaying, peer, router):
    port = relaying.relayed[1]
    other = port + 1 if port < 65535 else port - 1
    router.sendto(icmp_error(UNREACHABLE, 1, 0, (relaying.relayed[0], other), peer.endpoint), (relaying.relayed[0], 0))
    relaying.assert_silence()


@pytest.mark.parametrize("kind, code", [(UNREACHABLE, 1), (UNREACHABLE, 13), (TIME_EXCEEDED, 0)])
def test_ICMP_02_ICMP_03_what_a_router_says_of_a_permitted_peer_is_relayed(relaying, peer, router, kind, code):
    router.sendto(icmp_error(kind, code, 0, relaying.relayed, peer.endpoint), (relaying.relayed[0], 0))
    error = next_error(relaying)
    assert decoded(error) == (kind, code, 0)
    assert error.peer == peer.endpoint


def test_ICMP_06_fragmentation_needed_comes_with_the_mtu(relaying, peer, router):
    message = icmp_error(UNREACHABLE, FRAGMENTATION_NEEDED, 1280, relaying.relayed, peer.endpoint)
    router.sendto(message, (relaying.relayed[0], 0))
    assert decoded(next_error(relaying)) == (UNREACHABLE, FRAGMENTATION_NEEDED, 1280)
    # It is the client's business. What it sends without DONT-FRAGMENT passes as before.
    relaying.send_indication(peer.endpoint, bytes(1400))
    assert peer.receive() == bytes(1400)


@pytest.fixture
def short_interface():
    if subprocess.run(["ip", "link", "set", "lo", "mtu", "1500"], capture_output=True, check=False).returncode != 0:
        pytest.skip("the MTU of the loopback interface cannot be changed: use tests/integration/run")
    yield
    subprocess.run(["ip", "link", "set", "lo", "mtu", "65536"], check=True)


def test_ICMP_04_ICMP_06_what_the_servers_own_interface_cannot_take_whole_is_told(connect, stream_transport, peer, short_interface):
    client = connect(stream_transport)
    client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, bytes(2000), lambda m: m.add(Attribute.DONT_FRAGMENT))
    error = next_error(client)
    assert decoded(error) == (UNREACHABLE, FRAGMENTATION_NEEDED, 1500)
    # Of such an error Linux hides the port (section 11.5).
    assert error.peer in (peer.endpoint, (peer.endpoint[0], 0))
    client.send_indication(peer.endpoint, bytes(2000))
    assert peer.receive() == bytes(2000)


def test_ICMP_03_ICMP_04_a_closed_port_of_a_permitted_peer_is_told(relaying):
    closed = (PEER, free_port(PEER))
    relaying.send_indication(closed, b"anybody?")
    error = next_error(relaying)
    assert decoded(error) == (UNREACHABLE, PORT_UNREACHABLE, 0)
    assert error.peer == closed


def test_ICMP_05_an_error_is_an_indication_though_a_channel_is_bound(relaying):
    closed = (PEER, free_port(PEER))
    relaying.channel_bind(0x4000, closed)
    relaying.send_channel(0x4000, b"anybody?")
    error = next_error(relaying)
    assert decoded(error) == (UNREACHABLE, PORT_UNREACHABLE, 0)
    assert error.peer == closed


def test_ICMP_03_over_ipv6_types_are_those_of_icmpv6(connect, transport, peer_v6):
    client = connect(transport)
    client.allocate(family=2)
    closed = (peer_v6.endpoint[0], free_port(peer_v6.endpoint[0]))
    client.create_permission(closed)
    client.send_indication(closed, b"anybody?")
    error = next_error(client)
    assert decoded(error) == (1, 4, 0)  # Destination Unreachable, port (RFC 4443 section 3.1)
    assert error.peer == closed


def test_ICMP_07_a_storm_of_errors_leaves_the_allocation_alone(relaying, peer, router, server):
    message = icmp_error(UNREACHABLE, 1, 0, relaying.relayed, peer.endpoint)
    for _ in range(2000):
        router.sendto(message, (relaying.relayed[0], 0))

    def is_relayed() -> bool:
        # Errors that nobody has read yet take room in the socket from datagrams.
        peer.send(b"still here", relaying.relayed)
        while (unit := relaying.receive()) is not None and unit.data is None:
            pass
        return unit is not None and unit.data == b"still here"

    assert eventually(is_relayed)
    assert relaying.refresh().is_success
