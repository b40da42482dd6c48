"""STUN and TURN messages as octets: built and parsed from the RFC texts alone (8489, 8656).

The builder never judges what it is asked to build: tests need broken messages as much as sound ones. The parser is
strict, since every message that the server sends passes through it.
"""

from __future__ import annotations

import binascii
import enum
import hashlib
import hmac
import ipaddress
import os
import struct
from dataclasses import dataclass, field

MAGIC_COOKIE = 0x2112A442
HEADER_OCTETS = 20
FINGERPRINT_XOR = 0x5354554E


class Method(enum.IntEnum):
    BINDING = 0x001
    ALLOCATE = 0x003
    REFRESH = 0x004
    SEND = 0x006
    DATA = 0x007
    CREATE_PERMISSION = 0x008
    CHANNEL_BIND = 0x009
    CONNECT = 0x00A
    CONNECTION_BIND = 0x00B
    CONNECTION_ATTEMPT = 0x00C


class Class(enum.IntEnum):
    REQUEST = 0
    INDICATION = 1
    SUCCESS = 2
    ERROR = 3


class Attribute(enum.IntEnum):
    MAPPED_ADDRESS = 0x0001
    RESPONSE_ADDRESS = 0x0002
    CHANGE_REQUEST = 0x0003
    USERNAME = 0x0006
    MESSAGE_INTEGRITY = 0x0008
    ERROR_CODE = 0x0009
    UNKNOWN_ATTRIBUTES = 0x000A
    CHANNEL_NUMBER = 0x000C
    LIFETIME = 0x000D
    XOR_PEER_ADDRESS = 0x0012
    DATA = 0x0013
    REALM = 0x0014
    NONCE = 0x0015
    XOR_RELAYED_ADDRESS = 0x0016
    REQUESTED_ADDRESS_FAMILY = 0x0017
    EVEN_PORT = 0x0018
    REQUESTED_TRANSPORT = 0x0019
    DONT_FRAGMENT = 0x001A
    ACCESS_TOKEN = 0x001B
    MESSAGE_INTEGRITY_SHA256 = 0x001C
    PASSWORD_ALGORITHM = 0x001D
    USERHASH = 0x001E
    XOR_MAPPED_ADDRESS = 0x0020
    RESERVATION_TOKEN = 0x0022
    PADDING = 0x0026
    RESPONSE_PORT = 0x0027
    CONNECTION_ID = 0x002A
    ADDITIONAL_ADDRESS_FAMILY = 0x8000
    ADDRESS_ERROR_CODE = 0x8001
    PASSWORD_ALGORITHMS = 0x8002
    ALTERNATE_DOMAIN = 0x8003
    ICMP = 0x8004
    SOFTWARE = 0x8022
    ALTERNATE_SERVER = 0x8023
    TRANSACTION_TRANSMIT_COUNTER = 0x8025
    FINGERPRINT = 0x8028
    RESPONSE_ORIGIN = 0x802B
    OTHER_ADDRESS = 0x802C
    THIRD_PARTY_AUTHORIZATION = 0x802E
    MOBILITY_TICKET = 0x8030


IPV4 = 0x01
IPV6 = 0x02
UDP = 17
TCP = 6
MD5 = 0x0001
SHA256 = 0x0002

Endpoint = tuple[str, int]


class MalformedMessage(Exception):
    """What was received breaks a rule for messages on the wire."""


def encode_type(method: int, message_class: int) -> int:
    """RFC 8489 section 5: the two class bits sit between the method bits."""
    return (
        (method & 0xF80) << 2
        | (method & 0x070) << 1
        | (method & 0x00F)
        | (message_class & 2) << 7
        | (message_class & 1) << 4
    )


def decode_type(value: int) -> tuple[int, int]:
    method = (value >> 2) & 0xF80 | (value >> 1) & 0x070 | value & 0x00F
    message_class = (value >> 7) & 2 | (value >> 4) & 1
    return method, message_class


def padded(octets: int) -> int:
    return octets + (-octets % 4)


