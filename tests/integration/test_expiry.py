"""What lapses with time: allocations, permissions, channels, nonces, reservations, idle connections, credentials.

Every scenario spends its time waiting, so the module runs all of them at once, each in its own thread with clients and
peers of its own, against servers with short lifetimes. The test functions only collect the outcomes. Lifetimes leave a
margin of about two seconds on either side of each deadline, for machines that stall.
"""

import concurrent.futures
import functools
import time
from collections.abc import Callable

import pytest

from server_fixture import ALICE, LISTENER, POOL, SHARED_SECRET, Server
from stun_message import UDP, Attribute, Builder, ChannelData, Message, Method
from transports import ALL, HAS_DTLS, STREAMS, listener_of, open_transport
from turn_client import (
    ConnectionEnded,
    Credentials,
    NoAnswer,
    Peer,
    TurnClient,
    timed_credentials,
)

ALLOCATION_SECONDS = 10
PERMISSION_SECONDS = 5
CHANNEL_SECONDS = 9
NONCE_SECONDS = 4
MARGIN = 2

LIFETIMES = {
    "lifetimes": {
        "default": f"{ALLOCATION_SECONDS}s",
        "permission": f"{PERMISSION_SECONDS}s",
        "channel": f"{CHANNEL_SECONDS}s",
    }
}
SHORT_NONCES = {"lifetimes": {"nonce": f"{NONCE_SECONDS}s"}}
REFUSING = {"auth": {"expired_refresh": {"policy": "refuse"}}}
SHORT_GRACE = {"auth": {"expired_refresh": {"policy": "grace", "max": "6s"}}}

# Scenarios that count what a user or the pool has left; those of different transports must not meet.


def impatient(transport: str) -> dict:
    return {"limits": {"allocations_per_user": 1}, "node": transport, **LIFETIMES}


def paired(transport: str) -> dict:
    first = paired_port(transport)
    ports = {"min": first, "max": first + 1}
    return {"limits": {"allocations_per_user": 2}, "relay": {"addresses": [POOL], "ports": ports}}


def paired_port(transport: str) -> int:
    return 59000 + 2 * ALL.index(transport)


class Stage:
    """What one scenario works with; everything it opens is closed at its end."""

    def __init__(self, launch: Callable[..., Server], transport: str):
        self.launch = launch
        self.transport = transport
        self.opened: list[TurnClient | Peer] = []

    def client(self, credentials: Credentials = ALICE, **settings) -> TurnClient:
        server = self.launch(**(settings or LIFETIMES))
        to = server.endpoint(listener_of(self.transport), LISTENER)
        self.opened.append(TurnClient(open_transport(self.transport, to), credentials))
        return self.opened[-1]

    def allocated(self, *, lifetime: int | None = 600, **options) -> TurnClient:
        """By default with a lifetime that outlives the scenario."""
        client = self.client(**options)
        client.allocate(lifetime=lifetime)
        return client

    def peer(self, address: str = "127.0.0.3") -> Peer:
        self.opened.append(Peer(address))
        return self.opened[-1]

    def close(self) -> None:
        for one in self.opened:
            one.close()


SCENARIOS: dict[str, Callable[[Stage], None]] = {}


def meanwhile(scenario: Callable[[Stage], None]):
    """Turns a scenario into a test, over each transport, that waits for its outcome."""
    SCENARIOS[scenario.__name__] = scenario

    def test(outcomes, transport):
        outcomes[scenario.__name__, transport].result()

    test.__name__ = scenario.__name__
    test.__doc__ = scenario.__doc__
    return test


def on_streams(scenario: Callable[[Stage], None]):
    """The same, over the transports that are streams."""
    return pytest.mark.parametrize("transport", STREAMS)(meanwhile(scenario))


