"""A TCP proxy as a long path: every octet arrives some time after it was sent, and only so many are on their way."""

from __future__ import annotations

import socket
import threading
import time
from collections import deque

from stun_message import Endpoint
from turn_client import endpoint_of, socket_family


class DelayingProxy:
    """Delays each direction by `seconds`. `window_octets` is what one direction of one connection holds: beyond it the
    proxy does not read, so that the sender feels the path as a TCP window."""

    def __init__(self, target: Endpoint, seconds: float, window_octets: int = 1 << 18):
        self.target = target
        self.seconds = seconds
        self.window_octets = window_octets
        self._listener = socket.socket(socket_family(target[0]), socket.SOCK_STREAM)
        self._listener.bind((target[0], 0))
        self._listener.listen()
        self._sockets: list[socket.socket] = [self._listener]
        threading.Thread(target=self._accept, daemon=True).start()

    @property
    def endpoint(self) -> Endpoint:
        return endpoint_of(self._listener.getsockname())

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            far = socket.socket(socket_family(self.target[0]), socket.SOCK_STREAM)
            # The kernel's buffers would make the window larger than it claims to be.
            far.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 16)
            far.connect(self.target)
            self._sockets += [near, far]
            for side in (near, far):
                side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            _Direction(near, far, self.seconds, self.window_octets)
            _Direction(far, near, self.seconds, self.window_octets)

    def close(self) -> None:
        for one in self._sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass
            one.close()


class _Direction:
    """One thread reads and notes when, another writes when the time has come."""

    def __init__(self, source: socket.socket, sink: socket.socket, seconds: float, window_octets: int):
        self.source = source
        self.sink = sink
        self.seconds = seconds
        self.window_octets = window_octets
        self.chunks: deque[tuple[float, bytes]] = deque()
        self.octets = 0
        self.changed = threading.Condition()
        for work in (self._read, self._write):
            threading.Thread(target=work, daemon=True).start()

    def _read(self) -> None:
        while True:
            try:
                chunk = self.source.recv(1 << 14)
            except OSError:
                chunk = b""
            with self.changed:
                self.chunks.append((time.monotonic() + self.seconds, chunk))
                self.octets += len(chunk)
                self.changed.notify_all()
                if not chunk:
                    return
                while self.octets >= self.window_octets:
                    self.changed.wait()

    def _write(self) -> None:
        while True:
            with self.changed:
                while not self.chunks:
                    self.changed.wait()
                due, chunk = self.chunks[0]
            time.sleep(max(0.0, due - time.monotonic()))
            try:
                if not chunk:
                    self.sink.shutdown(socket.SHUT_WR)
                    return
                self.sink.sendall(chunk)
            except OSError:
                chunk = b""
            with self.changed:
                self.chunks.popleft()
                self.octets -= len(chunk)
                self.changed.notify_all()
            if not chunk:
                return
