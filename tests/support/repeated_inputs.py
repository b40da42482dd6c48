"""What is repeated, line by line of the list of bad inputs: the messages, and the answers that each of them may get.

A line with variants is repeated in rotation over them. Lines whose input is a connection, a handshake, a peer's datagram
or a fault are not here, but in the tests that repeat them (test_bad_input_repetition.py).
"""

from __future__ import annotations

import base64
import os
import struct
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from bad_inputs import (
    HOSTILE_NAMES,
    ODD_FINGERPRINTS,
    ODD_PEER_ADDRESSES,
    SILENT_DATAGRAMS,
    T,
    allocate_builder,
    octets,
)
from peer_addresses import forbidden_addresses
from repetition import SILENCE, SUCCESS
from server_fixture import ALICE, BOB, REALM
from stun_message import (
    MD5,
    SHA256,
    UDP,
    Attribute,
    Builder,
    Class,
    Method,
    channel_data,
    encode_xor_address,
    userhash_of,
)
from transports import ALL, DATAGRAMS, STREAMS
from turn_client import Credentials, TurnClient, encode_algorithm

CHANNEL = 0x4000
MODERN = Credentials.modern(ALICE.username, ALICE.password)
UDP_ONLY = ("udp",)


@dataclass
class Session:
    """What the messages are made for: a client that has been challenged, and peers that its relay may reach."""

    client: TurnClient
    nonce_of_another_port: str = ""
    peer: tuple[str, int] = ("127.0.0.3", 9)
    other_peer: tuple[str, int] = ("127.0.0.4", 9)

    def signed(self, method: int, fill: Callable[[Builder], object] | None = None, **options) -> bytes:
        return self.client.signed(method, fill, **options).build()

    def allocate(self, fill: Callable[[Builder], object] | None = None, **options) -> bytes:
        def attributes(builder: Builder) -> None:
            builder.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
            if fill is not None:
                fill(builder)

        return self.signed(Method.ALLOCATE, attributes, **options)

    def release(self) -> bytes:
        return self.signed(Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 0))

    def with_other(self, attribute: int, value: bytes) -> bytes:
        """An Allocate in which one of the credentials' attributes is another."""
        builder = self.client.add_credentials(allocate_builder().add(attribute, value), omit={attribute})
        return self.client.add_integrity(builder).build()

    def channel_bind(self, number: bytes, peer: tuple[str, int] | None) -> bytes:
        def attributes(builder: Builder) -> None:
            builder.add(Attribute.CHANNEL_NUMBER, number)
            if peer is not None:
                builder.add_peer(peer)

        return self.signed(Method.CHANNEL_BIND, attributes)

    def send(self, *attributes: tuple[int, bytes], to: Iterable[tuple[str, int]] = ()) -> bytes:
        builder = Builder(Method.SEND, Class.INDICATION)
        for peer in to:
            builder.add_peer(peer)
        for attribute, value in attributes:
            builder.add(attribute, value)
        return builder.build()


Messages = Callable[[Session], list[bytes]]


@dataclass(frozen=True)
class Input:
    line: str
    messages: Messages
    answers: frozenset
    transports: tuple[str, ...] = ALL
    credentials: Credentials = ALICE
    # What the 5-tuple has before it begins: nothing, an allocation, one for TCP, or one with a permission and a channel.
    state: str = "none"
    peers_allowed: bool = True
    divisor: int = 1  # what is long is repeated so much less often


def rest(line: str) -> list[bytes]:
    return [octets(text) for name, text in SILENT_DATAGRAMS.items() if name.startswith(line + "_")]


def silent(line: str, transports: tuple[str, ...]) -> Input:
    return Input(line, lambda _: rest(line), frozenset({SILENCE}), transports)


def one(line: str, text: str, *answers, transports: tuple[str, ...] = ALL) -> Input:
    return Input(line, lambda _: [octets(text)], frozenset(answers), transports)


