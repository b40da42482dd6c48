"""Fixtures of the contract between the datapaths: every test runs over each of them, with each number of shards, and
sees in the counters that it was the one that it is about. Modules take all of these by name."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from datapath_call import Call
from network_namespaces import HostedServer
from relay_site import PEER, SERVER, Site, bound, settings_of, warmed_up
from server_fixture import ALICE, ServerFailed
from transports import open_transport
from turn_client import Peer, TurnClient

STRANGER = "10.2.0.9"  # a peer without permission
# Each once: an allocation of a client that has gone lives on at the server, and its port is taken (437).
CLIENT_PORTS = itertools.count(20000)


def group_of(item) -> str:
    """Each datapath has servers of its own."""
    return f"-{item.callspec.params['datapath']}"


@pytest.fixture(scope="module", params=["userspace", "tc", "xdp"])
def datapath(request) -> str:
    return request.param


@pytest.fixture(scope="module")
def site(datapath) -> Iterator[Site]:
    made = Site()
    made.peer.ip(f"address add {STRANGER}/24 dev uplink")
    if datapath == "xdp":
        made.suit_xdp()
    yield made
    made.close()


@pytest.fixture(scope="module")
def serve(site, datapath, shards, tmp_path_factory) -> Iterator[Callable[..., HostedServer]]:
    """A running server with these settings, the same for the same ones. An interface has room for one program in its
    driver, so that there is only the last one with XDP."""
    servers: dict[str, HostedServer] = {}
    ports = itertools.count(3478)

    def stop_all() -> None:
        for one in servers.values():
            if one.is_running:
                one.stop()
        servers.clear()

    def start(**changes) -> HostedServer:
        found = servers.get(repr(changes))
        if found is not None and found.is_running:
            return found
        if datapath == "xdp":
            stop_all()
        settings = settings_of(datapath, next(ports), shards=shards, **changes)
        made = HostedServer(site.server, tmp_path_factory.mktemp("server"), settings)
        try:
            made.start()
        except ServerFailed as failure:
            if datapath == "xdp" and "relay.datapath" in str(failure):
                pytest.skip(f"no driver here takes XDP: {failure}")
            raise
        servers[repr(changes)] = made
        return made

    yield start
    stop_all()


@pytest.fixture
def make_call(site, serve, datapath) -> Iterator[Callable[..., Call]]:
    ends: list = []

    def make(server_address: str = SERVER, peer_address: str = PEER, at: HostedServer | None = None) -> Call:
        at = at or serve()
        with site.peer.inside():
            peer = Peer(peer_address)
        ends.append(peer)
        with site.client.inside():
            place = ("::" if ":" in server_address else "0.0.0.0", next(CLIENT_PORTS))
            ends.append(TurnClient(open_transport("udp", at.endpoint("udp", server_address), local=place), ALICE))
        client = bound(ends[-1], peer)
        if datapath != "userspace":
            warmed_up(at, client, peer)
        return Call(site, at, client, peer, "userspace" if datapath == "userspace" else "kernel")

    yield make
    for end in ends:
        end.close()
