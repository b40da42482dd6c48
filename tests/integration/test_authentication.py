"""Long-term authentication (RFC 8489 section 9.2), black-box. What needs waiting is in test_expiry.py."""

import base64
import os
import re
import struct

import pytest

from server_fixture import ALICE, BOB, REALM
from stun_message import MD5, SHA256, UDP, Attribute, Builder, Message, Method, long_term_key, userhash_of
from turn_client import Credentials, TurnClient, encode_algorithm

MODERN = Credentials.modern(ALICE.username, ALICE.password)
MODERN_MD5 = Credentials.modern(ALICE.username, ALICE.password, MD5)
HIDDEN = Credentials.modern(ALICE.username, ALICE.password, hides_username=True)

IDENTITY = {Attribute.USERNAME, Attribute.USERHASH}
INTEGRITY = {Attribute.MESSAGE_INTEGRITY, Attribute.MESSAGE_INTEGRITY_SHA256}

MATRIX_USER = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"

SETTINGS = {
    "auth": {
        "users": [
            {"username": ALICE.username, "password": ALICE.password},
            {"username": BOB.username, "password": BOB.password},
            {"username": MATRIX_USER, "password": "TheMatrIX"},
            {"username": "jos\u00e9", "password": "caf\u00e9\u00a0noir"},
            {"username": "md5-only", "key": long_term_key("md5-only", REALM, "secret").hex()},
            {"username": "sha256-only", "key": long_term_key("sha256-only", REALM, "secret", SHA256).hex()},
        ]
    }
}


def allocate_builder() -> Builder:
    return Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))


def assert_challenge(response: Message, code: int = 401) -> None:
    """REALM and a NONCE to go on with, nothing that names the user, no signature."""
    assert response.error == code
    assert response.text(Attribute.REALM) == REALM
    assert response.find(Attribute.NONCE)
    assert Attribute.PASSWORD_ALGORITHMS in response
    assert not response.names() & (IDENTITY | INTEGRITY)


def assert_bare_400(response: Message) -> None:
    assert response.error == 400
    assert not response.names() & (IDENTITY | INTEGRITY | {Attribute.NONCE, Attribute.REALM})


@pytest.fixture
def modern(connect, transport) -> TurnClient:
    return connect(transport, MODERN)


def test_AUTH_01_no_integrity_is_401_with_realm_and_nonce(client):
    response = client.challenge()
    assert response.type == 0x0113
    assert_challenge(response)
    for method in (Method.REFRESH, Method.CREATE_PERMISSION, Method.CHANNEL_BIND):
        assert_challenge(client.transact(Builder(method).build()))


def test_AUTH_02_nonce_starts_with_the_cookie(client):
    client.challenge()
    assert client.nonce.startswith("obMatJos2")
    assert len(base64.b64decode(client.nonce[9:13], validate=True)) == 3


@pytest.mark.parametrize(
    "password_algorithms, username_anonymity, bits",
    [(True, True, "wAAA"), (True, False, "gAAA"), (False, True, "QAAA"), (False, False, "AAAA")],
)
def test_AUTH_03_feature_bits_are_counted_from_the_left(
    launch, connect, transport, password_algorithms, username_anonymity, bits
):
    at = launch(
        protocol={"password_algorithms": password_algorithms, "username_anonymity": username_anonymity}
    )
    client = connect(transport, at=at)
    response = client.challenge()
    assert client.nonce[9:13] == bits
    assert (Attribute.PASSWORD_ALGORITHMS in response) == password_algorithms
    assert client.allocate().is_success


def test_AUTH_04_nonces_of_two_sources_differ(connect, transport):
    nonces = set()
    for _ in range(20):
        client = connect(transport)
        client.challenge()
        nonces.add(client.nonce)
    assert len(nonces) == 20


def test_AUTH_05_nonce_of_another_port_is_stale(connect, transport):
    one, other = connect(transport), connect(transport)
    one.challenge()
    other.realm, other.nonce = one.realm, one.nonce
    response = other.transact(other.sign(allocate_builder()).build())
    assert_challenge(response, 438)
    assert response.text(Attribute.NONCE) != one.nonce
    other.learn(response)
    assert other.allocate().is_success


