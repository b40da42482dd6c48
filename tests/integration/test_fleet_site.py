"""The fleet as a whole, with each of its processes on a host of its own: three relays and two credential services, of
which one relay is killed and one drains, Redis is away for a while, and a right is taken away meanwhile.

What happened is told by one fixture; the tests ask about it. Seconds are printed, not judged."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass

import pytest

from fleet_fixture import Call
from fleet_site import RELAYS, SERVICES, FleetSite, Mint
from redis_server import needs_redis
from waiting import eventually

pytestmark = [needs_redis, pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces need root")]

STAYS, DRAINS, KILLED = RELAYS
OUTAGE_SECONDS = 8.0  # longer than a node may be silent
RETURN_SECONDS = 30.0  # to wait for what takes 5


@dataclass
class Revoked:
    call: Call
    went_on_until_redis_returned: bool
    seconds: float | None = None  # since its return; None: it goes on
    refresh_error: int | None = None  # what a Refresh behind that is answered


@dataclass
class Story:
    """Times are monotonic."""

    mints: list[Mint]
    left_at: dict[str, float]  # when a relay was killed or began to drain
    known_at: float  # when every service knew
    outage: tuple[float, float]
    others: dict[str, Call]
    during_outage: list[Call]
    revocation_status: int
    revoked: dict[str, Revoked]

    def mints_between(self, begin: float, end: float = float("inf")) -> list[Mint]:
        return [mint for mint in self.mints if begin < mint.at < end]


@pytest.fixture(scope="module")
def story(tmp_path_factory):
    site = FleetSite(tmp_path_factory.mktemp("fleet"))
    try:
        yield tell(site.start())
    finally:
        site.close()


def tell(site: FleetSite) -> Story:
    # The one that stays has the most calls, so that the other two are offered as long as they are there.
    revoked = {relay: site.call(relay, site.mint(0, "revoked")) for relay in (STAYS, DRAINS)}
    others = {relay: site.call(relay, site.mint(1, f"on {relay}")).start() for relay in RELAYS}
    site.call(STAYS, site.mint(0, "one more"))
    minters = site.start_minting()
    assert eventually(lambda: all(minter.last_names >= {DRAINS, KILLED} for minter in minters), 20)

    others[KILLED].hang_up()  # it ends with its relay, which is nobody's fault
    site.relays[KILLED].kill()
    left_at = {KILLED: time.monotonic()}
    site.relays[DRAINS].terminate()
    left_at[DRAINS] = time.monotonic()
    assert eventually(lambda: all(minter.last_names == {STAYS} for minter in minters), 40)
    known_at = time.monotonic()

    site.redis.stop()
    assert site.know_no_redis()
    gone_at = time.monotonic()
    revocation_status = site.revoke(0, "revoked").status
    during_outage = [site.call(STAYS, site.mint(index, f"late {index}")).start() for index in range(len(SERVICES))]
    time.sleep(OUTAGE_SECONDS)  # this is no wait for anything: it is how long Redis is away
    endings = {relay: Revoked(call, call.goes_through()) for relay, call in revoked.items()}
    returned_at = site.start_redis()

    def all_have_ended() -> bool:
        for ending in endings.values():
            if ending.seconds is None and not ending.call.goes_through():
                ending.seconds = time.monotonic() - returned_at
        return all(ending.seconds is not None for ending in endings.values())

    eventually(all_have_ended, RETURN_SECONDS)
    for ending in endings.values():
        ending.refresh_error = ending.call.client.try_refresh().error
    enough = {minter: len(minter.mints) + 20 for minter in minters}
    eventually(lambda: all(len(minter.mints) > enough[minter] for minter in minters))
    for minter in minters:
        minter.stop()
    for call in (*others.values(), *during_outage):
        call.hang_up()
    return Story(
        mints=sorted((mint for minter in minters for mint in minter.mints), key=lambda mint: mint.at),
        left_at=left_at,
        known_at=known_at,
        outage=(gone_at, returned_at),
        others=others,
        during_outage=during_outage,
        revocation_status=revocation_status,
        revoked=endings,
    )


def assert_nothing_was_lost(call: Call) -> None:
    assert call.sent > 20
    assert not call.lost, f"{len(call.lost)} of {call.sent}, first behind number {call.lost[0]}"


def test_every_answer_has_credentials_whatever_happens(story):
    for service in SERVICES:
        answers = [mint for mint in story.mints if mint.service == service]
        assert len(answers) > 100
        assert {mint.status for mint in answers} == {200, 201}
        assert all(mint.names for mint in answers)


@pytest.mark.parametrize("relay", [KILLED, DRAINS])
def test_no_answer_names_a_relay_that_was_killed_or_drains_once_that_is_known(story, relay):
    left = story.left_at[relay]
    named = [mint.at for mint in story.mints if relay in mint.names]
    assert named and named[0] < left
    print(f"{relay} was named for {max(0.0, named[-1] - left):.1f} s longer")
    # Nor when Redis is away, or returns.
    assert named[-1] < story.known_at
    for begin, end in ((story.known_at, story.outage[0]), story.outage, (story.outage[1], float("inf"))):
        assert {name for mint in story.mints_between(begin, end) for name in mint.names} <= {STAYS}


def test_minting_goes_on_with_the_last_known_nodes_while_redis_is_away(story):
    meanwhile = story.mints_between(*story.outage)
    assert {mint.service for mint in meanwhile} == set(SERVICES)
    assert {mint.names for mint in meanwhile} == {frozenset({STAYS})}


@pytest.mark.parametrize("service", range(len(SERVICES)), ids=SERVICES)
def test_credentials_that_were_minted_while_redis_is_away_relay(story, service):
    call = story.during_outage[service]
    assert_nothing_was_lost(call)


@pytest.mark.parametrize("relay", [STAYS, DRAINS])
def test_what_is_revoked_while_redis_is_away_ends_when_it_returns(story, relay):
    assert story.revocation_status == 204
    ending = story.revoked[relay]
    assert ending.went_on_until_redis_returned, "so that its end says nothing"
    assert ending.seconds is not None, "it goes on"
    print(f"the revoked call on {relay} ended {ending.seconds:.1f} s after Redis returned")
    assert ending.refresh_error == 401


@pytest.mark.parametrize("relay", RELAYS)
def test_no_other_call_loses_a_packet(story, relay):
    assert_nothing_was_lost(story.others[relay])
