"""ClientHellos octet by octet (RFC 5246, 6347): what no library would offer any more, and what an attacker sends."""

from __future__ import annotations

import os
import struct

HANDSHAKE = 22
ALERT = 21
CLIENT_HELLO = 1
SERVER_HELLO = 2
HELLO_VERIFY_REQUEST = 3

TLS_1_2 = 0x0303
DTLS_1_2 = 0xFEFD

ECDHE_ECDSA_AES128_GCM = 0xC02B
ECDHE_RSA_AES128_GCM = 0xC02F
RSA_AES128_GCM = 0x009C

# supported_groups: x25519, secp256r1; ec_point_formats: uncompressed; signature_algorithms: ECDSA and RSA with SHA-256.
EXTENSIONS = bytes.fromhex("000a0006 0004001d0017 000b0002 0100 000d0008 0006040308040401".replace(" ", ""))


def body(
    suites: tuple[int, ...], *, version: int = TLS_1_2, compressions: bytes = b"\0", cookie: bytes | None = None
) -> bytes:
    """The message without its header; `cookie` is for DTLS only."""
    octets = struct.pack(">H", version) + os.urandom(32) + b"\0"
    if cookie is not None:
        octets += bytes([len(cookie)]) + cookie
    octets += struct.pack(">H", 2 * len(suites)) + b"".join(struct.pack(">H", suite) for suite in suites)
    octets += bytes([len(compressions)]) + compressions
    return octets + struct.pack(">H", len(EXTENSIONS)) + EXTENSIONS


def over_tls(suites: tuple[int, ...], *, record_version: int = 0x0301, **options) -> bytes:
    octets = body(suites, **options)
    message = bytes([CLIENT_HELLO]) + struct.pack(">I", len(octets))[1:] + octets
    return struct.pack(">BHH", HANDSHAKE, record_version, len(message)) + message


def dtls_record(
    contents: bytes, *, kind: int = HANDSHAKE, epoch: int = 0, sequence: int = 0, length: int | None = None
) -> bytes:
    """`length` tells a lie about the contents."""
    size = len(contents) if length is None else length
    return struct.pack(">BHHHIH", kind, 0xFEFF, epoch, sequence >> 32, sequence & 0xFFFFFFFF, size) + contents


def dtls_fragment(
    octets: bytes, *, total: int, offset: int = 0, message_sequence: int = 0, length: int | None = None, kind: int = CLIENT_HELLO
) -> bytes:
    """A piece of a handshake message of `total` octets; `length` tells a lie about the piece."""
    size = len(octets) if length is None else length
    header = bytes([kind]) + struct.pack(">I", total)[1:] + struct.pack(">H", message_sequence)
    return header + struct.pack(">I", offset)[1:] + struct.pack(">I", size)[1:] + octets


def over_dtls(octets: bytes | None = None, *, sequence: int = 0, message_sequence: int = 0) -> bytes:
    """A whole ClientHello in one record: `octets` is its body."""
    if octets is None:
        octets = body((ECDHE_ECDSA_AES128_GCM, ECDHE_RSA_AES128_GCM), version=DTLS_1_2, cookie=b"")
    return dtls_record(dtls_fragment(octets, total=len(octets), message_sequence=message_sequence), sequence=sequence)


def cookie_of(hello_verify_request: bytes) -> bytes:
    """From the datagram that answers a ClientHello without one."""
    assert hello_verify_request[0] == HANDSHAKE and hello_verify_request[13] == HELLO_VERIFY_REQUEST
    size = hello_verify_request[27]
    cookie = hello_verify_request[28 : 28 + size]
    assert len(cookie) == size and len(hello_verify_request) == 28 + size
    return cookie


def chosen(server_hello_record: bytes) -> tuple[int, int]:
    """Cipher suite and compression method of a TLS 1.2 ServerHello."""
    assert server_hello_record[0] == HANDSHAKE and server_hello_record[5] == SERVER_HELLO
    at = 9 + 2 + 32
    at += 1 + server_hello_record[at]
    suite, compression = struct.unpack(">HB", server_hello_record[at : at + 3])
    return suite, compression
