"""A real Redis of the test's own, on a unix socket or a port, and a small client for it."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

START_SECONDS = 20.0

needs_redis = pytest.mark.skipif(shutil.which("redis-server") is None, reason="the package redis-server is missing")


class RedisError(Exception):
    """What Redis answered instead."""


class RedisClient:
    """One connection that speaks RESP2."""

    def __init__(self, path: str, user: str = "", password: str = ""):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.socket.settimeout(10)
        self.socket.connect(path)
        self.file = self.socket.makefile("rb")
        if password:
            self.ask("AUTH", *([user] if user else []), password)

    def ask(self, *words: str | bytes | int):
        encoded = [word if isinstance(word, bytes) else str(word).encode() for word in words]
        command = b"*%d\r\n" % len(encoded) + b"".join(b"$%d\r\n%s\r\n" % (len(word), word) for word in encoded)
        self.socket.sendall(command)
        return self._read()

    def _read(self):
        line = self.file.readline()
        if not line.endswith(b"\r\n"):
            raise ConnectionError("Redis has closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"+":
            return rest
        if kind == b"-":
            raise RedisError(rest.decode())
        if kind == b":":
            return int(rest)
        length = int(rest)
        if length < 0:
            return None
        if kind == b"$":
            return self.file.read(length + 2)[:-2]
        return [self._read() for _ in range(length)]

    def close(self) -> None:
        self.file.close()
        self.socket.close()


class RedisServer:
    """`keeps`: what it had is there again after a restart."""

    def __init__(self, directory: Path, *, arguments: list[str] | None = None, keeps: bool = True):
        directory.mkdir(parents=True, exist_ok=True)
        self.directory = directory
        # The path of a unix socket is short.
        self.path = f"/tmp/redis-{os.getpid()}-{id(self):x}.sock"
        self.arguments = [*(["--appendonly", "yes"] if keeps else ["--appendonly", "no"]), *(arguments or [])]
        self.process: subprocess.Popen | None = None

    @property
    def url(self) -> str:
        return f"unix:{self.path}"

    def start(self) -> RedisServer:
        with (self.directory / "log").open("ab") as log:
            self.process = subprocess.Popen(
                ["redis-server", "--port", "0", "--unixsocket", self.path, "--save", "", "--dir", str(self.directory)]
                + self.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + START_SECONDS
        while True:
            try:
                client = RedisClient(self.path)
                try:
                    client.ask("PING")
                except RedisError as refused:
                    if "LOADING" in str(refused):
                        raise ConnectionError from refused
                    assert "NOAUTH" in str(refused), refused
                finally:
                    client.close()
                return self
            except OSError:
                assert self.process.poll() is None, (self.directory / "log").read_text()
                assert time.monotonic() < deadline, "Redis does not start"
                time.sleep(0.02)

    def ask(self, *words: str | bytes | int, user: str = "", password: str = ""):
        client = RedisClient(self.path, user, password)
        try:
            return client.ask(*words)
        finally:
            client.close()

    def hang(self) -> None:
        os.kill(self.process.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.kill(self.process.pid, signal.SIGCONT)

    def stop(self) -> None:
        if self.process is None:
            return
        self.go_on()
        self.process.terminate()
        self.process.wait(20)
        self.process = None
        Path(self.path).unlink(missing_ok=True)
