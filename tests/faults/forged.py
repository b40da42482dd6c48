"""Packets with forged sources: what an attacker sends who is not there to read an answer."""

from __future__ import annotations

import ipaddress
import os
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass

import client_hello
from ip_packets import checksum, frame, ip_packet
from network_namespaces import Host
from relay_site import PEER, RELAY, SERVER
from stun_message import UDP, Attribute, Builder, Method, channel_data
from turn_client import Credentials, TurnClient, UdpTransport

# Whom nobody is: the range of carriers' NATs. Answers are routed towards the client's host, which throws them away.
STRANGERS = "100.64.0.0/10"
FIRST_STRANGER = int(ipaddress.ip_network(STRANGERS).network_address)
STRANGER_COUNT = ipaddress.ip_network(STRANGERS).num_addresses
FIRST_RELAY_PORT, RELAY_PORTS = 49152, 16384
ICMP, PORT_UNREACHABLE = 1, (3, 3)
SOURCE_AT, SOURCE_PORT_AT, DESTINATION_PORT_AT, IP_CHECKSUM_AT = 14 + 12, 14 + 20, 14 + 22, 14 + 10


@dataclass(frozen=True)
class Kind:
    name: str
    sender: str  # "client" or "peer": on whose side of the server it comes in
    payloads: list[bytes]
    port: int | None  # None: all relay ports in turn
    is_icmp: bool = False


def kinds(port: int, dtls_port: int, a_client: Callable[[], UdpTransport]) -> list[Kind]:
    """`a_client` opens a socket that the server can answer: for a nonce that is real, and somebody else's."""
    stranger = TurnClient(a_client(), Credentials("nobody", "wrong"))
    stranger.challenge()
    wrong = stranger.sign(allocate()).build()
    stranger.close()
    records = [client_hello.dtls_record(os.urandom(60), kind=kind, epoch=kind % 2) for kind in range(20, 27)]
    return [
        Kind("Binding requests", "client", [Builder(Method.BINDING).build()], port),
        Kind("Allocate without credentials", "client", [allocate().build()], port),
        Kind("Allocate with somebody else's nonce", "client", [wrong], port),
        Kind("Refresh and ConnectionBind", "client",
             [Builder(Method.REFRESH).build(), Builder(Method.CONNECTION_BIND).add_u32(0x002A, 1).build()], port),
        Kind("ChannelData", "client", [channel_data(0x4000, b"hello"), channel_data(0x4001, bytes(900))], port),
        Kind("junk", "client", [os.urandom(size) for size in (1, 4, 20, 100, 500, 1200)], port),
        Kind("DTLS ClientHellos", "client", [client_hello.over_dtls() for _ in range(50)], dtls_port),
        Kind("DTLS records of other kinds", "client", records, dtls_port),
        Kind("junk at relay ports", "peer", [os.urandom(size) for size in (1, 160, 1200)], None),
        Kind("ICMP errors about relay ports", "peer", [b""], None, is_icmp=True),
    ]  # fmt: skip


def allocate() -> Builder:
    return Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))


class Flood:
    """Frames on the link towards the server, each from another address and port. `number` goes on from call to call."""

    def __init__(self, host: Host, server_link_address: bytes, kind: Kind, burst: int = 5):
        """`burst`: so many in one go, as long as it is not late."""
        self._packets = host.packet_socket("uplink")
        self._kind = kind
        self._burst = burst
        link = server_link_address, host.link_address("uplink")
        make = self._icmp if kind.is_icmp else self._udp
        self._frames = [bytearray(frame(*link, make(payload))) for payload in kind.payloads]
        self._sums = [self._sum_without_source(each) for each in self._frames]
        self.number = 0

    def send(self, count: int, rate: float, meanwhile: Callable[[], None] = lambda: None) -> float:
        """So many, at so many a second or as fast as it goes; how many seconds it took."""
        began = time.monotonic()
        for sent in range(0, count, self._burst):
            for _ in range(min(self._burst, count - sent)):
                self._packets.send(self._next())
            meanwhile()
            ahead = began + (sent + self._burst) / rate - time.monotonic()
            if ahead > 0:
                time.sleep(ahead)
        return time.monotonic() - began

    def close(self) -> None:
        self._packets.close()

    def _udp(self, payload: bytes) -> bytes:
        """Without a checksum, which IPv4 allows."""
        destination = (RELAY, FIRST_RELAY_PORT) if self._kind.port is None else (SERVER, self._kind.port)
        datagram = struct.pack("!HHHH", 1024, destination[1], 8 + len(payload), 0) + payload
        return ip_packet(("100.64.0.0", 0), destination, datagram)

    def _icmp(self, _: bytes) -> bytes:
        """From any router: a datagram of a relay to the peer did not arrive."""
        lost = ip_packet((RELAY, 0), (PEER, 0), struct.pack("!HHHH", FIRST_RELAY_PORT, 9, 8, 0))
        message = struct.pack("!BBHI", *PORT_UNREACHABLE, 0, 0) + lost
        packet = bytearray(ip_packet(("100.64.0.0", 0), (RELAY, 0), message))
        packet[9] = ICMP
        return bytes(packet)

    @staticmethod
    def _sum_without_source(octets: bytearray) -> int:
        header = bytearray(octets[14:34])
        del header[10:16]  # neither the checksum nor the source
        return sum(struct.unpack(f"!{len(header) // 2}H", header))

    def _next(self) -> bytearray:
        number, self.number = self.number, self.number + 1
        which = number % len(self._frames)
        octets = self._frames[which]
        source = FIRST_STRANGER + number % STRANGER_COUNT
        total = self._sums[which] + (source >> 16) + (source & 0xFFFF)
        total = (total & 0xFFFF) + (total >> 16)
        total = (total & 0xFFFF) + (total >> 16)
        struct.pack_into("!H", octets, IP_CHECKSUM_AT, total ^ 0xFFFF)
        struct.pack_into("!I", octets, SOURCE_AT, source)
        if self._kind.is_icmp:
            embedded = 14 + 20 + 8 + 20
            struct.pack_into("!H", octets, embedded, FIRST_RELAY_PORT + number % RELAY_PORTS)
            struct.pack_into("!H", octets, 14 + 20 + 2, 0)
            struct.pack_into("!H", octets, 14 + 20 + 2, checksum(bytes(octets[14 + 20 :])))
        else:
            struct.pack_into("!H", octets, SOURCE_PORT_AT, 1024 + number % 60000)
            if self._kind.port is None:
                struct.pack_into("!H", octets, DESTINATION_PORT_AT, FIRST_RELAY_PORT + number % RELAY_PORTS)
        return octets