def test_AUTH_06_nonce_and_realm_are_short_quoted_text(client):
    client.challenge()
    for text in (client.nonce, client.realm):
        assert 0 < len(text) < 128
        assert re.fullmatch(r'([!#-\[\]-~ ]|\\[!-~])+', text)
        assert not text.startswith('"')


@pytest.mark.parametrize(
    "row, missing", [("07", Attribute.USERNAME), ("08", Attribute.REALM), ("09", Attribute.NONCE)]
)
def test_AUTH_07_AUTH_08_AUTH_09_missing_credential_attributes_are_400(client, row, missing):
    client.challenge()
    builder = client.add_credentials(allocate_builder(), omit={missing})
    assert_bare_400(client.transact(client.add_integrity(builder).build()))


def test_AUTH_07_missing_username_is_400_with_sha256_as_well(modern):
    modern.challenge()
    builder = modern.add_credentials(allocate_builder(), omit={Attribute.USERNAME})
    assert_bare_400(modern.transact(modern.add_integrity(builder).build()))


def test_AUTH_10_unknown_user_is_challenged(connect, transport):
    client = connect(transport, Credentials("nobody", "whatever"))
    client.challenge()
    before = client.nonce
    response = client.try_allocate()
    assert_challenge(response)
    client.learn(response)
    assert client.nonce != before


@pytest.mark.parametrize("credentials", [ALICE, MODERN])
def test_AUTH_11_wrong_integrity_is_challenged(connect, transport, credentials):
    client = connect(transport, credentials)
    builder = client.add_credentials(allocate_builder())
    assert_challenge(client.transact(client.add_integrity(builder, flip=True).build()))
    assert client.allocate().is_success


def test_AUTH_11_wrong_password_is_challenged(connect, transport):
    client = connect(transport, Credentials(ALICE.username, "not her password"))
    assert_challenge(client.try_allocate())


def test_AUTH_12_unknown_user_and_wrong_password_look_alike(connect, transport):
    shapes = set()
    for username, password in (("alicf", "x"), ("alice", "x"), ("robot", "hunter2")):
        client = connect(transport, Credentials(username, password))
        response = client.try_allocate()
        shapes.add(
            tuple(
                (kind, len(value) if kind == Attribute.NONCE else value)
                for kind, value, _ in response.attributes
            )
        )
    assert len(shapes) == 1


def test_AUTH_16_edited_nonces_never_validate(client):
    client.challenge()
    issued = client.nonce
    edits = [issued[:at] + ("A" if issued[at] != "A" else "B") + issued[at + 1 :] for at in range(len(issued))]
    edits += [issued[:9] + bits + issued[13:] for bits in ("AAAA", "gAAA", "QAAA", "////")]
    edits += [issued[:-1], issued + "A", issued.swapcase(), "x", issued[:9]]
    for edited in edits:
        if edited == issued:
            continue
        client.nonce = edited
        response = client.transact(client.sign(allocate_builder()).build())
        assert response.error in (401, 438), f"{edited} instead of {issued}"
        assert_challenge(response, response.error)
    client.nonce = issued
    assert client.allocate().is_success


def test_AUTH_18_first_attempts_get_random_nonces(connect, transport):
    tails = []
    for _ in range(100):
        client = connect(transport)
        client.challenge()
        tails.append(client.nonce[13:])
    assert len(set(tails)) == 100
    # No visible counter: of the characters at each place, few places may be the same throughout.
    constant = [at for at in range(len(tails[0])) if len({tail[at : at + 1] for tail in tails}) == 1]
    assert len(constant) <= len(tails[0]) // 4
    assert tails != sorted(tails)


def test_AUTH_19_success_responses_are_signed_and_carry_no_credentials(client, peer):
    responses = [
        client.allocate(),
        client.refresh(),
        client.create_permission(peer.endpoint),
        client.channel_bind(0x4000, peer.endpoint),
        client.refresh(0),
    ]
    for response in responses:
        assert response.has_valid_integrity(client.key)
        assert not response.names() & (IDENTITY | {Attribute.NONCE, Attribute.REALM})