INPUTS: list[Input] = [
    silent("B01", UDP_ONLY),  # DTLS has no empty records
    *(silent(line, DATAGRAMS) for line in ("B02", "B03", "B04", "B06", "B29", "B32", "B33", "B34", "B35")),
    one("B05", f"0001 0000 2112a443 {T}", SUCCESS, SILENCE, 500, transports=DATAGRAMS),
    one("B07", "0001 0000 C T deadbeef", SUCCESS, SILENCE, transports=DATAGRAMS),
    *(silent(line, ALL) for line in ("B08", "B09", "B11", "B12", "B13", "B14")),
    silent("B10", DATAGRAMS),  # on a stream, the second of them is another protocol's
    one("B15", "0001 0008 C T 7f00 0000 0000 0000", 420),
    one("B16", "0001 05c8 C T" + "fff00000" * 370, SUCCESS),
]


def repeats(line: str, *answers, **options):
    """Enters what a function makes of a session."""

    def enter(function: Messages) -> Messages:
        INPUTS.append(Input(line, function, frozenset(answers), **options))
        return function

    return enter


# -- ChannelData ------------------------------------------------------------------------------------------------------


@repeats("B18", SILENCE, transports=STREAMS, divisor=10)
def longest_channel_data(_: Session) -> list[bytes]:
    return [channel_data(CHANNEL, bytes(65535), pad=b"\0")]


@repeats("B30", SILENCE, transports=DATAGRAMS, state="bound")
def channel_data_longer_than_its_datagram(_: Session) -> list[bytes]:
    return [octets("4000 ffff 00000000")]


@repeats("B31", SILENCE, transports=DATAGRAMS, state="bound")
def channel_data_cut_short(_: Session) -> list[bytes]:
    return [octets("4000 0005 000000"), octets("4000 00"), octets("4000 0001")]


# -- integrity and fingerprint ----------------------------------------------------------------------------------------


@repeats("B36", 400, 401)
def integrity_sizes(on: Session) -> list[bytes]:
    client = on.client
    return [
        client.add_integrity(client.add_credentials(allocate_builder()), octets=size).build()
        for size in (0, 4, 19, 21, 32)
    ]


@repeats("B37", 400)
def username_after_integrity(on: Session) -> list[bytes]:
    return [on.client.add_credentials(allocate_builder().integrity(on.client.key)).build()]


@repeats("B38", 401)
def first_integrity_wrong(on: Session) -> list[bytes]:
    builder = on.client.add_credentials(allocate_builder())
    return [builder.integrity(on.client.key, flip=True).integrity(on.client.key).build()]


@repeats("B39", SUCCESS, state="allocated")
def lifetime_after_integrity(on: Session) -> list[bytes]:
    return [on.client.signed(Method.REFRESH).add_u32(Attribute.LIFETIME, 0).build()]


@repeats("B40", SUCCESS, state="allocated")
def unknown_after_integrity(on: Session) -> list[bytes]:
    return [on.client.signed(Method.REFRESH).add(0x7F00).build()]


@repeats("B41", 400, 401, credentials=MODERN)
def sha256_integrity_sizes(on: Session) -> list[bytes]:
    client = on.client
    return [
        client.add_integrity(client.add_credentials(allocate_builder()), octets=size).build()
        for size in (12, 16, 20, 28, 36)
    ]


@repeats("B42", 401)
def right_and_wrong_integrity(on: Session) -> list[bytes]:
    builder = on.client.add_credentials(allocate_builder())
    return [builder.integrity(on.client.key).integrity_sha256(on.client.key, flip=True).build()]


@repeats("B43", SILENCE)
def wrong_fingerprint(on: Session) -> list[bytes]:
    return [
        Builder(Method.BINDING).fingerprint(xor=0xFFFFFFFF).build(),
        on.client.sign(allocate_builder()).fingerprint(xor=2).build(),
    ]


@repeats("B44", SILENCE)
def odd_fingerprints(_: Session) -> list[bytes]:
    return list(ODD_FINGERPRINTS.values())


# -- names, realms, nonces --------------------------------------------------------------------------------------------


