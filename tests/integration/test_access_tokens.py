"""Third-party authorization (RFC 7635), black-box: tokens of an authorization server of our own."""

import contextlib
import struct
import time
from dataclasses import replace

import pytest

pytest.importorskip("cryptography", reason="tokens need the package python3-cryptography")

from access_token import DELTA_SECONDS, SharedKey, TokenClient, encrypted_block, issue, seal
from server_fixture import ALICE, SHARED_SECRET
from stun_message import UDP, Attribute, Builder, Method
from transports import ALL
from turn_client import NoAnswer, timed_credentials

TRANSPORTS = ALL
NAME = "turn.senso.cloud"
NORTH = SharedKey("22BIjxU93h/IgwEb", bytes(range(32)))
SOUTH = SharedKey("south", bytes(range(16)))
SETTINGS = {"auth": {"access_tokens": {"server_name": NAME, "keys": [NORTH.setting, SOUTH.setting]}}}

# RFC 7635 appendix A. Its tokens have expired long ago; what they hold is sealed again with another time.
SAMPLE_NAME = "blackdow.carleon.gov"
SAMPLE_KEY = b"HGkj32KJGiuy098sdfaqbNjOiaz71923"
SAMPLE_MAC_KEY = b"ZksjpweoixXmvn67534m"
SAMPLE_NONCE = b"h4j3k2l2n4b5"
SAMPLE_BLOCK = struct.pack(">H20sQI", 20, SAMPLE_MAC_KEY, 92470300704768, 3600)
SAMPLES = {
    "A256GCM": (
        SharedKey("sample-256", SAMPLE_KEY),
        "000c68346a336b326c326e346235617ef134a3d5e44e9a19cc7dc104b0c03d03b2a551d8fdf5cd3b6dca6f10cfb77e5b2dde"
        "c84d293a5c50499359f0c2e26f76",
    ),
    "A128GCM": (
        SharedKey("sample-128", SAMPLE_KEY[:16]),
        "000c68346a336b326c326e3462357fb9e99f0827be3df1e1bd651493d3031d36df57079784aee5eacb65fad4f27fab1a3f97"
        "974b69f851b24bf5af09eda357e0",
    ),
}


@pytest.fixture
def connect_with(connect):
    """A client that has an access token; by default one of an hour from the first key."""

    def make(transport, credentials=None, **options):
        return connect(transport, credentials or issue(NORTH, NAME), kind=TokenClient, **options)

    return make


def refused(response) -> bool:
    """401 with everything that a client needs to try again."""
    wanted = (Attribute.REALM, Attribute.NONCE, Attribute.THIRD_PARTY_AUTHORIZATION)
    return response.error == 401 and all(attribute in response for attribute in wanted)


# -- what is offered --------------------------------------------------------------------------------------------------


def test_OAUTH_01_challenge_names_the_server(connect, transport):
    response = connect(transport, None).challenge()
    assert response.find(Attribute.THIRD_PARTY_AUTHORIZATION) == NAME.encode()
    assert Attribute.REALM in response and Attribute.NONCE in response


def test_OAUTH_01_nothing_is_offered_without_keys(connect, launch, transport):
    response = connect(transport, None, at=launch()).challenge()
    assert Attribute.THIRD_PARTY_AUTHORIZATION not in response


@pytest.mark.parametrize("method", [Method.ALLOCATE, Method.REFRESH, Method.CREATE_PERMISSION, Method.CHANNEL_BIND])
def test_OAUTH_01_D1_challenge_is_small(connect, transport, method):
    client = connect(transport, None)
    bare = client.transact(Builder(method).build())
    assert bare.error == 401 and len(bare.raw) <= 5 * 20
    request = Builder(method).add_u32(Attribute.LIFETIME, 600).build()
    response = client.transact(request)
    assert Attribute.THIRD_PARTY_AUTHORIZATION in response and len(response.raw) <= 5 * len(request)


@pytest.mark.parametrize("realm, name", [(20, 24), (28, 28), (40, 16), (60, None), (1, 255)], ids=str)
def test_OAUTH_01_D1_no_challenge_is_larger_than_five_times(connect, launch, transport, realm, name):
    tokens = {} if name is None else {"access_tokens": {"server_name": "n" * name, "keys": [NORTH.setting]}}
    client = connect(transport, None, at=launch(realm="r" * realm, auth=tokens))
    for fill in (lambda m: m, lambda m: m.add(Attribute.SOFTWARE), lambda m: m.add_u32(Attribute.LIFETIME, 600)):
        request = fill(Builder(Method.ALLOCATE)).build()
        if len(request) >= 28 and realm + (name or 0) > 60:
            continue  # `check` warns of these
        client.send_raw(request)
        with contextlib.suppress(NoAnswer):
            assert len(client.wait_for_response(request[8:20], 0.3).raw) <= 5 * len(request)