@pytest.mark.parametrize("credentials", [ALICE, MODERN])
def test_AUTH_20_errors_after_authentication_are_signed(connect, launch, transport, credentials):
    at = launch(
        peers={"allow": ["127.0.0.0/8"], "deny": ["127.0.0.66/32"]},
        limits={"permissions_per_allocation": 1, "allocations_per_user": 1},
        relay={"addresses": ["127.0.0.2"]},
        auth=SETTINGS["auth"],
    )
    client = connect(transport, credentials, at=at)
    assert client.try_refresh().error == 437
    assert client.try_allocate(protocol=132).error == 442
    assert client.try_allocate(family=2).error == 440
    assert client.try_allocate(token=bytes(8)).error == 508
    client.allocate()
    assert client.try_allocate().error == 437
    assert connect(transport, credentials, at=at).try_allocate().error == 486
    seen = {
        400: client.request(Method.CREATE_PERMISSION),
        403: client.try_create_permission(("127.0.0.66", 1)),
        420: client.request(Method.REFRESH, lambda m: m.add(0x7F00)),
        443: client.try_create_permission(("fd00:1::3", 1)),
        508: client.try_create_permission(("127.0.0.3", 1), ("127.0.0.4", 1)),
    }
    stranger = Credentials(BOB.username, BOB.password) if not credentials.is_modern else Credentials.modern(*BOB_LOGIN)
    owner, client.credentials = client.credentials, stranger
    seen[441] = client.try_refresh()
    for code, response in seen.items():
        assert response.error == code
    client.credentials = owner
    for code, response in seen.items():
        if code != 441:
            assert response.has_valid_integrity(client.key), code


BOB_LOGIN = (BOB.username, BOB.password)


@pytest.mark.parametrize("row, credentials", [("21", ALICE), ("22", MODERN)])
def test_AUTH_21_AUTH_22_attributes_after_the_integrity_are_ignored(connect, transport, peer, row, credentials):
    client = connect(transport, credentials)
    client.allocate()
    builder = client.signed(Method.REFRESH).add_u32(Attribute.LIFETIME, 0)
    assert client.transact(builder.build()).lifetime == 600
    builder = client.signed(Method.CREATE_PERMISSION).add_peer(peer.endpoint)
    assert client.transact(builder.build()).error == 400
    builder = client.signed(Method.REFRESH).add(0x7F00)
    assert client.transact(builder.build()).is_success
    peer.send(b"no permission", client.relayed)
    assert client.refresh().is_success
    client.assert_silence()


def test_AUTH_21_fingerprint_after_the_integrity_counts(client):
    client.challenge()
    assert client.transact(client.sign(allocate_builder()).fingerprint().build()).is_success
    client.assert_ignores(client.signed(Method.REFRESH).fingerprint(xor=1).build())
    client.refresh(0)


def test_AUTH_23_integrity_covers_the_message_before_it(client):
    client.challenge()
    builder = client.sign(allocate_builder()).fingerprint()
    response = client.transact(builder.build())
    assert response.is_success and response.has_valid_integrity(client.key)
    client.refresh(0)


@pytest.mark.parametrize("octets", [0, 4, 16, 19, 24, 32])
def test_AUTH_24_integrity_of_another_length_is_refused(client, octets):
    builder = client.add_credentials(allocate_builder())
    assert client.transact(client.add_integrity(builder, octets=octets).build()).error in (400, 401)


def test_AUTH_25_sha256_integrity_is_accepted(modern, peer):
    modern.allocate()
    assert modern.refresh().is_success
    assert modern.create_permission(peer.endpoint).is_success
    assert modern.channel_bind(0x4000, peer.endpoint).is_success


def test_AUTH_25_sha256_integrity_without_password_algorithms(client):
    builder = client.add_credentials(allocate_builder()).integrity_sha256(client.key)
    response = client.transact(builder.build())
    assert response.is_success
    client.refresh(0)


def test_AUTH_26_sha256_integrity_decides_when_both_are_there(client):
    client.challenge()
    key = client.key
    good_then_bad = client.add_credentials(allocate_builder()).integrity(key).integrity_sha256(key, flip=True)
    assert_challenge(client.transact(good_then_bad.build()))
    bad_then_good = client.add_credentials(allocate_builder()).integrity(key, flip=True).integrity_sha256(key)
    assert client.transact(bad_then_good.build()).is_success
    client.refresh(0)