@pytest.fixture(scope="module")
def outcomes(request, launch):
    wanted = {
        (item.function.__name__, item.callspec.params["transport"])
        for item in request.session.items
        if item.module is request.module and (item.callspec.params["transport"] != "dtls" or HAS_DTLS)
    }
    for settings in (LIFETIMES, SHORT_NONCES, REFUSING, SHORT_GRACE):
        launch(**settings)  # one after the other, before the threads begin
    for _, transport in sorted(wanted):
        launch(**impatient(transport))
        launch(**paired(transport))

    def play(scenario: Callable[[Stage], None], transport: str) -> None:
        stage = Stage(launch, transport)
        try:
            scenario(stage)
        finally:
            stage.close()

    with concurrent.futures.ThreadPoolExecutor(max_workers=len(wanted)) as pool:
        yield {
            (name, transport): pool.submit(functools.partial(play, SCENARIOS[name], transport))
            for name, transport in wanted
        }


def reaches_client(client: TurnClient, peer: Peer, payload: bytes) -> Message | ChannelData | None:
    """What the client gets when the peer sends; None for nothing. The Binding proves the server alive."""
    peer.send(payload, client.relayed)
    assert client.binding().is_success
    found = client.receive(0.5)
    if found is not None:
        assert payload == (found.payload if isinstance(found, ChannelData) else found.data)
    return found


def reaches_peer(client: TurnClient, peer: Peer, payload: bytes) -> bool:
    client.send_indication(peer.endpoint, payload)
    assert client.binding().is_success
    found = peer.receive_from(0.5)
    return found is not None and found[0] == payload


def channel_reaches_peer(client: TurnClient, peer: Peer, payload: bytes) -> bool:
    client.send_channel(0x4000, payload)
    assert client.binding().is_success
    found = peer.receive_from(0.5)
    return found is not None and found[0] == payload


# -- permissions ----------------------------------------------------------------------------------------------------


@meanwhile
def test_PERM_04_permission_lapses_after_its_lifetime(stage):
    client, peer = stage.allocated(), stage.peer()
    client.create_permission(peer.endpoint)
    time.sleep(PERMISSION_SECONDS - MARGIN)
    assert reaches_client(client, peer, b"in time") is not None
    assert reaches_peer(client, peer, b"in time")
    time.sleep(2 * MARGIN)
    assert reaches_client(client, peer, b"too late") is None
    assert not reaches_peer(client, peer, b"too late")
    client.create_permission(peer.endpoint)
    assert reaches_client(client, peer, b"again") is not None


@meanwhile
def test_PERM_05_repeated_create_permission_starts_anew(stage):
    client, peer = stage.allocated(), stage.peer()
    client.create_permission(peer.endpoint)
    time.sleep(PERMISSION_SECONDS - MARGIN)
    client.create_permission(peer.endpoint)
    time.sleep(PERMISSION_SECONDS - MARGIN)
    assert reaches_client(client, peer, b"later than the first would allow") is not None


@meanwhile
def test_PERM_05_channel_bind_refreshes_the_permission(stage):
    client, peer = stage.allocated(), stage.peer()
    client.create_permission(peer.endpoint)
    time.sleep(PERMISSION_SECONDS - MARGIN)
    client.channel_bind(0x4000, peer.endpoint)
    time.sleep(PERMISSION_SECONDS - MARGIN)
    assert isinstance(reaches_client(client, peer, b"later"), ChannelData)


@meanwhile
def test_PERM_09_send_indications_refresh_nothing(stage):
    client, peer = stage.allocated(), stage.peer()
    client.create_permission(peer.endpoint)
    until = time.monotonic() + PERMISSION_SECONDS + MARGIN
    while time.monotonic() < until:
        client.send_indication(peer.endpoint, b"busy")
        time.sleep(0.2)
    while peer.receive_from(0.2) is not None:
        pass
    assert not reaches_peer(client, peer, b"too late")
    assert reaches_client(client, peer, b"too late") is None


