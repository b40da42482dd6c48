"""Headers of the PROXY protocol, versions 1 and 2, as proxies put them before a connection or into a datagram."""

from __future__ import annotations

import ipaddress
import struct

from stun_message import Endpoint

SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"

LOCAL = 0x0
PROXY = 0x1

UNSPECIFIED = 0x00
STREAM = 0x1
DATAGRAM = 0x2

# Types of what may follow the addresses.
TLV_ALPN = 0x01
TLV_CRC32C = 0x03
TLV_NOOP = 0x04


def version_1(source: Endpoint, destination: Endpoint) -> bytes:
    family = "TCP6" if ":" in source[0] else "TCP4"
    return f"PROXY {family} {source[0]} {destination[0]} {source[1]} {destination[1]}\r\n".encode()


def version_1_unknown(rest: str = "") -> bytes:
    return f"PROXY UNKNOWN{rest}\r\n".encode()


def tlv(kind: int, value: bytes) -> bytes:
    return struct.pack(">BH", kind, len(value)) + value


def version_2(
    source: Endpoint, destination: Endpoint, *, protocol: int = STREAM, tlvs: bytes = b"", command: int = PROXY
) -> bytes:
    addresses = [ipaddress.ip_address(end[0]) for end in (source, destination)]
    family = 0x1 if addresses[0].version == 4 else 0x2
    body = b"".join(address.packed for address in addresses) + struct.pack(">HH", source[1], destination[1]) + tlvs
    return version_2_raw(0x20 | command, family << 4 | protocol, body)


def version_2_local(tlvs: bytes = b"") -> bytes:
    """What a proxy's own health checks send: the addresses are those of the connection."""
    return version_2_raw(0x20 | LOCAL, UNSPECIFIED, tlvs)


def version_2_raw(version_and_command: int, family_and_protocol: int, body: bytes, *, length: int | None = None) -> bytes:
    """`length` tells a lie about the body."""
    size = len(body) if length is None else length
    return SIGNATURE + struct.pack(">BBH", version_and_command, family_and_protocol, size) + body
