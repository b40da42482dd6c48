"""Raw HTTP/1.x over a stream transport: the request is any octets, the response is read as strictly as it matters."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from turn_client import ANSWER_SECONDS, ConnectionEnded, TcpTransport


@dataclass
class HttpResponse:
    status: int
    headers: dict[str, str]
    body: bytes
    raw: bytes = field(repr=False)


def read_response(
    transport: TcpTransport, *, has_body: bool = True, seconds: float = ANSWER_SECONDS
) -> HttpResponse:
    """The next response. What follows it stays in the transport's buffer. `has_body`: False after HEAD."""
    deadline = time.monotonic() + seconds

    def fill() -> bool:
        try:
            chunk = transport.receive_some(max(deadline - time.monotonic(), 0.001))
        except ConnectionResetError:
            chunk = b""
        transport.buffer += chunk
        return bool(chunk)

    while b"\r\n\r\n" not in transport.buffer:
        if not fill():
            raise ConnectionEnded(f"the response ended early: {bytes(transport.buffer[:200])!r}")
    head = bytes(transport.buffer).partition(b"\r\n\r\n")[0]
    status_line, *lines = head.decode("latin-1").split("\r\n")
    version, status = status_line.split(" ")[:2]
    assert version in ("HTTP/1.0", "HTTP/1.1"), status_line
    headers = {name.strip().lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    assert "transfer-encoding" not in headers, "a chunked answer would be news"
    size = len(head) + 4 + (int(headers.get("content-length", "0")) if has_body else 0)
    while len(transport.buffer) < size:
        if not fill():
            raise ConnectionEnded("the body ended early")
    raw = bytes(transport.buffer[:size])
    del transport.buffer[:size]
    return HttpResponse(int(status), headers, raw[len(head) + 4 :], raw)


def exchange(transport: TcpTransport, request: bytes, **options) -> HttpResponse:
    transport.send(request)
    return read_response(transport, **options)


def get(path: str, *lines: str, version: str = "HTTP/1.1") -> bytes:
    return "\r\n".join([f"GET {path} {version}", "Host: turn.example.test", *lines, "", ""]).encode()
