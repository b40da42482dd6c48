"""Many strangers: one socket that speaks with the voice of any address of 127.0.0.0/8."""

from __future__ import annotations

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
