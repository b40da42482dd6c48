"""Octets that no honest client sends, by their lines (B01 and so on) in the list of bad inputs."""

from __future__ import annotations

from stun_message import UDP, Attribute, Builder, Method, fingerprint_of

T = "00112233445566778899aabb"
C = "2112a442"


def octets(text: str) -> bytes:
    return bytes.fromhex(text.replace("C", C).replace("T", T).replace(" ", ""))


def allocate_builder() -> Builder:
    return Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))


SILENT_DATAGRAMS = {
    "B01_empty": "",
    "B02_one_octet": "00",
    "B03_nineteen_octets": f"0001 0000 C {T[:-2]}",
    "B04_length_one": "0001 0001 C T 00",
    "B06_length_without_body": "0001 fffc C T",
    "B08_success": "0101 0000 C T",
    "B08_error": "0111 0000 C T",
    "B09_send_request": "0006 0000 C T",
    "B09_allocate_indication": "0013 0000 C T",
    "B09_data_indication": "0017 0000 C T",
    "B10_method_00f": "000f 0000 C T",
    "B10_method_fff": "3eef 0000 C T",
    "B11_binding_indication": "0011 0000 C T",
    "B12_attribute_longer_than_message": "0001 0008 C T 8022 00ff 41414141",
    "B13_attribute_without_value": "0001 0004 C T 8022 0004",
    "B14_attribute_length_wraps": "0001 0004 C T 8022 fffd",
    "B29_channel_data_from_a_stranger": "4000 0000",
    "B32_5000": "5000 0000",
    "B32_7fff": "7fff 0000",
    "B32_8000": "8000 0000",
    "B32_ffff": "ffff 0000",
    "B33_three_octets": "400000",
    "B34_dtls_record": "16fefd 0000 000000000000 ffff 0000",
    "B35_04": "04" + "00" * 19,
    "B35_0f": "0f" + "00" * 19,
    "B35_10": "10" + "00" * 19,
    "B35_13": "13" + "00" * 19,
    "B35_50": "50" + "00" * 19,
    "B35_7f": "7f" + "00" * 19,
    "B35_c0": "c0" + "00" * 19,
}


HOSTILE_NAMES = [
    b"a\0b",
    b"a\nERROR forged line",
    b"a\r\nb",
    b"\x1b[2J\x1b[31m",
    b"%s%n%x%p" * 4,
    b"'; DROP TABLE users; --",
    b"' OR 1=1--",
    "\u202egnp.exe".encode(),
    b"\xc0\x80",
    b"\xed\xa0\x80",
    b"\xf8\x88\x80\x80\x80",
    b"\xff\xfe",
    b"\xe3\x83",
    b"{}{}{0}",
    b"$(id)`id`",
]


def misplaced_fingerprint() -> bytes:
    builder = Builder(Method.BINDING)
    crc = fingerprint_of(builder.header(16) + builder.body)
    return builder.add_u32(Attribute.FINGERPRINT, crc).add_u32(Attribute.LIFETIME, 1).build()


ODD_FINGERPRINTS = {
    "covered": misplaced_fingerprint(),
    "not-last": Builder(Method.BINDING).fingerprint().add_u32(Attribute.LIFETIME, 1).build(),
    "twice": Builder(Method.BINDING).fingerprint().fingerprint().build(),
    "empty": Builder(Method.BINDING).add(Attribute.FINGERPRINT).build(),
    "eight-octets": Builder(Method.BINDING).add(Attribute.FINGERPRINT, bytes(8)).build(),
}

# Values of XOR-PEER-ADDRESS whose length and family disagree, or whose family is none.
ODD_PEER_ADDRESSES = [
    "",
    "00010000",
    "00012112211221",
    "0001211221122112 21122112",
    "0001" + "00" * 18,
    "0000211221122112",
    "0003211221122112",
    "00022112" + "00" * 12,
    "0002211221122112",
]