def named(on: Session, username: bytes) -> bytes:
    builder = allocate_builder().add(Attribute.USERNAME, username)
    return on.client.add_credentials(builder, omit={Attribute.USERNAME}).integrity(bytes(16)).build()


@repeats("B45", 401)
def empty_username(on: Session) -> list[bytes]:
    return [named(on, b"")]


@repeats("B46", 400, 401)
def long_usernames(on: Session) -> list[bytes]:
    return [named(on, b"u" * 763), named(on, b"u" * 764)]


@repeats("B46", 400, 401, transports=STREAMS, divisor=10)
def longest_username(on: Session) -> list[bytes]:
    return [named(on, b"u" * 65000)]


@repeats("B47", 400, 401)
def hostile_usernames(on: Session) -> list[bytes]:
    return [named(on, name) for name in (*HOSTILE_NAMES, *(b"9999999999:" + name for name in HOSTILE_NAMES))]


@repeats("B48", 400, 401)
def odd_realms(on: Session) -> list[bytes]:
    return [on.with_other(Attribute.REALM, realm) for realm in (b"", b"r" * 764, b"another", b"\xff\xff")]


@repeats("B49", 400, 401, 438)
def odd_nonces(on: Session) -> list[bytes]:
    issued = on.client.nonce.encode()
    odd = [b"", b"n" * 764, os.urandom(len(issued) // 2).hex().encode(), issued.swapcase(), issued[:13] + b"\xff" * 20]
    odd += [issued[:-1] + (b"0" if issued[-1:] != b"0" else b"1"), issued[:9] + b"////" + issued[13:]]
    return [on.with_other(Attribute.NONCE, nonce) for nonce in odd]


@repeats("B50", 438)
def nonce_of_another_port(on: Session) -> list[bytes]:
    return [on.with_other(Attribute.NONCE, on.nonce_of_another_port.encode())]


@repeats("B51", 401, 438)
def nonces_of_other_times(on: Session) -> list[bytes]:
    head, tail = on.client.nonce[:13], on.client.nonce[13:]
    try:
        body = bytearray(base64.b64decode(tail + "=" * (-len(tail) % 4)))
    except ValueError:
        body = bytearray(24)
    found = []
    for octet in (0x00, 0x7F, 0x80, 0xFF):
        body[:8] = bytes([octet]) * 8
        nonce = head + base64.b64encode(bytes(body)).decode().rstrip("=")[: len(tail)]
        found.append(on.with_other(Attribute.NONCE, nonce.encode()))
    return found


@repeats("B52", 400, credentials=MODERN)
def odd_password_algorithms(on: Session) -> list[bytes]:
    odd = [bytes.fromhex("00020004"), b"\0", b"", encode_algorithm(SHA256) + b"\0\1"]
    return [on.with_other(Attribute.PASSWORD_ALGORITHMS, value) for value in odd]


@repeats("B52", 400, credentials=MODERN, transports=STREAMS, divisor=10)
def ten_thousand_password_algorithms(on: Session) -> list[bytes]:
    return [on.with_other(Attribute.PASSWORD_ALGORITHMS, encode_algorithm(MD5) * 10000)]


@repeats("B53", 400, credentials=MODERN)
def odd_password_algorithm(on: Session) -> list[bytes]:
    odd = ["00000000", "ffff0000", "0002ffff", "00020004", "0002", "", "0003000000"]
    return [on.with_other(Attribute.PASSWORD_ALGORITHM, bytes.fromhex(value)) for value in odd]


@repeats("B54", 400, 401, credentials=MODERN)
def odd_userhashes(on: Session) -> list[bytes]:
    client, found = on.client, []
    for size in (0, 31, 33):
        builder = allocate_builder().add(Attribute.USERHASH, (userhash_of("alice", REALM) + b"\0")[:size])
        found.append(client.add_integrity(client.add_credentials(builder, omit={Attribute.USERNAME})).build())
    found.append(client.sign(allocate_builder().add(Attribute.USERHASH, userhash_of(BOB.username, REALM))).build())
    return found


# -- Allocate and Refresh ---------------------------------------------------------------------------------------------


@repeats("B55", 400, 442)
def odd_requested_transports(on: Session) -> list[bytes]:
    values = (b"", b"\x11", bytes([UDP]) + bytes(7), bytes(4), b"\xff\0\0\0")
    found = [on.signed(Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, value)) for value in values]
    return [*found, on.signed(Method.ALLOCATE)]


@repeats("B55", 400, 442, transports=DATAGRAMS)
def tcp_relaying_over_datagrams(on: Session) -> list[bytes]:
    return [on.signed(Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, b"\x06\0\0\0"))]


