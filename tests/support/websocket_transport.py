"""TURN in the binary frames of a WebSocket over TLS (RFC 6455): the frames are a byte stream, their borders nothing."""

from __future__ import annotations

import base64
import enum
import hashlib
import os
import struct
import time
from collections.abc import Iterable
from dataclasses import dataclass

from stun_message import Endpoint
from tls_transport import TlsTransport
from turn_client import ANSWER_SECONDS, ConnectionEnded

ACCEPT_SUFFIX = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


class Opcode(enum.IntEnum):
    CONTINUATION = 0x0
    TEXT = 0x1
    BINARY = 0x2
    CLOSE = 0x8
    PING = 0x9
    PONG = 0xA


class UpgradeRefused(Exception):
    """The server answered the upgrade with something else. `response` is all that it said."""

    def __init__(self, response: bytes):
        super().__init__(response[:200])
        self.response = response


class MalformedFrame(Exception):
    """What the server sent breaks RFC 6455."""


@dataclass(frozen=True)
class Frame:
    opcode: int
    payload: bytes
    is_final: bool = True


def encode_frame(
    opcode: int,
    payload: bytes = b"",
    *,
    is_final: bool = True,
    reserved: int = 0,
    mask: bytes | None = b"",
    length: int | None = None,
    length_octets: int | None = None,
) -> bytes:
    """A client's frame. `mask`: None for an unmasked one, which no client may send. `length` tells a lie about the
    payload, `length_octets` (0, 2 or 8) asks for a longer form than needed."""
    size = len(payload) if length is None else length
    form = length_octets if length_octets is not None else 0 if size < 126 else 2 if size < 1 << 16 else 8
    masked = 0 if mask is None else 0x80
    head = bytes([(0x80 if is_final else 0) | reserved << 4 | opcode])
    if form == 0:
        head += bytes([masked | size])
    elif form == 2:
        head += bytes([masked | 126]) + struct.pack(">H", size)
    else:
        head += bytes([masked | 127]) + struct.pack(">Q", size)
    if mask is None:
        return head + payload
    mask = mask or os.urandom(4)
    return head + mask + apply_mask(payload, mask)


