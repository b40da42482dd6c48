"""A STUN server that sees clients as the test says: what 1:1 NAT would do to their addresses."""

from __future__ import annotations

import socket
import threading

from stun_message import Attribute, Builder, Class, Endpoint, Message, Method


class StunServer:
    """Answers Binding requests with `seen_as`, and nothing when that is None."""

    def __init__(self, address: str, seen_as: Endpoint | None):
        self.seen_as = seen_as
        self.asked_from: list[Endpoint] = []
        self._socket = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((address, 0))
        self.endpoint: Endpoint = self._socket.getsockname()[:2]
        self._thread = threading.Thread(target=self._serve)
        self._thread.start()

    @property
    def uri(self) -> str:
        return f"stun:{self.endpoint[0]}:{self.endpoint[1]}"

    def _serve(self) -> None:
        while True:
            octets, source = self._socket.recvfrom(2048)
            if octets == b"end":
                return
            self.asked_from.append(source[:2])
            if self.seen_as is not None:
                request = Message.parse(octets)
                answer = Builder(Method.BINDING, Class.SUCCESS, transaction_id=request.transaction_id)
                self._socket.sendto(answer.add_xor_address(Attribute.XOR_MAPPED_ADDRESS, self.seen_as).build(), source)

    def close(self) -> None:
        self._socket.sendto(b"end", self.endpoint)
        self._thread.join()
        self._socket.close()