@repeats("B56", 400, SUCCESS)
def odd_lifetimes(on: Session) -> list[bytes]:
    found = [on.allocate(lambda m: m.add(Attribute.LIFETIME, value)) for value in (b"", b"\0\0", bytes(8))]
    for lifetime in (0, 1, 0xFFFFFFFF):
        found += [on.allocate(lambda m: m.add_u32(Attribute.LIFETIME, lifetime)), on.release()]
    return found


@repeats("B57", 400, SUCCESS)
def odd_even_ports(on: Session) -> list[bytes]:
    """Without the bit that would reserve a port for thirty seconds."""
    found = [on.allocate(lambda m: m.add(Attribute.EVEN_PORT, bytes(size))) for size in (0, 4)]
    return [*found, on.allocate(lambda m: m.add(Attribute.EVEN_PORT, b"\x7f")), on.release()]


@repeats("B58", 400, 508)
def odd_reservation_tokens(on: Session) -> list[bytes]:
    found = [on.allocate(lambda m: m.add(Attribute.RESERVATION_TOKEN, os.urandom(size))) for size in (7, 9, 8)]
    found.append(
        on.allocate(lambda m: m.add(Attribute.RESERVATION_TOKEN, os.urandom(8)).add(Attribute.EVEN_PORT, b"\0"))
    )
    return found


@repeats("B59", 400, 440, SUCCESS)
def odd_address_families(on: Session) -> list[bytes]:
    def asking(*families: int, more: bytes = b"") -> bytes:
        def fill(builder: Builder) -> None:
            for family in families:
                builder.add(Attribute.REQUESTED_ADDRESS_FAMILY, bytes([family, 0, 0, 0]))
            if more:
                builder.add(Attribute.ADDITIONAL_ADDRESS_FAMILY, more)

        return on.allocate(fill)

    return [asking(0), asking(3), asking(0xFF), asking(1, more=b"\x02\0\0\0"), asking(1, 2), on.release()]


@repeats("B60", 400)
def odd_additional_families(on: Session) -> list[bytes]:
    values = (b"\x01\0\0\0", b"", b"\x02", bytes(8))
    found = [on.allocate(lambda m: m.add(Attribute.ADDITIONAL_ADDRESS_FAMILY, value)) for value in values]
    found.append(
        on.allocate(
            lambda m: m.add(Attribute.ADDITIONAL_ADDRESS_FAMILY, b"\x02\0\0\0").add(Attribute.EVEN_PORT, b"\x80")
        )
    )
    return found


@repeats("B61", 437, state="allocated")
def second_allocate(on: Session) -> list[bytes]:
    return [on.allocate() for _ in range(50)]


@repeats("B62", SUCCESS)
def allocate_again_and_again(on: Session) -> list[bytes]:
    return [on.allocate()]


@repeats("B63", SUCCESS, 437)
def one_transaction_with_several_contents(on: Session) -> list[bytes]:
    transaction_id = os.urandom(12)
    return [
        on.allocate(lambda m: m.add_u32(Attribute.LIFETIME, lifetime), transaction_id=transaction_id)
        for lifetime in (700, 2000, 3000)
    ]


@repeats("B64", 437)
def refresh_of_nothing(on: Session) -> list[bytes]:
    return [on.signed(Method.REFRESH), on.release()]


