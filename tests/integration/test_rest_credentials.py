"""Credentials of the TURN REST form and static users, black-box. Expiry during an allocation is in test_expiry.py."""

import base64
import hashlib
import hmac

import pytest

from server_fixture import ALICE, BOB, SHARED_SECRET
from stun_message import SHA256, Attribute
from turn_client import Credentials, timed_credentials

SECOND_SECRET = "an older secret that still verifies"

SETTINGS = {
    "auth": {
        "users": [{"username": ALICE.username, "password": ALICE.password}],
        "shared_secrets": [{"id": "k1", "secret": SHARED_SECRET}, {"id": "k0", "secret": SECOND_SECRET}],
    }
}


def test_REST_valid_credentials_allocate(connect, transport, peer):
    client = connect(transport, timed_credentials(SHARED_SECRET))
    client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"x")
    assert peer.receive() == b"x"


def test_REST_username_may_be_the_time_alone(connect, transport):
    assert connect(transport, timed_credentials(SHARED_SECRET, name="")).allocate().is_success


def test_REST_service_usernames_have_more_parts(connect, transport):
    client = connect(transport, timed_credentials(SHARED_SECRET, name="k1.acme.9f2c8d11:7d1e"))
    assert client.allocate().is_success


def test_REST_sha256_algorithm(connect, transport):
    assert connect(transport, timed_credentials(SHARED_SECRET, algorithm=SHA256)).allocate().is_success


def test_REST_every_secret_verifies(connect, transport):
    assert connect(transport, timed_credentials(SECOND_SECRET)).allocate().is_success


def test_REST_expired_credentials_are_401(connect, transport):
    for seconds in (-1, -600, -(10**9)):
        assert connect(transport, timed_credentials(SHARED_SECRET, seconds=seconds)).try_allocate().error == 401


def test_REST_wrong_secret_is_401(connect, transport):
    response = connect(transport, timed_credentials("not the secret")).try_allocate()
    assert response.error == 401
    assert Attribute.REALM in response and Attribute.NONCE in response


@pytest.mark.parametrize(
    "username", ["0:x", "-1:x", "99999999999999999999999:x", "abc:x", ":x", "1e9:x", " 9999999999:x"]
)
def test_REST_odd_times_never_pass(connect, transport, username):
    password = base64.b64encode(hmac.new(SHARED_SECRET.encode(), username.encode(), hashlib.sha1).digest()).decode()
    assert connect(transport, Credentials(username, password)).try_allocate().error in (400, 401)


def test_REST_changed_expiry_is_401(connect, transport):
    good = timed_credentials(SHARED_SECRET)
    later = Credentials(f"{int(good.username.split(':')[0]) + 3600}:rest-user", good.password)
    assert connect(transport, later).try_allocate().error == 401


def test_AUTH_static_users_and_secrets_work_side_by_side(connect, transport):
    assert connect(transport, ALICE).allocate().is_success
    assert connect(transport, timed_credentials(SHARED_SECRET)).allocate().is_success
    assert connect(transport, BOB).try_allocate().error == 401, "he is no user of this server"
    assert connect(transport, Credentials(ALICE.username, "wrong")).try_allocate().error == 401


def test_AUTH_static_user_is_no_rest_user(connect, transport):
    password = base64.b64encode(hmac.new(SHARED_SECRET.encode(), b"alice", hashlib.sha1).digest()).decode()
    assert connect(transport, Credentials("alice", password)).try_allocate().error == 401


def test_TURN_04_allocation_belongs_to_the_user_that_made_it(connect, transport):
    client = connect(transport, timed_credentials(SHARED_SECRET, name="one"))
    client.allocate()
    owner, client.credentials = client.credentials, timed_credentials(SHARED_SECRET, name="two")
    assert client.try_refresh(0).error == 441
    client.credentials = owner
    assert client.refresh().is_success


def test_TURN_25_quota_is_of_the_subject_not_of_the_one_time_name(launch, connect, transport):
    at = launch(limits={"allocations_per_user": 2}, auth=SETTINGS["auth"])
    clients = [
        connect(transport, timed_credentials(SHARED_SECRET, seconds=600 + number, name="same-subject"), at=at)
        for number in range(3)
    ]
    assert clients[0].allocate().is_success
    assert clients[1].allocate().is_success
    assert clients[2].try_allocate().error == 486
    other = connect(transport, timed_credentials(SHARED_SECRET, name="other-subject"), at=at)
    assert other.allocate().is_success


def test_REST_secret_may_come_from_a_file_or_the_environment(tmp_path_factory, launch, connect, monkeypatch):
    secret_file = tmp_path_factory.mktemp("secrets") / "secret"
    secret_file.write_text("from a file\n")
    monkeypatch.setenv("TEST_TURN_SECRET", "from the environment")
    at = launch(
        auth={
            "users": [],
            "shared_secrets": [
                {"id": "file", "secret_file": str(secret_file)},
                {"id": "env", "secret": "${TEST_TURN_SECRET}"},
            ],
        }
    )
    for secret in ("from a file", "from the environment"):
        assert connect("udp", timed_credentials(secret), at=at).allocate().is_success