def test_OAUTH_02_B87_access_token_when_off_is_420(connect_with, launch, transport):
    client = connect_with(transport, at=launch())
    response = client.transact(signed_allocate(client).build())
    assert response.error == 420 and response.unknown_attributes == [Attribute.ACCESS_TOKEN]


# -- what is taken ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_modern", [False, True], ids=["sha1", "sha256"])
@pytest.mark.parametrize("key", [NORTH, SOUTH], ids=lambda key: key.algorithm)
def test_OAUTH_06_OAUTH_08_whole_session(connect_with, launch, transport, peer, key, is_modern, shards):
    """The client checks the integrity of each answer. All but Allocate and Refresh are without the token."""
    at = launch(shards=shards, **SETTINGS)
    client = connect_with(transport, issue(key, NAME, is_modern=is_modern), at=at)
    client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"out")
    assert peer.receive_from() == (b"out", client.relayed)
    client.channel_bind(0x4000, peer.endpoint)
    peer.send(b"in", client.relayed)
    assert client.receive_channel_data().payload == b"in"
    assert client.refresh().is_success
    assert client.refresh(0).lifetime == 0


def test_OAUTH_06_user_names_and_tokens_work_side_by_side(connect, connect_with, transport):
    assert connect_with(transport).allocate().is_success
    assert connect(transport, ALICE).allocate().is_success
    assert connect(transport, timed_credentials(SHARED_SECRET)).allocate().is_success


@pytest.mark.parametrize("name", SAMPLES)
def test_OAUTH_07_tokens_like_the_samples_are_taken(connect_with, launch, transport, name):
    key, sample = SAMPLES[name]
    assert seal(SAMPLE_BLOCK, key.key, SAMPLE_NAME, SAMPLE_NONCE).hex() == sample, "our authorization server is wrong"
    keys = [key.setting for key, _ in SAMPLES.values()]
    at = launch(auth={"access_tokens": {"server_name": SAMPLE_NAME, "keys": keys}})
    fresh = issue(key, SAMPLE_NAME, mac_key=SAMPLE_MAC_KEY)
    assert connect_with(transport, fresh, at=at).allocate().is_success
    # Opened and found to be of 2014, which is told apart from not opened by the reason that is counted.
    before = at.metric("senso_turn_auth_failures_total", reason="expired")
    assert refused(connect_with(transport, replace(fresh, token=bytes.fromhex(sample)), at=at).try_allocate())
    assert at.metric("senso_turn_auth_failures_total", reason="expired") == before + 1


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kid", ["nobody", "", SOUTH.kid, NORTH.kid + "x", NORTH.kid.lower(), ALICE.username])
def test_OAUTH_03_unknown_or_other_key_is_401(connect_with, transport, kid):
    assert refused(connect_with(transport, replace(issue(NORTH, NAME), username=kid)).try_allocate())


@pytest.mark.parametrize("name", ["turn.senso.clouds", "turn.senso.clou", "TURN.SENSO.CLOUD", "", "other.example"])
def test_OAUTH_04_token_for_another_server_is_401(connect_with, transport, name):
    assert refused(connect_with(transport, issue(NORTH, name)).try_allocate())


@pytest.mark.parametrize("at", [0, 2, 13, 14, 33, 47, -16, -1])
def test_OAUTH_04_changed_octet_is_401(connect_with, server, transport, at):
    good = issue(NORTH, NAME)
    octets = bytearray(good.token)
    octets[at] ^= 1
    before = server.metric("senso_turn_auth_failures_total", reason="bad_token")
    assert refused(connect_with(transport, replace(good, token=bytes(octets))).try_allocate())
    assert server.metric("senso_turn_auth_failures_total", reason="bad_token") == before + 1


def test_OAUTH_05_age_is_judged_in_both_directions(connect_with, transport):
    for age in (9, -9):
        assert connect_with(transport, issue(NORTH, NAME, lifetime=60, age=age)).allocate().is_success
    for age in (20, -30, 10**6, -(10**6), 1.7e9, -(2**46)):
        assert refused(connect_with(transport, issue(NORTH, NAME, lifetime=10, age=age)).try_allocate())