@repeats("B64", 441, state="allocated")
def refresh_by_another_user(on: Session) -> list[bytes]:
    owner, on.client.credentials = on.client.credentials, BOB
    try:
        return [on.signed(Method.REFRESH), on.release()]
    finally:
        on.client.credentials = owner


@repeats("B65", SUCCESS, 437)
def released_twice(on: Session) -> list[bytes]:
    return [on.allocate(), on.release(), on.release()]


# -- permissions and channels -----------------------------------------------------------------------------------------


@repeats("B66", 400, state="allocated")
def odd_peer_addresses(on: Session) -> list[bytes]:
    values = [bytes.fromhex(value) for value in ODD_PEER_ADDRESSES]
    found = [on.signed(Method.CREATE_PERMISSION)]
    for method in (Method.CREATE_PERMISSION, Method.CHANNEL_BIND):
        found += [
            on.signed(
                method,
                lambda m: m.add(Attribute.CHANNEL_NUMBER, b"\x40\1\0\0").add(Attribute.XOR_PEER_ADDRESS, value),
            )
            for value in values
        ]
    return found


@repeats("B67", SUCCESS, 508, state="allocated", transports=STREAMS, divisor=10)
def three_hundred_peers(on: Session) -> list[bytes]:
    peers = [(f"127.4.{number // 200}.{number % 200 + 1}", 9) for number in range(300)]
    return [on.signed(Method.CREATE_PERMISSION, lambda m: [m.add_peer(peer) for peer in peers])]


@repeats("B68", 403, SILENCE, state="dual", peers_allowed=False)
def forbidden_peers(on: Session) -> list[bytes]:
    """Every address of every kind in every spelling, by each of the ways in."""
    found = []
    for peer in ((address, 3478) for address in forbidden_addresses()):
        found.append(on.signed(Method.CREATE_PERMISSION, lambda m: m.add_peer(peer)))
        found.append(on.channel_bind(struct.pack(">HH", CHANNEL, 0), peer))
        found.append(on.send((Attribute.DATA, b"x"), to=[peer]))
    return found


@repeats("B69", 400, 403, SILENCE, state="bound")
def port_zero(on: Session) -> list[bytes]:
    nowhere = (on.peer[0], 0)
    return [on.channel_bind(b"\x40\1\0\0", nowhere), on.send((Attribute.DATA, b"nowhere"), to=[nowhere])]


@repeats("B70", 400, state="allocated")
def odd_channel_numbers(on: Session) -> list[bytes]:
    numbers = [struct.pack(">HH", number, 0) for number in (0x3FFF, 0x5000, 0x7FFF, 0, 0xFFFF)]
    found = [on.channel_bind(number, on.peer) for number in (*numbers, b"\x40\0", bytes(8))]
    found.append(on.channel_bind(b"\x40\1\0\0", None))
    return [*found, on.signed(Method.CHANNEL_BIND, lambda m: m.add_peer(on.peer))]


@repeats("B71", 400, state="bound")
def conflicting_channels(on: Session) -> list[bytes]:
    same_number = on.channel_bind(struct.pack(">HH", CHANNEL, 0), on.other_peer)
    return [same_number, on.channel_bind(struct.pack(">HH", CHANNEL + 1, 0), on.peer)]


# -- data -------------------------------------------------------------------------------------------------------------


@repeats("B76", 500, transports=("dtls",))
def classic_binding_inside_dtls(_: Session) -> list[bytes]:
    return [octets("0001 0000") + b"\1" + os.urandom(15) for _ in range(20)]


@repeats("B77", SILENCE, state="bound")
def odd_send_indications(on: Session) -> list[bytes]:
    data = (Attribute.DATA, b"x")
    return [
        on.send(to=[on.peer]),
        on.send(data),
        on.send(data, (0x7F00, b""), to=[on.peer]),
        on.send((Attribute.XOR_PEER_ADDRESS, bytes(3)), data),
        on.send(data, to=[on.peer, on.other_peer]),
        on.send((Attribute.DATA, b""), to=[on.peer]),
    ]


