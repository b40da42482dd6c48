"""What befalls the machine and not the protocol: clocks that jump, and logs that nobody takes (B94, B96)."""

from __future__ import annotations

import os
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from server_fixture import ALICE, LISTENER, SHARED_SECRET, Server, is_sanitized
from stun_message import Builder, Method
from transports import listener_of, open_transport
from turn_client import TurnClient, timed_credentials

DAY = 24 * 3600

# Adds the seconds in a file to what the server takes for the wall clock; the monotonic clock is left alone, as it is
# when an administrator or a time server sets the clock.
CLOCK = r"""
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static volatile int64_t *offset;

__attribute__((constructor)) static void begin(void) {
  int file = open(getenv("CLOCK_OFFSET_FILE"), O_RDONLY);
  if (file < 0) abort();
  offset = mmap(0, 8, PROT_READ, MAP_SHARED, file, 0);
  close(file);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
  int result = (int)syscall(SYS_clock_gettime, clock, time);
  if (result == 0 && clock == CLOCK_REALTIME && offset) time->tv_sec += *offset;
  return result;
}
"""


class WallClock:
    def __init__(self, directory: Path):
        source, self.preload, self.file = directory / "clock.c", directory / "clock.so", directory / "offset"
        source.write_text(CLOCK)
        subprocess.run(["cc", "-shared", "-fPIC", "-O1", "-o", str(self.preload), str(source)], check=True)
        self.file.write_bytes(bytes(8))

    @property
    def environment(self) -> dict[str, str]:
        return {"LD_PRELOAD": str(self.preload), "CLOCK_OFFSET_FILE": str(self.file)}

    def set_forward(self, seconds: int) -> None:
        """Back, if it is negative. Written in place: the server has the file mapped."""
        with self.file.open("r+b") as file:
            file.write(struct.pack("=q", seconds))


@pytest.fixture
def wall_clock(tmp_path) -> WallClock:
    if shutil.which("cc") is None:
        pytest.skip("setting a server's clock needs a C compiler (cc)")
    if is_sanitized():
        pytest.skip("sanitizers must be the first library that is loaded")
    return WallClock(tmp_path)


def client_of(server: Server, transport: str, credentials=ALICE) -> TurnClient:
    return TurnClient(open_transport(transport, server.endpoint(listener_of(transport))), credentials)


def assert_passes(client: TurnClient, peer) -> None:
    client.send_channel(0x4000, b"there")
    assert peer.receive() == b"there"
    peer.send(b"back", client.relayed)
    assert client.receive_channel_data().payload == b"back"


@pytest.mark.parametrize("seconds", [DAY, -DAY, 20 * 365 * DAY], ids=["forward", "back", "by-twenty-years"])
def test_D21_B94_no_clock_that_is_set_ends_an_allocation(tmp_path, shards, wall_clock, transport, make_peer, seconds):
    server = Server(tmp_path / "server", {"shards": shards}, environment=wall_clock.environment).start()
    try:
        client, peer = client_of(server, transport), make_peer()
        client.allocate()
        client.channel_bind(0x4000, peer.endpoint)
        timed = timed_credentials(SHARED_SECRET)
        wall_clock.set_forward(seconds)
        if seconds > 0:
            late = client_of(server, transport, timed)
            assert late.try_allocate().error == 401, "the server does not see the other time"
            late.close()
        assert_passes(client, peer)
        assert client.refresh().lifetime == 600
        assert server.metric("senso_turn_allocations") == 1
        newcomer = client_of(server, transport)
        newcomer.allocate()
        newcomer.refresh(0)
        newcomer.close()
        wall_clock.set_forward(0)
        assert_passes(client, peer)
        assert client.refresh(0).lifetime == 0
        client.close()
    finally:
        server.stop()


OUTPUTS = {
    "disk_full": ">/dev/full 2>&1",
    "closed": ">&- 2>&-",
    "nobody_reads": ">reader 2>&1",
}


@pytest.fixture
def unheard(tmp_path, shards) -> Iterator:
    """A server whose log goes to one of OUTPUTS."""
    started: list[Server] = []

    def start(kind: str) -> Server:
        directory = tmp_path / "server"
        directory.mkdir()
        pipe = directory / "reader"
        reader = None
        if kind == "nobody_reads":
            os.mkfifo(pipe)
            reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
        settings = {"shards": shards, "log": {"level": "debug"}, "limits": {"connections_per_source": 0}}
        started.append(Server(directory, settings, output=OUTPUTS[kind]).start())
        if reader is not None:
            os.close(reader)
        return started[-1]

    yield start
    for server in started:
        server.stop()


@pytest.mark.parametrize("kind", OUTPUTS)
def test_B96_log_that_cannot_be_written_stops_nothing(unheard, transport, make_peer, kind):
    server = unheard(kind)
    peer = make_peer()
    for _ in range(20):  # each is worth a few lines of the log
        client = client_of(server, transport)
        client.allocate()
        client.channel_bind(0x4000, peer.endpoint)
        assert_passes(client, peer)
        client.refresh(0)
        client.close()
    before = server.resident_kib()
    stranger = client_of(server, "udp", None)
    for _ in range(20):
        for _ in range(50):
            stranger.send_raw(Builder(Method.ALLOCATE).build())
            stranger.send_raw(b"\xff" * 20)
        assert all(stranger.receive() is not None for _ in range(50))
    server.assert_grew_at_most(1024, since=before)
    targets = [os.readlink(f"/proc/{server.pid}/fd/{number}") for number in (1, 2)]
    assert not any(target.startswith("socket:") for target in targets), "the log may go to a client"
    stranger.close()


def test_B96_log_does_not_go_to_whoever_has_its_descriptor(unheard, make_peer):
    """With standard output and error closed, their numbers are free for the next that is opened."""
    server = unheard("closed")
    clients = [client_of(server, "tcp", None) for _ in range(8)]
    for _ in range(50):
        for client in clients:
            client.challenge()
    for client in clients:
        client.assert_silence()
        client.close()
    assert server.endpoint("tcp")[0] == LISTENER
    assert [descendants(child) for child in children(server.pid)] == [[]], "a line of the log may start a program"


def children(process: int) -> list[int]:
    return [
        int(child)
        for thread in Path(f"/proc/{process}/task").iterdir()
        for child in (thread / "children").read_text().split()
    ]


def descendants(process: int) -> list[int]:
    return [each for child in children(process) for each in (child, *descendants(child))]