def encode_address(endpoint: Endpoint) -> bytes:
    """The value of MAPPED-ADDRESS and of its plain kin."""
    address = ipaddress.ip_address(endpoint[0])
    family = IPV4 if address.version == 4 else IPV6
    return struct.pack(">BBH", 0, family, endpoint[1]) + address.packed


def encode_xor_address(endpoint: Endpoint, transaction_id: bytes, first_octet: int = 0) -> bytes:
    address = ipaddress.ip_address(endpoint[0])
    family = IPV4 if address.version == 4 else IPV6
    mask = struct.pack(">I", MAGIC_COOKIE) + transaction_id
    scrambled = bytes(a ^ b for a, b in zip(address.packed, mask))
    return struct.pack(">BBH", first_octet, family, endpoint[1] ^ (MAGIC_COOKIE >> 16)) + scrambled


def decode_address(value: bytes) -> Endpoint:
    if len(value) < 4 or value[0] != 0:
        raise MalformedMessage(f"address attribute {value.hex()}")
    lengths = {IPV4: 8, IPV6: 20}
    if lengths.get(value[1]) != len(value):
        raise MalformedMessage(f"address attribute {value.hex()}: family and length disagree")
    port = struct.unpack(">H", value[2:4])[0]
    return str(ipaddress.ip_address(value[4:])), port


def decode_xor_address(value: bytes, transaction_id: bytes) -> Endpoint:
    if len(value) < 4:
        raise MalformedMessage(f"address attribute {value.hex()}")
    mask = struct.pack(">I", MAGIC_COOKIE) + transaction_id
    port = struct.unpack(">H", value[2:4])[0] ^ (MAGIC_COOKIE >> 16)
    plain = bytes(a ^ b for a, b in zip(value[4:], mask))
    return decode_address(value[:2] + struct.pack(">H", port) + plain)


def fingerprint_of(octets: bytes) -> int:
    return (binascii.crc32(octets) & 0xFFFFFFFF) ^ FINGERPRINT_XOR


def long_term_key(username: str, realm: str, password: str, algorithm: int = MD5) -> bytes:
    """RFC 8489 sections 9.2.2 and 18.5.1. The strings must be prepared already."""
    text = f"{username}:{realm}:{password}".encode()
    return hashlib.md5(text).digest() if algorithm == MD5 else hashlib.sha256(text).digest()


def userhash_of(username: str, realm: str) -> bytes:
    return hashlib.sha256(f"{username}:{realm}".encode()).digest()


class Builder:
    """Puts a message together attribute by attribute; every method returns the builder."""

    def __init__(
        self,
        method: int,
        message_class: int = Class.REQUEST,
        *,
        transaction_id: bytes | None = None,
        cookie: int = MAGIC_COOKIE,
    ):
        self.type = encode_type(method, message_class)
        self.transaction_id = os.urandom(12) if transaction_id is None else transaction_id
        self.cookie = cookie
        self.body = bytearray()

    def add(self, attribute: int, value: bytes = b"", *, pad: int = 0, length: int | None = None) -> Builder:
        """`length` puts a false length into the attribute's header."""
        self.body += struct.pack(">HH", attribute, len(value) if length is None else length)
        self.body += value + bytes([pad]) * (-len(value) % 4)
        return self

    def add_text(self, attribute: int, text: str | bytes, *, pad: int = 0) -> Builder:
        return self.add(attribute, text.encode() if isinstance(text, str) else text, pad=pad)

    def add_u32(self, attribute: int, value: int) -> Builder:
        return self.add(attribute, struct.pack(">I", value))

    def add_xor_address(self, attribute: int, endpoint: Endpoint, *, first_octet: int = 0) -> Builder:
        return self.add(attribute, encode_xor_address(endpoint, self.transaction_id, first_octet))

    def add_peer(self, endpoint: Endpoint) -> Builder:
        return self.add_xor_address(Attribute.XOR_PEER_ADDRESS, endpoint)

    def header(self, body_octets: int) -> bytes:
        return struct.pack(">HHI", self.type, body_octets & 0xFFFF, self.cookie) + self.transaction_id

    def integrity(self, key: bytes, *, octets: int | None = None, flip: bool = False) -> Builder:
        """MESSAGE-INTEGRITY over everything so far. `octets` cuts or lengthens the value, `flip` spoils it."""
        mac = hmac.new(key, self.header(len(self.body) + 24) + self.body, hashlib.sha1).digest()
        return self.add(Attribute.MESSAGE_INTEGRITY, _spoil(mac, octets, flip))

    def integrity_sha256(self, key: bytes, *, octets: int | None = None, flip: bool = False) -> Builder:
        carried = 32 if octets is None else octets
        octets_after = len(self.body) + 4 + padded(carried)
        mac = hmac.new(key, self.header(octets_after) + self.body, hashlib.sha256).digest()
        return self.add(Attribute.MESSAGE_INTEGRITY_SHA256, _spoil(mac, octets, flip))

    def fingerprint(self, *, xor: int = 0) -> Builder:
        crc = fingerprint_of(self.header(len(self.body) + 8) + self.body)
        return self.add_u32(Attribute.FINGERPRINT, crc ^ xor)

    def build(self, *, length: int | None = None) -> bytes:
        """`length` puts a false length into the message's header."""
        return self.header(len(self.body) if length is None else length) + bytes(self.body)