def test_OAUTH_05_B87_expired_token_is_401_for_refresh_as_well(connect_with, transport):
    client = connect_with(transport)
    client.allocate()
    lasting = client.credentials
    client.credentials = issue(NORTH, NAME, lifetime=10, age=20)
    assert refused(client.try_refresh())
    client.credentials = lasting
    assert client.refresh().is_success


def test_OAUTH_06_wrong_mac_key_is_401(connect_with, transport):
    good = issue(NORTH, NAME)
    for key in (bytes(20), good.mac_key[:-1], good.mac_key + b"\0" * 64, b""):
        assert refused(connect_with(transport, replace(good, mac_key=key)).try_allocate())


def test_OAUTH_06_first_sixteen_octets_of_the_mac_key_are_taken(connect_with, transport, peer):
    """As clients made with coturn's library sign, and hear, MESSAGE-INTEGRITY."""
    good = issue(NORTH, NAME)
    client = connect_with(transport, replace(good, mac_key=good.mac_key[:16]))
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    client.send_channel(0x4000, b"there")
    assert peer.receive() == b"there"
    assert client.refresh(0).lifetime == 0


def test_OAUTH_10_B87_lengths_are_not_believed(connect_with, transport):
    good = issue(NORTH, NAME)
    client = connect_with(transport, good)
    for length in (0, 1, 11, 13, 14, 50, 62, 0x0100, 0x7FFF, 0xFFFF):
        client.credentials = replace(good, token=struct.pack(">H", length) + good.token[2:])
        assert refused(client.try_allocate()), length
    for length in (0, 19, 21, 32, 33, 0x0100, 0xFFFF):
        block = encrypted_block(good.mac_key, time.time(), 3600, key_length=length)
        client.credentials = replace(good, token=seal(block, NORTH.key, NAME))
        assert refused(client.try_allocate()), length
    for octets in (0, 1, 7, 8, 11, 13, 16):  # AEAD itself takes nonces of any length
        block = encrypted_block(good.mac_key, time.time(), 3600)
        token = seal(block, NORTH.key, NAME, bytes(octets)) if octets >= 8 else bytes([0, octets]) + bytes(octets + 50)
        client.credentials = replace(good, token=token)
        assert refused(client.try_allocate()), octets
    client.credentials = good
    assert client.allocate().is_success, "and the server still works"


def test_OAUTH_10_B87_truncated_and_lengthened_tokens_are_401(connect_with, transport):
    good = issue(NORTH, NAME)
    client = connect_with(transport, good)
    for length in range(len(good.token)):
        client.credentials = replace(good, token=good.token[:length])
        assert refused(client.try_allocate()), length
    for surplus in (1, 4, 1000):
        client.credentials = replace(good, token=good.token + bytes(surplus))
        assert refused(client.try_allocate()), surplus


@pytest.mark.parametrize("octets", [0, 1, 15, 129, 400])
def test_OAUTH_10_mac_keys_of_odd_lengths_are_401(connect_with, transport, octets):
    assert refused(connect_with(transport, issue(NORTH, NAME, mac_key=bytes(octets))).try_allocate())


def signed_allocate(client, omit=frozenset()) -> Builder:
    builder = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
    return client.add_integrity(client.add_credentials(builder, omit=omit))


def test_OAUTH_11_what_the_long_term_mechanism_wants_is_still_wanted(connect_with, transport):
    client = connect_with(transport)
    for missing in (Attribute.USERNAME, Attribute.REALM, Attribute.NONCE):
        assert client.transact(signed_allocate(client, {missing}).build()).error == 400
    unsigned = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
    assert refused(client.transact(client.add_credentials(unsigned).build()))


def test_OAUTH_11_stale_nonce_is_438(connect_with, transport):
    client = connect_with(transport)
    client.challenge()
    client.nonce = "obMatJos2AAAAof-nobody"
    response = client.transact(signed_allocate(client).build())
    assert response.error == 438 and Attribute.NONCE in response
    client.learn(response)
    assert client.allocate().is_success


def test_OAUTH_11_other_realm_is_401(connect_with, transport):
    client = connect_with(transport)
    client.challenge()
    client.realm = "elsewhere.example"
    assert refused(client.transact(signed_allocate(client).build()))


# -- for how long -----------------------------------------------------------------------------------------------------


def test_OAUTH_09_lifetime_ends_with_the_token(connect_with, transport):
    client = connect_with(transport, issue(NORTH, NAME, lifetime=100))
    for answer in (client.allocate(), client.refresh(3600), client.refresh()):
        assert 0 < answer.lifetime <= 100 + DELTA_SECONDS
    half_gone = connect_with(transport, issue(NORTH, NAME, lifetime=100, age=50))
    assert half_gone.allocate(lifetime=600).lifetime <= 50 + DELTA_SECONDS
    assert connect_with(transport).allocate().lifetime == 600


