"""Many strangers: one socket that speaks with the voice of any address of 127.0.0.0/8, and connections of many."""

from __future__ import annotations

import contextlib
import socket
import struct

IP_PKTINFO = 8  # Linux; the socket module does not know it


class Crowd:
    def __init__(self, server: tuple[str, int]):
        self.server = server
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind(("0.0.0.0", 0))
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)

    def say(self, number: int, octets: bytes) -> None:
        """As the stranger of that number; what is answered is lost."""
        source = struct.pack(">I", 0x7F100000 + number)
        self.socket.sendmsg(
            [octets], [(socket.IPPROTO_IP, IP_PKTINFO, struct.pack("=I", 0) + source + bytes(4))], 0, self.server
        )

    def close(self) -> None:
        self.socket.close()


def connect_many(
    to: tuple[str, int], count: int, say: bytes, every: int, receive_buffer: int | None = None
) -> list[socket.socket]:
    """From several addresses, since one has only so many ports. One in `every` says something."""
    opened = []
    for number in range(count):
        one = socket.socket()
        one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if receive_buffer is not None:
            one.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        one.bind((f"127.0.3.{number % 20 + 1}", 0))
        one.settimeout(20)
        one.connect(to)
        if number % every == 0:
            with contextlib.suppress(OSError):
                one.send(say)
        opened.append(one)
    return opened