@meanwhile
def test_PERM_10_peer_traffic_refreshes_nothing(stage):
    client, peer = stage.allocated(), stage.peer()
    client.create_permission(peer.endpoint)
    until = time.monotonic() + PERMISSION_SECONDS + MARGIN
    while time.monotonic() < until:
        peer.send(b"busy", client.relayed)
        time.sleep(0.2)
    client.drain(0.2)
    assert reaches_client(client, peer, b"too late") is None


# -- channels -------------------------------------------------------------------------------------------------------


@meanwhile
def test_CHAN_07_channel_lapses_after_its_lifetime(stage):
    client, peer = stage.allocated(), stage.peer()
    client.channel_bind(0x4000, peer.endpoint)
    bound_at = time.monotonic()
    while (age := time.monotonic() - bound_at) < CHANNEL_SECONDS - MARGIN:
        client.create_permission(peer.endpoint)
        time.sleep(min(PERMISSION_SECONDS / 2, max(CHANNEL_SECONDS - MARGIN - age, 0.01)))
    client.create_permission(peer.endpoint)
    assert isinstance(reaches_client(client, peer, b"bound"), ChannelData)
    assert channel_reaches_peer(client, peer, b"bound")
    time.sleep(2 * MARGIN)
    client.create_permission(peer.endpoint)
    assert isinstance(reaches_client(client, peer, b"unbound"), Message), "the channel outlived its time"
    assert not channel_reaches_peer(client, peer, b"unbound")


@meanwhile
def test_CHAN_07_repeated_channel_bind_starts_anew(stage):
    client, peer = stage.allocated(), stage.peer()
    for _ in range(4):
        client.channel_bind(0x4000, peer.endpoint)
        time.sleep(PERMISSION_SECONDS - MARGIN)
    assert isinstance(reaches_client(client, peer, b"after twelve seconds"), ChannelData)


@meanwhile
def test_CHAN_09_channel_data_refreshes_neither(stage):
    client, peer = stage.allocated(), stage.peer()
    client.channel_bind(0x4000, peer.endpoint)
    until = time.monotonic() + PERMISSION_SECONDS + MARGIN
    while time.monotonic() < until:
        client.send_channel(0x4000, b"busy")
        time.sleep(0.2)
    while peer.receive_from(0.2) is not None:
        pass
    assert reaches_client(client, peer, b"the permission is over") is None
    time.sleep(CHANNEL_SECONDS - PERMISSION_SECONDS)
    client.create_permission(peer.endpoint)
    assert isinstance(reaches_client(client, peer, b"the channel is over"), Message)


@meanwhile
def test_CHAN_10_live_channel_without_permission_passes_nothing(stage):
    client, peer = stage.allocated(), stage.peer()
    client.channel_bind(0x4000, peer.endpoint)
    time.sleep(PERMISSION_SECONDS + MARGIN)
    assert reaches_client(client, peer, b"inward") is None
    assert not channel_reaches_peer(client, peer, b"outward"), "X3: dropped in both directions"
    client.create_permission(peer.endpoint)
    assert isinstance(reaches_client(client, peer, b"the channel is still there"), ChannelData)


@meanwhile
def test_CHAN_11_lapsed_number_and_address_can_be_bound_anew(stage):
    client, peer, other = stage.allocated(), stage.peer(), stage.peer("127.0.0.4")
    client.channel_bind(0x4000, peer.endpoint)
    time.sleep(CHANNEL_SECONDS + MARGIN)
    client.channel_bind(0x4000, other.endpoint)
    client.channel_bind(0x4001, peer.endpoint)
    assert channel_reaches_peer(client, other, b"new")
    found = reaches_client(client, peer, b"new")
    assert isinstance(found, ChannelData) and found.channel == 0x4001


# -- allocations ----------------------------------------------------------------------------------------------------