def test_AUTH_27_answer_is_signed_as_the_request_was_processed(connect, transport):
    # TurnClient.check_integrity demands the right one of the two and refuses the other.
    for credentials in (ALICE, MODERN, MODERN_MD5, HIDDEN):
        client = connect(transport, credentials)
        response = client.allocate()
        assert len(response.names() & INTEGRITY) == 1
        assert (Attribute.MESSAGE_INTEGRITY_SHA256 in response) == credentials.is_modern
        assert len(client.try_allocate().names() & INTEGRITY) == 1


@pytest.mark.parametrize("octets", [16, 20, 24, 28])
def test_AUTH_28_truncated_sha256_integrity_is_refused(modern, octets):
    builder = modern.add_credentials(allocate_builder())
    assert modern.transact(modern.add_integrity(builder, octets=octets).build()).error in (400, 401)


@pytest.mark.parametrize("octets", [0, 4, 12, 18, 36, 64])
def test_AUTH_29_sha256_integrity_of_invalid_length_is_refused(modern, octets):
    builder = modern.add_credentials(allocate_builder())
    assert modern.transact(modern.add_integrity(builder, octets=octets).build()).error in (400, 401)


def test_AUTH_30_md5_key_is_that_of_the_rfc(client):
    assert long_term_key("user", "realm", "pass").hex() == "8493fbc53ba582fb4c044c456bdc40eb"
    assert client.credentials.algorithm == MD5
    assert client.allocate().is_success


def test_AUTH_31_password_algorithms_come_with_the_feature_bit(launch, connect, transport):
    on = connect(transport)
    value = on.challenge().find(Attribute.PASSWORD_ALGORITHMS)
    entries = [struct.unpack(">HH", value[at : at + 4]) for at in range(0, len(value), 4)]
    assert entries == [(SHA256, 0), (MD5, 0)]
    assert base64.b64decode(on.nonce[9:13])[0] & 0x80
    off = connect(transport, at=launch(protocol={"password_algorithms": False}))
    assert Attribute.PASSWORD_ALGORITHMS not in off.challenge()
    assert not base64.b64decode(off.nonce[9:13])[0] & 0x80
    assert Attribute.PASSWORD_ALGORITHMS not in off.allocate()


def test_AUTH_32_sha256_password_algorithm(modern):
    assert modern.credentials.algorithm == SHA256
    assert len(modern.allocate().find(Attribute.MESSAGE_INTEGRITY_SHA256)) == 32


def test_AUTH_32_md5_may_be_chosen_by_name(connect, transport):
    assert connect(transport, MODERN_MD5).allocate().is_success


def test_AUTH_33_neither_attribute_means_md5(client):
    assert not client.credentials.is_modern
    assert client.allocate().is_success


@pytest.mark.parametrize("row, missing", [("34", Attribute.PASSWORD_ALGORITHMS), ("35", Attribute.PASSWORD_ALGORITHM)])
def test_AUTH_34_AUTH_35_one_password_attribute_without_the_other_is_400(modern, row, missing):
    modern.challenge()
    builder = modern.add_credentials(allocate_builder(), omit={missing})
    assert modern.transact(modern.add_integrity(builder).build()).error == 400


@pytest.mark.parametrize(
    "altered",
    [
        encode_algorithm(MD5),
        encode_algorithm(MD5) + encode_algorithm(SHA256),
        encode_algorithm(SHA256) + encode_algorithm(MD5) + encode_algorithm(MD5),
        b"",
    ],
)
def test_AUTH_36_altered_password_algorithms_are_400(connect, transport, altered):
    client = connect(transport, MODERN_MD5)
    client.challenge()
    client.algorithms = altered
    assert client.try_allocate().error == 400


@pytest.mark.parametrize("number", [0x0000, 0x0003, 0xFFFF])
def test_AUTH_37_password_algorithm_outside_the_list_is_400(modern, number):
    modern.challenge()
    builder = modern.add_credentials(allocate_builder(), omit={Attribute.PASSWORD_ALGORITHM})
    builder.add(Attribute.PASSWORD_ALGORITHM, encode_algorithm(number))
    assert modern.transact(modern.add_integrity(builder).build()).error == 400