def _spoil(mac: bytes, octets: int | None, flip: bool) -> bytes:
    if flip:
        mac = bytes([mac[0] ^ 1]) + mac[1:]
    if octets is not None:
        mac = (mac + bytes(octets))[:octets]
    return mac


@dataclass
class Message:
    """A received message. `attributes` holds type, value, and offset of the attribute's header, in order."""

    method: int
    message_class: int
    transaction_id: bytes
    attributes: list[tuple[int, bytes, int]]
    raw: bytes = field(repr=False)

    @classmethod
    def parse(cls, octets: bytes) -> Message:
        if len(octets) < HEADER_OCTETS:
            raise MalformedMessage(f"{len(octets)} octets are no header")
        kind, length, cookie = struct.unpack(">HHI", octets[:8])
        if kind & 0xC000:
            raise MalformedMessage("the two top bits are set")
        if cookie != MAGIC_COOKIE:
            raise MalformedMessage(f"cookie {cookie:08x}")
        if length % 4 or length + HEADER_OCTETS != len(octets):
            raise MalformedMessage(f"length {length} in a message of {len(octets)} octets")
        method, message_class = decode_type(kind)
        attributes = []
        offset = HEADER_OCTETS
        while offset < len(octets):
            attribute, size = struct.unpack(">HH", octets[offset : offset + 4])
            value = octets[offset + 4 : offset + 4 + size]
            if len(value) != size:
                raise MalformedMessage(f"attribute {attribute:04x} is longer than its message")
            padding = octets[offset + 4 + size : offset + 4 + padded(size)]
            if padding.strip(b"\0"):
                raise MalformedMessage(f"attribute {attribute:04x} is padded with {padding.hex()}")
            attributes.append((attribute, value, offset))
            offset += 4 + padded(size)
        message = cls(method, message_class, octets[8:20], attributes, octets)
        message._check_fingerprint()
        return message

    def _check_fingerprint(self) -> None:
        for index, (attribute, value, offset) in enumerate(self.attributes):
            if attribute != Attribute.FINGERPRINT:
                continue
            if index != len(self.attributes) - 1 or len(value) != 4:
                raise MalformedMessage("FINGERPRINT is not the last attribute, or not of four octets")
            if struct.unpack(">I", value)[0] != fingerprint_of(self.raw[:offset]):
                raise MalformedMessage("FINGERPRINT is wrong")

    @property
    def type(self) -> int:
        return encode_type(self.method, self.message_class)

    def find(self, attribute: int) -> bytes | None:
        return next((value for kind, value, _ in self.attributes if kind == attribute), None)

    def find_all(self, attribute: int) -> list[bytes]:
        return [value for kind, value, _ in self.attributes if kind == attribute]

    def __contains__(self, attribute: int) -> bool:
        return self.find(attribute) is not None

    def names(self) -> set[int]:
        return {kind for kind, _, _ in self.attributes}

    def text(self, attribute: int) -> str | None:
        value = self.find(attribute)
        return None if value is None else value.decode()

    def u32(self, attribute: int) -> int | None:
        value = self.find(attribute)
        if value is None:
            return None
        if len(value) != 4:
            raise MalformedMessage(f"attribute {attribute:04x} has {len(value)} octets")
        return struct.unpack(">I", value)[0]

    @property
    def is_success(self) -> bool:
        return self.message_class == Class.SUCCESS

    @property
    def error(self) -> int | None:
        """The code of an error response; None for anything else."""
        if self.message_class != Class.ERROR:
            return None
        value = self.find(Attribute.ERROR_CODE)
        if value is None or len(value) < 4:
            raise MalformedMessage("an error response without ERROR-CODE")
        if value[0] or value[1] or value[2] & 0xF8:
            raise MalformedMessage(f"reserved bits are set in ERROR-CODE {value.hex()}")
        hundreds, rest = value[2], value[3]
        if not 3 <= hundreds <= 6 or rest > 99:
            raise MalformedMessage(f"ERROR-CODE {hundreds} {rest}")
        if len(value[4:].decode()) >= 128:
            raise MalformedMessage("the reason phrase is too long")
        return hundreds * 100 + rest

    @property
    def unknown_attributes(self) -> list[int]:
        value = self.find(Attribute.UNKNOWN_ATTRIBUTES) or b""
        return [number for (number,) in struct.iter_unpack(">H", value)]

    def xor_addresses(self, attribute: int) -> list[Endpoint]:
        return [decode_xor_address(value, self.transaction_id) for value in self.find_all(attribute)]

    def xor_address(self, attribute: int) -> Endpoint | None:
        found = self.xor_addresses(attribute)
        return found[0] if found else None

    @property
    def mapped(self) -> Endpoint | None:
        return self.xor_address(Attribute.XOR_MAPPED_ADDRESS)

    @property
    def relayed(self) -> Endpoint | None:
        return self.xor_address(Attribute.XOR_RELAYED_ADDRESS)

    @property
    def peer(self) -> Endpoint | None:
        return self.xor_address(Attribute.XOR_PEER_ADDRESS)

    @property
    def data(self) -> bytes | None:
        return self.find(Attribute.DATA)

    @property
    def lifetime(self) -> int | None:
        return self.u32(Attribute.LIFETIME)

    def has_valid_integrity(self, key: bytes) -> bool:
        """Whether there is an integrity attribute and each one present is right under `key`."""
        verdicts = []
        for attribute, value, offset in self.attributes:
            if attribute == Attribute.MESSAGE_INTEGRITY:
                verdicts.append(len(value) == 20 and self._mac(key, offset, 20, hashlib.sha1) == value)
            elif attribute == Attribute.MESSAGE_INTEGRITY_SHA256:
                verdicts.append(len(value) == 32 and self._mac(key, offset, 32, hashlib.sha256) == value)
        return bool(verdicts) and all(verdicts)

    def _mac(self, key: bytes, offset: int, octets: int, digest) -> bytes:
        length = offset - HEADER_OCTETS + 4 + octets
        covered = self.raw[:2] + struct.pack(">H", length) + self.raw[4:offset]
        return hmac.new(key, covered, digest).digest()


def channel_data(channel: int, payload: bytes, *, length: int | None = None, pad: bytes = b"") -> bytes:
    """RFC 8656 section 12.4. Streams want padding: pass it, or use `stream_channel_data`."""
    return struct.pack(">HH", channel, len(payload) if length is None else length) + payload + pad


def stream_channel_data(channel: int, payload: bytes) -> bytes:
    return channel_data(channel, payload, pad=bytes(-len(payload) % 4))


@dataclass
class ChannelData:
    channel: int
    payload: bytes
    padding: bytes = b""

    @classmethod
    def parse(cls, octets: bytes) -> ChannelData:
        channel, length = struct.unpack(">HH", octets[:4])
        if len(octets) < 4 + length:
            raise MalformedMessage(f"ChannelData of {length} octets in {len(octets)}")
        return cls(channel, octets[4 : 4 + length], octets[4 + length :])