def apply_mask(payload: bytes, mask: bytes) -> bytes:
    if not payload:
        return b""
    repeated = (mask * (len(payload) // 4 + 1))[: len(payload)]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(repeated, "big")).to_bytes(len(payload), "big")


class FrameParser:
    """Cuts a server's octets into frames, strictly: no mask, no reserved bits, the shortest form of the length."""

    def __init__(self) -> None:
        self.buffer = bytearray()

    def feed(self, octets: bytes) -> None:
        self.buffer += octets

    def next(self) -> Frame | None:
        """None: there is no whole frame yet."""
        if len(self.buffer) < 2:
            return None
        first, second = self.buffer[0], self.buffer[1]
        if first & 0x70:
            raise MalformedFrame(f"reserved bits in {first:02x}")
        if second & 0x80:
            raise MalformedFrame("a server must not mask")
        size, offset = second, 2
        if size >= 126:
            octets = 2 if size == 126 else 8
            offset += octets
            if len(self.buffer) < offset:
                return None
            size = int.from_bytes(self.buffer[2:offset], "big")
            if size < (126 if octets == 2 else 1 << 16):
                raise MalformedFrame(f"{size} octets are announced in {octets}")
        if len(self.buffer) < offset + size:
            return None
        frame = Frame(first & 0x0F, bytes(self.buffer[offset : offset + size]), bool(first & 0x80))
        if frame.opcode >= Opcode.CLOSE and (not frame.is_final or size > 125):
            raise MalformedFrame(f"a control frame is fragmented or too long: {frame}")
        del self.buffer[: offset + size]
        return frame


def accept_value(key: str) -> str:
    return base64.b64encode(hashlib.sha1((key + ACCEPT_SUFFIX).encode()).digest()).decode()


def upgrade_request(key: str, *, path: str = "/turn", protocol: str | None = "turn", extra: Iterable[str] = ()) -> bytes:
    lines = [f"GET {path} HTTP/1.1", "Host: turn.example.test", "Upgrade: websocket", "Connection: Upgrade"]
    lines += [f"Sec-WebSocket-Key: {key}", "Sec-WebSocket-Version: 13"]
    if protocol is not None:
        lines.append(f"Sec-WebSocket-Protocol: {protocol}")
    return "\r\n".join([*lines, *extra, "", ""]).encode()


class WebSocketTransport(TlsTransport):
    """`path`, `protocol` and `extra` header lines shape the upgrade."""

    def __init__(
        self,
        server: Endpoint,
        local: Endpoint | None = None,
        *,
        path: str = "/turn",
        protocol: str | None = "turn",
        extra: Iterable[str] = (),
        **options,
    ):
        super().__init__(server, local, **options)
        self.frames = FrameParser()
        self.close_code: int | None = None
        self.pongs: list[bytes] = []
        try:
            self._upgrade(path, protocol, extra)
        except BaseException:
            self.close()
            raise

    def _upgrade(self, path: str, protocol: str | None, extra: Iterable[str]) -> None:
        key = base64.b64encode(os.urandom(16)).decode()
        self.send_octets(upgrade_request(key, path=path, protocol=protocol, extra=extra))
        received = bytearray()
        deadline = time.monotonic() + ANSWER_SECONDS
        while b"\r\n\r\n" not in received:
            chunk = super().receive_some(max(deadline - time.monotonic(), 0.001))
            if not chunk:
                raise UpgradeRefused(bytes(received))
            received += chunk
        head, _, rest = received.partition(b"\r\n\r\n")
        lines = head.decode("latin-1").split("\r\n")
        self.headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
        if not lines[0].startswith("HTTP/1.1 101 "):
            raise UpgradeRefused(bytes(received))
        assert self.headers.get("sec-websocket-accept") == accept_value(key), self.headers
        assert self.headers.get("upgrade", "").lower() == "websocket", self.headers
        self.frames.feed(bytes(rest))

    def send_octets(self, octets: bytes) -> None:
        """As they are, beneath the frames."""
        super().send(octets)

    def send_frame(self, opcode: int, payload: bytes = b"", **options) -> None:
        self.send_octets(encode_frame(opcode, payload, **options))

    def send(self, octets: bytes) -> None:
        self.send_frame(Opcode.BINARY, octets)

    def receive_some(self, seconds: float) -> bytes:
        """The contents of the next binary frame that is not empty; b"" when the WebSocket is over. Pings are answered."""
        deadline = time.monotonic() + seconds
        while True:
            while (frame := self.frames.next()) is None:
                chunk = super().receive_some(max(deadline - time.monotonic(), 0.001))
                if not chunk:
                    return b""
                self.frames.feed(chunk)
            if frame.opcode in (Opcode.BINARY, Opcode.CONTINUATION):
                if frame.payload:
                    return frame.payload
            elif frame.opcode == Opcode.PING:
                self.send_frame(Opcode.PONG, frame.payload)
            elif frame.opcode == Opcode.PONG:
                self.pongs.append(frame.payload)
            elif frame.opcode == Opcode.CLOSE:
                self.close_code = struct.unpack(">H", frame.payload[:2])[0] if len(frame.payload) >= 2 else 1005
                return b""
            else:
                raise MalformedFrame(f"{frame} came")

    def wait_for_pong(self, payload: bytes, seconds: float = ANSWER_SECONDS) -> None:
        """Data that comes meanwhile is kept for `receive`."""
        deadline = time.monotonic() + seconds
        while payload not in self.pongs:
            before = len(self.pongs)
            frame = self.frames.next()
            if frame is None:
                chunk = super().receive_some(max(deadline - time.monotonic(), 0.001))
                if not chunk:
                    raise ConnectionEnded
                self.frames.feed(chunk)
            elif frame.opcode == Opcode.PONG:
                self.pongs.append(frame.payload)
            elif frame.opcode == Opcode.BINARY:
                self.buffer += frame.payload
            assert time.monotonic() < deadline, f"no pong came ({before} others did)"

    def close_with_notice(self) -> None:
        """A close frame, then TLS's own."""
        try:
            self.send_frame(Opcode.CLOSE, struct.pack(">H", 1000))
        except (ConnectionEnded, OSError):
            pass
        super().close_with_notice()