def test_OAUTH_09_allocation_is_gone_after_the_token(connect_with, transport):
    lasting = connect_with(transport)
    lasting.allocate()
    brief = connect_with(transport, issue(NORTH, NAME, lifetime=10, age=13))
    assert brief.allocate().lifetime <= 2
    deadline = time.monotonic() + 30
    brief.credentials = issue(NORTH, NAME)
    # A Refresh would lengthen it; an Allocate says 437 for as long as it is there.
    while brief.try_allocate().error == 437 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert brief.try_allocate().error == 437, "the Allocate after its end made a new one"
    assert lasting.refresh().is_success


def test_OAUTH_09_new_token_refreshes_an_allocation(connect_with, transport, peer):
    client = connect_with(transport, issue(NORTH, NAME, lifetime=100))
    client.allocate()
    client.create_permission(peer.endpoint)
    for key in (NORTH, SOUTH, NORTH):
        former = client.credentials
        client.credentials = issue(key, NAME)
        assert client.refresh(900).lifetime == 900
        client.create_permission(peer.endpoint)
        client.send_indication(peer.endpoint, b"x")
        assert peer.receive() == b"x"
        renewed, client.credentials = client.credentials, former
        assert refused(client.try_create_permission(peer.endpoint)), "the former key is not in force any more"
        client.credentials = renewed


# -- whose it is ------------------------------------------------------------------------------------------------------


def test_OAUTH_06_other_token_of_the_same_key_may_only_refresh(connect_with, transport, peer):
    client = connect_with(transport)
    client.allocate()
    own, other = client.credentials, issue(NORTH, NAME)
    client.credentials = other
    assert refused(client.try_create_permission(peer.endpoint))
    assert client.try_allocate().error == 437
    client.token_methods = (Method.CREATE_PERMISSION, Method.CHANNEL_BIND)
    assert client.try_create_permission(peer.endpoint).error == 441
    assert client.try_channel_bind(0x4000, peer.endpoint).error == 441
    client.credentials = own
    client.token_methods = TokenClient.token_methods
    client.create_permission(peer.endpoint)


def test_OAUTH_06_key_is_known_to_its_own_connection_only(connect_with, transport, peer):
    client = connect_with(transport)
    client.allocate()
    elsewhere = connect_with(transport, client.credentials)
    elsewhere.challenge()
    assert refused(elsewhere.try_create_permission(peer.endpoint))
    assert elsewhere.try_refresh().error == 437
    assert elsewhere.allocate().relayed != client.relayed, "a token is good for several allocations"


def test_OAUTH_06_users_and_tokens_do_not_touch_each_others_allocations(connect, connect_with, transport, peer):
    client = connect_with(transport)
    client.allocate()
    own = client.credentials
    user = connect(transport, ALICE)
    user.allocate()
    # Each now speaks as the other on its own connection.
    impostor = type(user)(client.transport, ALICE)
    impostor.challenge()
    assert impostor.try_refresh(0).error == 441
    assert impostor.try_create_permission(peer.endpoint).error == 441
    holder = TokenClient(user.transport, own)
    holder.challenge()
    assert holder.try_refresh(0).error == 441
    assert refused(holder.try_create_permission(peer.endpoint))
    client.create_permission(peer.endpoint)
    user.create_permission(peer.endpoint)


def test_OAUTH_06_quota_is_of_the_token_and_of_its_key(connect_with, launch):
    limits = {"allocations_per_user": 1, "allocations_per_tenant": 2}
    at = launch(limits=limits, **SETTINGS)
    first = issue(NORTH, NAME)
    connect_with("udp", first, at=at).allocate()
    assert connect_with("tcp", first, at=at).try_allocate().error == 486, "one for each token"
    connect_with("udp", at=at).allocate()
    assert connect_with("udp", at=at).try_allocate().error == 486, "two for each key"
    assert connect_with("udp", issue(SOUTH, NAME), at=at).allocate().is_success


def test_OAUTH_06_no_secret_is_logged(connect_with, launch, transport):
    at = launch(log={"level": "trace"}, **SETTINGS)
    client = connect_with(transport, at=at)
    client.allocate()
    connect_with(transport, replace(client.credentials, mac_key=bytes(20)), at=at).try_allocate()
    for secret in (client.credentials.mac_key, client.credentials.token, NORTH.key):
        assert secret.hex() not in at.log().lower()
    assert NORTH.setting["key"] not in at.log()
