"""The matrix of ways to a peer and of addresses (security row A12): no way leads to any address that is refused.

PATHS has an entry for each way: a new one is tried with every address in every spelling, on allocations of either
family and of both, for clients over IPv4 and over IPv6, over each transport.
"""

from __future__ import annotations

from collections.abc import Callable

import pytest

from peer_addresses import FORBIDDEN_V4, FORBIDDEN_V6, SPELLED, spellings_of
from server_fixture import ALICE, HAS_IPV6, LISTENER, LISTENER_V6
from stun_message import IPV4, IPV6, TCP, UDP, Builder, Endpoint, Method
from tcp_relay import try_connect
from transports import listener_of, open_transport
from turn_client import TurnClient

SETTINGS = {"peers": None, "limits": {"allocations_per_user": 0}, "protocol": {"tcp_relay": True}}

PORT = 3478


def by_create_permission(client: TurnClient, peers: list[Endpoint]) -> list[int | None]:
    return [client.try_create_permission(peer).error for peer in peers]


def by_create_permission_among_others(client: TurnClient, peers: list[Endpoint]) -> list[int | None]:
    """After an address that may be reached, that of the relay itself."""
    relay = client.allocation.relayed[0]
    return [client.try_create_permission((relay, 9), peer).error for peer in peers]


def by_channel_bind(client: TurnClient, peers: list[Endpoint]) -> list[int | None]:
    return [client.try_channel_bind(0x4000 + number, peer).error for number, peer in enumerate(peers)]


def by_send(client: TurnClient, peers: list[Endpoint]) -> list[int | None]:
    """Nobody answers an indication. Whatever came back would be a peer's answer, or an ICMP error about it."""
    for peer in peers:
        client.send_indication(peer, Builder(Method.BINDING).build())
    client.assert_silence(0.02)
    return []


def by_data_in_spite_of_refusals(client: TurnClient, peers: list[Endpoint]) -> list[int | None]:
    refusals = by_create_permission(client, peers) + by_channel_bind(client, peers)
    for number in range(len(peers)):
        client.send_channel(0x4000 + number, Builder(Method.BINDING).build())
    return refusals + by_send(client, peers)


def by_connect(client: TurnClient, peers: list[Endpoint]) -> list[int | None]:
    """RFC 6062, on an allocation for it."""
    return [try_connect(client, peer).error for peer in peers]


# Each returns the error codes that it got, none of which may be another than 403.
PATHS: dict[str, Callable[[TurnClient, list[Endpoint]], list[int | None]]] = {
    "CreatePermission": by_create_permission,
    "CreatePermission_among_others": by_create_permission_among_others,
    "ChannelBind": by_channel_bind,
    "Send": by_send,
    "data_in_spite_of_refusals": by_data_in_spite_of_refusals,
}

# What an allocation is asked for with, and the address of the listener that its client uses.
ALLOCATIONS = {
    "v4": ({"family": IPV4}, LISTENER),
    "v6": ({"family": IPV6}, LISTENER_V6),
    "dual": ({"additional_family": IPV6}, LISTENER),
    "dual-over-v6": ({"additional_family": IPV6}, LISTENER_V6),
}


def groups() -> dict[str, list[str]]:
    """Each row's addresses, and every spelling of some of them."""
    found = {**FORBIDDEN_V4, **{f"{row} of IPv6": group for row, group in FORBIDDEN_V6.items()}}
    for address in SPELLED:
        found[f"A3 spellings of {address}"] = list(spellings_of(address).values())
    tunnels = ("nat64", "6to4", "teredo", "compatible")
    found["A10 tunnels to 8.8.8.8"] = [spellings_of("8.8.8.8")[spelling] for spelling in tunnels]
    return found


def cells(paths) -> list:
    """Addresses of IPv6, on allocations that have it; those of IPv4, likewise."""
    found = []
    for path in paths:
        for name, addresses in groups().items():
            lacking = "v4" if ":" in addresses[0] else "v6"
            for kind in ALLOCATIONS:
                if kind != lacking and (HAS_IPV6 or kind == "v4"):
                    name_of_cell = f"{path}-{kind}-{name}".replace(" ", "_")
                    found.append(pytest.param(path, kind, addresses, id=name_of_cell))
    return found


@pytest.fixture(scope="module")
def allocations(server):
    """One allocation for each kind and transport, for all cells: refused requests leave nothing behind."""
    made: dict[tuple[str, str, int], TurnClient] = {}

    def get(kind: str, transport: str, protocol: int = UDP) -> TurnClient:
        if (kind, transport, protocol) not in made:
            options, listener = ALLOCATIONS[kind]
            to = server.endpoint(listener_of(transport), listener)
            client = TurnClient(open_transport(transport, to), ALICE)
            client.allocate(lifetime=3600, protocol=protocol, **options)
            made[kind, transport, protocol] = client
        return made[kind, transport, protocol]

    yield get
    assert server.metric("senso_turn_channels") == 0, "a refused peer has a channel"
    for client in made.values():
        client.close()


@pytest.mark.parametrize("path, kind, addresses", cells(PATHS))
def test_A12_A1_to_A7_A10_B68_V6_17_no_way_leads_there(allocations, transport, path, kind, addresses):
    peers = [(address, PORT) for address in addresses]
    assert_refused(path, kind, PATHS[path](allocations(kind, transport), peers), addresses)


@pytest.mark.parametrize("transport", ["tcp", "tls"])
@pytest.mark.parametrize("path, kind, addresses", cells(["Connect"]))
def test_A12_A1_to_A7_A10_B68_TCP_11_nor_does_connect(allocations, transport, path, kind, addresses):
    got = by_connect(allocations(kind, transport, TCP), [(address, PORT) for address in addresses])
    assert None not in got
    assert_refused(path, kind, got, addresses)


def assert_refused(path: str, kind: str, got: list[int | None], addresses: list[str]) -> None:
    # ::ffff:0:0/96 is IPv4: an allocation that lacks the family may say that instead.
    is_disguised = kind == "v6" and any(address.startswith("::ffff:") for address in addresses)
    assert set(got) <= ({403, 443} if is_disguised else {403}), f"{path}: {list(zip(got, addresses))}"