@meanwhile
def test_TURN_36_traffic_does_not_extend_an_allocation(stage):
    client, peer = stage.allocated(lifetime=None), stage.peer()
    assert client.allocation.lifetime == ALLOCATION_SECONDS
    client.channel_bind(0x4000, peer.endpoint)
    until = time.monotonic() + ALLOCATION_SECONDS + MARGIN
    while time.monotonic() < until:
        client.send_channel(0x4000, b"busy")
        peer.send(b"busy", client.relayed)
        client.receive(0.2)
        peer.receive_from(0.05)
    client.drain(0.2)
    assert client.try_refresh().error == 437


@meanwhile
def test_TURN_37_everything_ends_with_the_allocation(stage):
    client, peer = stage.allocated(lifetime=None), stage.peer()
    relayed = client.relayed
    client.channel_bind(0x4000, peer.endpoint)
    time.sleep(ALLOCATION_SECONDS - MARGIN)
    client.create_permission(peer.endpoint)
    assert reaches_client(client, peer, b"alive") is not None
    time.sleep(2 * MARGIN)
    assert reaches_client(client, peer, b"dead") is None
    assert not channel_reaches_peer(client, peer, b"dead")
    assert client.try_refresh().error == 437
    client.allocate()
    assert client.relayed != relayed
    assert reaches_client(client, peer, b"no permission") is None
    assert not channel_reaches_peer(client, peer, b"no channel")


@meanwhile
def test_TURN_36_refresh_extends_an_allocation(stage):
    client, peer = stage.allocated(lifetime=None), stage.peer()
    for _ in range(3):
        time.sleep(ALLOCATION_SECONDS / 2)
        assert client.refresh().lifetime == ALLOCATION_SECONDS
    client.create_permission(peer.endpoint)
    assert reaches_client(client, peer, b"after fifteen seconds") is not None


@meanwhile
def test_TURN_37_lapsed_allocation_frees_its_quota(stage):
    settings = impatient(stage.transport)
    first, second = stage.client(**settings), stage.client(**settings)
    first.allocate()
    assert second.try_allocate().error == 486
    time.sleep(ALLOCATION_SECONDS + MARGIN)
    assert second.allocate().is_success


@meanwhile
def test_TURN_19_reservation_is_held_for_thirty_seconds(stage):
    giver = stage.client()
    token = giver.allocate(even_port=0x80, lifetime=600).find(Attribute.RESERVATION_TOKEN)
    time.sleep(29)
    taker = stage.client()
    assert taker.allocate(token=token).relayed[1] == giver.relayed[1] + 1


@meanwhile
def test_TURN_15_lapsed_reservation_is_508(stage):
    token = stage.client().allocate(even_port=0x80, lifetime=600).find(Attribute.RESERVATION_TOKEN)
    time.sleep(33)
    assert stage.client().try_allocate(token=token).error == 508


@meanwhile
def test_TURN_15_lapsed_reservation_gives_back_port_and_quota(stage):
    settings, first = paired(stage.transport), paired_port(stage.transport)
    giver = stage.client(**settings)
    giver.allocate(even_port=0x80, lifetime=600)
    assert stage.client(**settings).try_allocate().error == 486
    time.sleep(33)
    other = stage.client(**settings)
    taken = other.allocate(lifetime=600)
    assert {giver.relayed[1], taken.relayed[1]} == {first, first + 1}


# -- nonces ---------------------------------------------------------------------------------------------------------


def assert_stale(response: Message, old_nonce: str) -> None:
    assert response.error == 438
    assert response.find(Attribute.REALM) and response.find(Attribute.NONCE)
    assert Attribute.PASSWORD_ALGORITHMS in response
    assert not response.names() & {Attribute.USERNAME, Attribute.USERHASH}
    assert response.text(Attribute.NONCE) != old_nonce


def nonce_lapses(stage: Stage, credentials: Credentials) -> None:
    client = stage.client(credentials, **SHORT_NONCES)
    client.allocate()
    old_nonce = client.nonce
    time.sleep(NONCE_SECONDS + MARGIN)
    assert_stale(client.request(Method.REFRESH, retry=False), old_nonce)
    assert client.request(Method.REFRESH, retry=False).is_success, "the NONCE inside 438 is valid"


