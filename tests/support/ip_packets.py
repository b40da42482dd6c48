"""UDP datagrams as they are on an Ethernet link, made and judged octet by octet."""

from __future__ import annotations

import ipaddress
import struct
from dataclasses import dataclass

from stun_message import Endpoint

ETHERNET_OCTETS = 14
IPV4, IPV6 = 0x0800, 0x86DD  # EtherTypes
UDP = 17
DESTINATION_OPTIONS = 60


def checksum(octets: bytes) -> int:
    """RFC 1071; over octets that contain their right checksum, it is 0."""
    octets += b"\0" * (len(octets) % 2)
    total = sum(struct.unpack(f"!{len(octets) // 2}H", octets))
    while total > 0xFFFF:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def _pseudo_header(source: bytes, destination: bytes, length: int) -> bytes:
    return source + destination + struct.pack("!II", length, UDP)


def udp_datagram(source: Endpoint, destination: Endpoint, payload: bytes, *, wrong: int | None = 0) -> bytes:
    """`wrong` is added to the checksum; None: there is no checksum."""
    addresses = ipaddress.ip_address(source[0]).packed, ipaddress.ip_address(destination[0]).packed
    length = 8 + len(payload)
    datagram = struct.pack("!HHHH", source[1], destination[1], length, 0) + payload
    if wrong is None:
        return datagram
    right = checksum(_pseudo_header(*addresses, length) + datagram)
    return datagram[:6] + struct.pack("!H", (right + wrong) & 0xFFFF) + payload


def ip_packet(source: Endpoint, destination: Endpoint, datagram: bytes, *, options: bytes = b"") -> bytes:
    """`options` are IPv4's, or the content of an IPv6 header of destination options after its first two octets."""
    addresses = ipaddress.ip_address(source[0]).packed + ipaddress.ip_address(destination[0]).packed
    if ":" in source[0]:
        extension = struct.pack("!BB", UDP, (2 + len(options)) // 8 - 1) + options if options else b""
        follows = DESTINATION_OPTIONS if options else UDP
        return struct.pack("!IHBB", 6 << 28, len(extension + datagram), follows, 64) + addresses + extension + datagram
    octets = 20 + len(options)
    fields = struct.pack("!BBHHHBBH", 0x40 + octets // 4, 0, octets + len(datagram), 7, 0, 64, UDP, 0)
    header = fields + addresses + options
    return header[:10] + struct.pack("!H", checksum(header)) + header[12:] + datagram


def frame(destination: bytes, source: bytes, packet: bytes) -> bytes:
    return destination + source + struct.pack("!H", IPV4 if packet[0] >> 4 == 4 else IPV6) + packet


@dataclass(frozen=True)
class Datagram:
    """What a frame with UDP holds, once everything about it was found right."""

    link_destination: bytes
    link_source: bytes
    source: Endpoint
    destination: Endpoint
    hop_limit: int
    payload: bytes


def read_frame(octets: bytes) -> Datagram | None:
    """None if it is none of UDP without options. Every length and every checksum has to be right."""
    (kind,) = struct.unpack_from("!H", octets, 12)
    packet = octets[ETHERNET_OCTETS:]
    if kind == IPV4 and packet[0] == 0x45 and packet[9] == UDP:
        assert checksum(packet[:20]) == 0, f"checksum of IP: {packet.hex()}"
        length, hop_limit = struct.unpack_from("!H", packet, 2)[0], packet[8]
        addresses, datagram = (packet[12:16], packet[16:20]), packet[20:]
        assert length == len(packet), f"length of IP: {packet.hex()}"
    elif kind == IPV6 and packet[6] == UDP:
        length, hop_limit = struct.unpack_from("!H", packet, 4)[0], packet[7]
        addresses, datagram = (packet[8:24], packet[24:40]), packet[40:]
        assert length == len(datagram), f"length of IP: {packet.hex()}"
    else:
        return None
    ports, length, check = struct.unpack_from("!HH", datagram), *struct.unpack_from("!HH", datagram, 4)
    assert length == len(datagram), f"length of UDP: {packet.hex()}"
    assert check != 0, f"no checksum of UDP: {packet.hex()}"
    assert checksum(_pseudo_header(*addresses, length) + datagram) == 0, f"checksum of UDP: {packet.hex()}"
    ends = [(str(ipaddress.ip_address(address)), port) for address, port in zip(addresses, ports, strict=True)]
    return Datagram(octets[:6], octets[6:12], ends[0], ends[1], hop_limit, datagram[8:])
