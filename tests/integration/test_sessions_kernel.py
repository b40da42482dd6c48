"""What a session has carried when the kernel carries it: in `sessions` and in the line of the log at its end."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest

from network_namespaces import HostedServer
from relay_site import PEER, SERVER, Site, bound, down, relayed, settings_of, up, warmed_up
from server_fixture import ALICE
from sessions import ended_in_text, session_of
from transports import open_transport
from turn_client import Peer, TurnClient
from waiting import eventually

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root")
SHARDS = (2,)
COUNTERS = ("packets_to_peers", "bytes_to_peers", "packets_to_client", "bytes_to_client")


@pytest.fixture(scope="module")
def server(tmp_path_factory, shards) -> Iterator[HostedServer]:
    site = Site()
    started = HostedServer(site.server, tmp_path_factory.mktemp("server"), settings_of("tc", 3478, shards=shards))
    started.site = site
    started.start()
    yield started
    started.stop()
    site.close()


def test_COMMANDS_sessions_count_what_the_kernel_carries(server):
    with server.site.client.inside():
        client = TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE)
    with server.site.peer.inside():
        peer = Peer(PEER)
    bound(client, peer)
    warmed_up(server, client, peer)
    before = session_of(server, client.relayed)
    in_kernel = relayed(server, "client_to_peer")
    for _ in range(5):
        assert up(client, peer, b"x" * 100) == b"x" * 100
    for _ in range(3):
        assert down(client, peer, b"y" * 50) == b"y" * 50
    assert relayed(server, "client_to_peer") - in_kernel == 5, "this is about the kernel"
    after = session_of(server, client.relayed)
    assert [after[name] - before[name] for name in COUNTERS] == [5, 500, 3, 150]
    again = session_of(server, client.relayed)
    assert [again[name] for name in COUNTERS] == [after[name] for name in COUNTERS], "to read changes nothing"

    client.refresh(0)
    assert eventually(lambda: ended_in_text(server))
    assert [int(ended_in_text(server)[-1][name]) for name in COUNTERS] == [after[name] for name in COUNTERS]
    client.close()
    peer.close()
