"""Says the same things to a server very often, as quickly as Python can, and counts what it answers.

Nothing is said into the void: after each window of messages comes a Binding on the same 5-tuple, and the next window
waits for its answer. The server handles a 5-tuple in order, so that by then it has handled everything before.
"""

from __future__ import annotations

import os
import socket
import struct
from collections import Counter
from collections.abc import Sequence

from stun_message import HEADER_OCTETS, Attribute, Builder, Method, padded
from turn_client import ANSWER_SECONDS, ConnectionEnded, NoAnswer, TurnClient

SILENCE = "silence"
SUCCESS = "success"

WINDOW_MESSAGES = 200
WINDOW_OCTETS = 100_000


def full_count() -> int:
    """How often each thing is repeated: few times by default, 100000 times in `./dev test --all`."""
    return int(os.environ.get("SENSO_TURN_TEST_REPETITIONS") or 1000)


def verdict_of(unit: bytes) -> str | int | None:
    """SUCCESS or the error code of a response; None for what is none."""
    kind = unit[0] << 8 | unit[1]
    if kind & 0xC110 == 0x0100:
        return SUCCESS
    if kind & 0xC110 != 0x0110:
        return None
    offset = HEADER_OCTETS
    while offset < len(unit):
        attribute, size = struct.unpack_from(">HH", unit, offset)
        if attribute == Attribute.ERROR_CODE:
            return unit[offset + 6] * 100 + unit[offset + 7]
        offset += 4 + padded(size)
    raise AssertionError(f"an error response without ERROR-CODE: {unit.hex()}")


def windows(messages: Sequence[bytes], count: int):
    """`count` messages, over and over the given ones, in windows that fit a receive buffer."""
    largest = max(len(message) for message in messages)
    at_once = max(1, min(WINDOW_MESSAGES, WINDOW_OCTETS // max(largest, 1)))
    place = 0
    while count > 0:
        size = min(at_once, count)
        yield [messages[(place + number) % len(messages)] for number in range(size)]
        place, count = place + size, count - size


class Repeater:
    """What the client's transport makes of it: datagrams one by one, streams in one write."""

    def __init__(self, client: TurnClient):
        self.client = client
        self.verdicts: Counter = Counter()
        self.sent = 0

    def repeat(self, messages: Sequence[bytes], count: int) -> None:
        for window in windows(messages, count):
            barrier = Builder(Method.BINDING).build()
            answered = self._exchange(window, barrier)
            self.sent += len(window)
            # Over UDP the answer to the Binding cannot overtake the others.
            self.verdicts[SILENCE] += len(window) - answered

    def _exchange(self, window: list[bytes], barrier: bytes) -> int:
        self._send([*window, barrier])
        answered = 0
        while True:
            unit = self._receive()
            if unit[8:20] == barrier[8:20]:
                assert verdict_of(unit) == SUCCESS, "a valid Binding was not answered"
                return answered
            verdict = verdict_of(unit)
            if verdict is not None:
                self.verdicts[verdict] += 1
                answered += 1

    def _send(self, messages: list[bytes]) -> None:
        for message in messages:
            self.client.transport.send(message)

    def _receive(self) -> bytes:
        unit = self.client.transport.receive(ANSWER_SECONDS)
        if unit is None:
            raise NoAnswer("a valid Binding was not answered")
        return unit


class UdpRepeater(Repeater):
    def __init__(self, client: TurnClient):
        super().__init__(client)
        self.socket: socket.socket = client.transport.socket

    def _send(self, messages: list[bytes]) -> None:
        self.socket.settimeout(ANSWER_SECONDS)
        send = self.socket.send
        for message in messages:
            send(message)

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(1 << 16)
        except TimeoutError:
            raise NoAnswer("a valid Binding was not answered") from None


class StreamRepeater(Repeater):
    """A stream ends over a long run of nonsense, so that each message is followed by a Binding of its own."""

    def __init__(self, client: TurnClient):
        super().__init__(client)
        self.valid = Builder(Method.BINDING).build()
        self.buffer = b""
        self.offset = 0

    def _exchange(self, window: list[bytes], barrier: bytes) -> int:
        self._send([part for message in window for part in (message, self.valid)] + [barrier])
        answered = valid = 0
        while True:
            unit = self._receive()
            if unit[8:20] == barrier[8:20]:
                assert valid == len(window), f"{valid} of {len(window)} valid Bindings were answered"
                return answered
            if unit[8:20] == self.valid[8:20]:
                assert verdict_of(unit) == SUCCESS
                valid += 1
                continue
            verdict = verdict_of(unit)
            if verdict is not None:
                self.verdicts[verdict] += 1
                answered += 1

    def _send(self, messages: list[bytes]) -> None:
        self.client.transport.send(b"".join(messages))

    def _receive(self) -> bytes:
        while True:
            rest = len(self.buffer) - self.offset
            if rest >= 4:
                first, length = struct.unpack_from(">HH", self.buffer, self.offset)
                size = HEADER_OCTETS + length if first < 0x4000 else 4 + padded(length)
                if rest >= size:
                    self.offset += size
                    return self.buffer[self.offset - size : self.offset]
            try:
                chunk = self.client.transport.receive_some(ANSWER_SECONDS)
            except TimeoutError:
                raise NoAnswer("a valid Binding was not answered") from None
            if not chunk:
                raise ConnectionEnded
            self.buffer, self.offset = self.buffer[self.offset :] + chunk, 0


def repeater_of(client: TurnClient, transport: str) -> Repeater:
    if client.is_stream:
        return StreamRepeater(client)
    return UdpRepeater(client) if transport == "udp" else Repeater(client)