@meanwhile
def test_AUTH_13_AUTH_14_stale_nonce_is_438_with_a_valid_one(stage):
    nonce_lapses(stage, ALICE)


@meanwhile
def test_AUTH_13_AUTH_14_stale_nonce_is_438_with_a_valid_one_sha256(stage):
    nonce_lapses(stage, Credentials.modern(ALICE.username, ALICE.password))


@meanwhile
def test_AUTH_15_stale_nonce_and_wrong_password_is_401(stage):
    """X4: the order of RFC 8489, integrity before staleness."""
    client = stage.client(credentials=Credentials(ALICE.username, "wrong"), **SHORT_NONCES)
    client.challenge()
    time.sleep(NONCE_SECONDS + MARGIN)
    builder = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
    assert client.transact(client.sign(builder).build()).error == 401


@meanwhile
def test_AUTH_17_nonce_changes_during_an_allocation(stage):
    client = stage.client(**SHORT_NONCES)
    client.allocate()
    until = time.monotonic() + 3 * NONCE_SECONDS
    while time.monotonic() < until:
        assert client.refresh().is_success
        time.sleep(0.5)
    assert client.stale_answers >= 2


# -- connections ----------------------------------------------------------------------------------------------------


@on_streams
def test_STUN_28_idle_connection_is_left_open(stage):
    client = stage.client()
    assert client.binding().is_success
    time.sleep(20)
    assert client.binding().is_success


@on_streams
def test_STUN_28_connection_with_an_allocation_is_left_open(stage):
    client, peer = stage.allocated(), stage.peer()
    time.sleep(34)
    client.create_permission(peer.endpoint)
    assert reaches_client(client, peer, b"still there") is not None


CONNECTION_PATIENCE = 60


@on_streams
def test_B25_connection_without_data_is_closed(stage):
    client = stage.client()
    assert client.transport.is_closed_within(CONNECTION_PATIENCE)


@on_streams
def test_B26_request_that_dribbles_in_is_closed(stage):
    client = stage.client()
    octets = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).build()
    until = time.monotonic() + CONNECTION_PATIENCE
    try:
        for octet in octets:
            client.send_raw(bytes([octet]))
            if client.transport.is_closed_within(5):
                return
            if time.monotonic() > until:
                break
    except (ConnectionEnded, NoAnswer, OSError):
        return
    pytest.fail(f"the connection was still open after {CONNECTION_PATIENCE} s")


# -- credentials that end -------------------------------------------------------------------------------------------


# Long enough to allocate with on a machine that is busy with everything else.
CREDENTIALS_SECONDS = 10


def allocate_with_expiring(*clients) -> None:
    """The first of the clients has an allocation afterwards, and its credentials have just expired."""
    for each in clients:
        each.challenge()
    credentials = timed_credentials(SHARED_SECRET, seconds=CREDENTIALS_SECONDS)
    for each in clients:
        each.credentials = credentials
    clients[0].allocate(lifetime=600)
    time.sleep(CREDENTIALS_SECONDS + 2)


@meanwhile
def test_AUTH_expired_rest_credentials_refresh_by_grace(stage):
    client, late = stage.client(), stage.client()
    allocate_with_expiring(client, late)
    assert client.refresh().is_success
    assert late.try_allocate().error == 401


@meanwhile
def test_AUTH_grace_for_expired_rest_credentials_ends(stage):
    client = stage.client(**SHORT_GRACE)
    allocate_with_expiring(client)
    assert client.refresh().is_success
    time.sleep(8)
    assert client.try_refresh().error == 401


@meanwhile
def test_AUTH_expired_rest_credentials_refresh_refused_by_policy(stage):
    client = stage.client(**REFUSING)
    allocate_with_expiring(client)
    assert client.try_refresh().error == 401
