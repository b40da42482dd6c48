"""Frames and the key of RFC 6455, against the examples of its text."""

import pytest

from websocket_transport import (
    Frame,
    FrameParser,
    MalformedFrame,
    Opcode,
    accept_value,
    apply_mask,
    encode_frame,
    upgrade_request,
)

MASK = bytes.fromhex("37fa213d")


def parse(octets: bytes) -> Frame | None:
    parser = FrameParser()
    parser.feed(octets)
    return parser.next()


def test_key_of_the_rfc():
    assert accept_value("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


def test_examples_of_section_5_7():
    assert encode_frame(Opcode.TEXT, b"Hello", mask=None) == bytes.fromhex("810548656c6c6f")
    assert encode_frame(Opcode.TEXT, b"Hello", mask=MASK) == bytes.fromhex("818537fa213d7f9f4d5158")
    assert encode_frame(Opcode.TEXT, b"Hel", mask=None, is_final=False) == bytes.fromhex("010348656c")
    assert encode_frame(Opcode.BINARY, bytes(256), mask=None)[:4] == bytes.fromhex("827e0100")
    assert encode_frame(Opcode.BINARY, bytes(65536), mask=None)[:10] == bytes.fromhex("827f0000000000010000")


def test_masking_twice_is_nothing():
    for size in (0, 1, 3, 4, 5, 1000):
        payload = bytes(number % 251 for number in range(size))
        assert apply_mask(apply_mask(payload, MASK), MASK) == payload


def test_lies_about_the_length():
    assert encode_frame(Opcode.BINARY, b"x", mask=None, length=1 << 63)[:10].hex() == "827f8000000000000000"
    assert encode_frame(Opcode.BINARY, b"x", mask=None, length_octets=8)[:10].hex() == "827f0000000000000001"


def test_frames_are_cut_out_of_any_segments():
    octets = b"".join(encode_frame(Opcode.BINARY, bytes(size), mask=None) for size in (0, 1, 125, 126, 70000))
    parser, sizes = FrameParser(), []
    for at in range(0, len(octets), 7):
        parser.feed(octets[at : at + 7])
        while (frame := parser.next()) is not None:
            sizes.append(len(frame.payload))
    assert sizes == [0, 1, 125, 126, 70000]


def test_half_a_frame_is_none():
    whole = encode_frame(Opcode.BINARY, bytes(300), mask=None)
    for size in (0, 1, 2, 3, 4, 100, len(whole) - 1):
        assert parse(whole[:size]) is None
    assert parse(whole) == Frame(Opcode.BINARY, bytes(300))


@pytest.mark.parametrize(
    "octets",
    [
        encode_frame(Opcode.BINARY, b"x"),
        encode_frame(Opcode.BINARY, b"x", mask=None, reserved=4),
        encode_frame(Opcode.BINARY, b"x", mask=None, length_octets=2),
        encode_frame(Opcode.BINARY, bytes(200), mask=None, length_octets=8),
        encode_frame(Opcode.PING, b"x", mask=None, is_final=False),
        encode_frame(Opcode.PING, bytes(126), mask=None),
    ],
)
def test_what_servers_must_not_send_is_refused(octets):
    with pytest.raises(MalformedFrame):
        parse(octets)


def test_upgrade_request():
    request = upgrade_request("dGhlIHNhbXBsZSBub25jZQ==")
    assert request.startswith(b"GET /turn HTTP/1.1\r\nHost: ") and request.endswith(b"\r\n\r\n")
    assert b"\r\nSec-WebSocket-Protocol: turn\r\n" in request
    assert b"Protocol" not in upgrade_request("x", protocol=None)