@repeats("B77", SILENCE, state="bound", transports=STREAMS, divisor=10)
def send_of_more_than_a_datagram_holds(on: Session) -> list[bytes]:
    return [on.send((Attribute.DATA, bytes(65508)), to=[on.peer])]


@repeats("B78", SILENCE, state="allocated")
def send_to_another_family(on: Session) -> list[bytes]:
    return [on.send((Attribute.DATA, b"x"), to=[("fd00:1::3", 9)])]


# -- extensions -------------------------------------------------------------------------------------------------------


@repeats("B82", 400, 403, state="tcp", peers_allowed=False, transports=("tcp", "tls"))
def connections_to_nowhere(on: Session) -> list[bytes]:
    peers = [("127.0.0.1", 22), ("0.0.0.0", 80), ("169.254.169.254", 80), on.client.relayed, (on.peer[0], 0)]
    return [on.signed(Method.CONNECT), *(on.signed(Method.CONNECT, lambda m: m.add_peer(peer)) for peer in peers)]


@repeats("B83", 400)
def connections_that_are_not_there(on: Session) -> list[bytes]:
    values = [struct.pack(">I", number) for number in (0, 1, 0xFFFFFFFF)] + [b"", bytes(3), bytes(8)]
    found = [on.signed(Method.CONNECTION_BIND)]
    return found + [
        on.signed(Method.CONNECTION_BIND, lambda m: m.add(Attribute.CONNECTION_ID, value)) for value in values
    ]


@repeats("B86", 400)
def tickets_that_are_none(on: Session) -> list[bytes]:
    values = [b"", b"\0", bytes(31), bytes(32), os.urandom(32), bytes(33), bytes(600)]
    found = [on.signed(Method.REFRESH, lambda m: m.add(Attribute.MOBILITY_TICKET, value)) for value in values]
    return [*found, on.allocate(lambda m: m.add(Attribute.MOBILITY_TICKET, b"x"))]


@repeats("B87", 401)
def tokens_that_do_not_open(on: Session) -> list[bytes]:
    nonce_lengths = [struct.pack(">H", length) + os.urandom(60) for length in (0, 12, 13, 0x0100, 0xFFFF)]
    values = [b"", b"\0", b"\0\x0c" + bytes(12), os.urandom(100), *nonce_lengths]
    return [on.allocate(lambda m: m.add(Attribute.ACCESS_TOKEN, value)) for value in values]


@repeats("B88", 420)
def discovery_where_it_is_off(on: Session) -> list[bytes]:
    attributes = [
        [(Attribute.CHANGE_REQUEST, b"\xff" * 4)],
        [(Attribute.CHANGE_REQUEST, b"")],
        [(Attribute.RESPONSE_PORT, bytes(4))],
        [(Attribute.RESPONSE_PORT, b"\x10\0\0\0"), (Attribute.PADDING, bytes(64))],
        [(Attribute.PADDING, bytes(1000))],
    ]
    found = []
    for given in attributes:
        builder = Builder(Method.BINDING)
        for attribute, value in given:
            builder.add(attribute, value)
        found.append(builder.build())
    return found


@repeats("B88", 420, transports=STREAMS, divisor=10)
def longest_padding(_: Session) -> list[bytes]:
    return [Builder(Method.BINDING).add(Attribute.PADDING, bytes(65000)).build()]


@repeats("B89", SUCCESS)
def attributes_of_responses(_: Session) -> list[bytes]:
    builder = Builder(Method.BINDING)
    address = encode_xor_address(("127.0.0.1", 1), builder.transaction_id)
    builder.add(Attribute.MAPPED_ADDRESS, bytes.fromhex("0001000101020304"))
    builder.add(Attribute.XOR_MAPPED_ADDRESS, address).add(Attribute.ERROR_CODE, bytes.fromhex("00000400"))
    return [builder.add(Attribute.XOR_RELAYED_ADDRESS, address).build()]