def test_AUTH_38_userhash_identifies_the_user(connect, transport):
    client = connect(transport, HIDDEN)
    client.challenge()
    assert base64.b64decode(client.nonce[9:13])[0] & 0x40
    response = client.allocate()
    assert not response.names() & IDENTITY
    assert client.refresh().is_success


def test_AUTH_38_userhash_and_username_are_the_same_owner(connect, transport):
    client = connect(transport, HIDDEN)
    client.allocate()
    client.credentials = MODERN
    assert client.refresh().is_success


def test_AUTH_39_unknown_userhash_is_challenged(connect, transport):
    client = connect(transport, Credentials.modern("nobody", "x", hides_username=True))
    assert_challenge(client.try_allocate())


@pytest.mark.parametrize("octets", [0, 31, 33, 64])
def test_AUTH_40_userhash_of_another_length_never_authenticates(modern, octets):
    modern.challenge()
    builder = allocate_builder().add(Attribute.USERHASH, (userhash_of("alice", REALM) * 2)[:octets])
    modern.add_credentials(builder, omit={Attribute.USERNAME})
    assert modern.transact(modern.add_integrity(builder).build()).error in (400, 401)


def test_AUTH_40_userhash_that_contradicts_the_username_never_authenticates(modern):
    modern.challenge()
    builder = allocate_builder().add(Attribute.USERHASH, userhash_of(BOB.username, REALM))
    modern.add_credentials(builder)
    assert modern.transact(modern.add_integrity(builder).build()).error in (400, 401)


def test_AUTH_41_username_of_763_octets_is_read(connect, transport):
    client = connect(transport, Credentials("u" * 763, "x"))
    assert_challenge(client.try_allocate())


@pytest.mark.parametrize("algorithm", [MD5, SHA256])
def test_AUTH_42_names_beyond_ascii(connect, transport, algorithm):
    for credentials in (
        Credentials(MATRIX_USER, "TheMatrIX"),
        Credentials.modern(MATRIX_USER, "TheMatrIX", algorithm),
        Credentials.modern(MATRIX_USER, "TheMatrIX", algorithm, hides_username=True),
    ):
        assert connect(transport, credentials).allocate().is_success


def test_AUTH_42_names_and_passwords_are_prepared(connect, transport):
    # OpaqueString (RFC 8265) turns every space into U+0020; the configuration spells one as U+00A0.
    assert connect(transport, Credentials("jos\u00e9", "caf\u00e9 noir")).allocate().is_success
    assert connect(transport, Credentials("jos\u00e9", "caf\u00e9\u00a0noir")).try_allocate().error == 401
    assert connect(transport, Credentials("JOS\u00c9", "caf\u00e9 noir")).try_allocate().error == 401, "case counts"


def test_AUTH_43_another_realm_is_challenged_with_ours(client):
    client.challenge()
    client.realm = "evil"
    assert_challenge(client.transact(client.sign(allocate_builder()).build()))


def test_AUTH_44_derived_keys_are_enough_to_configure_a_user(connect, transport):
    assert connect(transport, Credentials("md5-only", "secret")).allocate().is_success
    assert connect(transport, Credentials.modern("md5-only", "secret", MD5)).allocate().is_success
    assert connect(transport, Credentials.modern("sha256-only", "secret")).allocate().is_success
    assert connect(transport, Credentials("sha256-only", "secret")).try_allocate().error == 401
    assert connect(transport, Credentials("md5-only", "other")).try_allocate().error == 401


def test_AUTH_48_indications_are_never_authenticated(allocated, peer, make_peer):
    other = make_peer("127.0.0.4")
    allocated.create_permission(peer.endpoint)
    allocated.send_indication(
        peer.endpoint, b"signed wrongly", lambda m: m.add_text(Attribute.USERNAME, "mallory").integrity(os.urandom(16))
    )
    assert peer.receive() == b"signed wrongly"
    allocated.send_indication(other.endpoint, b"signed well", lambda m: allocated.sign(m))
    allocated.assert_silence()
    other.assert_silence(0.05)


