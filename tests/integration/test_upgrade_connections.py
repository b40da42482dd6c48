"""`senso-turn upgrade` and connections: those in the clear go on in the new process, the others end in the old one."""

from __future__ import annotations

import contextlib
import os
import struct
import threading
import time
from pathlib import Path

import pytest

import tcp_relay
from server_fixture import ALICE
from transports import open_transport
from turn_client import TurnClient
from upgrade_fixtures import CHANNEL, assert_passes, call, counts
from upgrade_fixtures import connect, server, start  # noqa: F401
from waiting import eventually


def test_connections_in_the_clear_go_on(server, connect, make_peer):
    """With an allocation and without, and whatever of a message has arrived."""
    peer = make_peer()
    client, idle = call(connect(server, "tcp"), peer), connect(server, "tcp")
    idle.binding()
    message = struct.pack("!HH", CHANNEL, 8) + b"in two"
    client.send_raw(message[:7])
    before = counts(server)
    server.upgrade()
    assert counts(server) == before
    assert server.metric("senso_turn_connections", transport="tcp") == 2
    assert eventually(server.former_has_ended)
    client.send_raw(message[7:] + b"..")
    assert peer.receive() == b"in two.."
    assert_passes(client, peer)
    client.refresh()
    assert client.stale_answers == 0
    idle.allocate()
    client.close()
    assert eventually(lambda: server.metric("senso_turn_allocations") == 1)
    assert server.metric("senso_turn_connections", transport="tcp") == 1


def test_requests_on_their_way_over_a_connection_are_answered(server, connect):
    client = connect(server, "tcp")
    client.allocate()
    answered, ended = [], threading.Event()

    def ask() -> None:
        while not ended.is_set():
            answered.append(client.binding().is_success)

    asking = threading.Thread(target=ask)
    asking.start()
    for _ in range(3):
        server.upgrade()
    ended.set()
    asking.join()
    assert len(answered) > 10 and all(answered)


def test_what_a_slow_reader_has_half_of_comes_whole(server, make_peer):
    """Octets that the system has not taken from the old process are sent by the new one, before anything else."""
    peer = make_peer()
    transport = open_transport("tcp", server.endpoint("tcp"), receive_buffer=1 << 14)
    client = TurnClient(transport, ALICE)
    call(client, peer)
    for number in range(4000):
        peer.send(struct.pack("!I", number) * 250, client.relayed)
        if number % 32 == 31:
            time.sleep(0.002)
    server.upgrade()
    numbers = []
    while (unit := client.receive(1.0)) is not None:
        assert unit.channel == CHANNEL and len(unit.payload) == 1000
        number = unit.payload[:4]
        assert unit.payload == number * 250
        numbers.append(struct.unpack("!I", number)[0])
    assert numbers == sorted(set(numbers)) and len(numbers) > 10
    assert_passes(client, peer)
    client.refresh()
    client.close()


def test_who_relays_tcp_stays(start, connect):
    server = start(protocol={"tcp_relay": True})
    with contextlib.closing(tcp_relay.TcpPeer("127.0.0.3")) as peer:
        client = connect(server, "tcp")
        tcp_relay.allocate(client)
        client.create_permission(peer.endpoint)
        data = tcp_relay.bind(connect(server, "tcp"), tcp_relay.connect(client, peer.endpoint))
        far, _ = peer.accept()
        server.upgrade()
        data.send(b"there")
        assert tcp_relay.receive_exactly(far, 5) == b"there"
        far.sendall(b"back")
        assert data.receive(4) == b"back"
        client.refresh()
        assert not server.former_has_ended()
        data.close()


@pytest.mark.parametrize("transport", ["tls", "wss"])
def test_connections_stay_until_they_end(transport, server, connect, make_peer):
    peer, other_peer = make_peer(), make_peer()
    stays = call(connect(server, transport), peer)
    goes = call(connect(server), other_peer)
    server.upgrade()
    assert_passes(stays, peer)
    assert_passes(goes, other_peer)
    stays.refresh()
    assert not server.former_has_ended()
    # New ones come to the new process.
    new = call(connect(server, transport), make_peer())
    stays.refresh(0)
    assert eventually(server.former_has_ended)
    assert server.former.returncode == 0
    new.refresh()
    assert_passes(goes, other_peer)


def sockets(process: int) -> set[str]:
    links = []
    for each in Path(f"/proc/{process}/fd").iterdir():
        with contextlib.suppress(FileNotFoundError):
            links.append(os.readlink(each))
    return {link.removeprefix("socket:[").removesuffix("]") for link in links if link.startswith("socket:[")}


def listener_sockets(port: int) -> set[str]:
    """The inodes of the UDP sockets at a port of IPv4 (proc(5))."""
    lines = [line.split() for line in Path("/proc/net/udp").read_text().splitlines()[1:]]
    return {line[9] for line in lines if int(line[1].partition(":")[2], 16) == port}


def test_who_gave_its_listeners_away_has_none_of_them(server, connect):
    """Else it would read what is meant for its successor."""
    stays = connect(server, "tls")
    stays.allocate()
    listening = listener_sockets(server.udp[1])
    assert listening and listening <= sockets(server.pid)
    former = server.pid
    server.upgrade()
    assert listening <= sockets(server.pid)
    assert eventually(lambda: not listening & sockets(former))
    stays.refresh()
    assert not server.former_has_ended()


def test_clients_of_both_processes_reach_each_other(server, connect):
    """One stays with its connection, one goes over: they relay to each other, and so does who comes later."""
    stays, goes = connect(server, "tls"), connect(server)
    for client in (stays, goes):
        client.allocate()
    stays.channel_bind(CHANNEL, goes.relayed)
    goes.channel_bind(CHANNEL, stays.relayed)
    server.upgrade()
    later = connect(server)
    later.allocate()
    later.channel_bind(CHANNEL, stays.relayed)
    assert eventually(lambda: stays.try_channel_bind(CHANNEL + 1, later.relayed).is_success)
    for sender, receiver, channel in ((stays, goes, CHANNEL), (goes, stays, CHANNEL), (later, stays, CHANNEL + 1)):
        sender.send_channel(CHANNEL, b"across")
        found = receiver.receive_channel_data()
        assert (found.channel, found.payload) == (channel, b"across")
    # What has ended in the one process is nobody's in the other.
    relayed = stays.relayed
    stays.refresh(0)
    newest = connect(server)
    newest.allocate()
    assert eventually(lambda: newest.try_channel_bind(CHANNEL, relayed).error == 403)
