"""Bearer tokens against a real issuer of the test's own (HTTPS, keys that rotate): every attack is refused with 401 and
its reason counted, and what is minted relays. Unhappy paths first."""

from __future__ import annotations

import hmac
import json
import time

import pytest

from bearer_fixtures import api_of, assert_refused, certificate_for, settings
from bearer_fixtures import own_issuer, start  # noqa: F401
from credential_api import parts_of
from server_fixture import Server
from token_issuer import ADMIN_SCOPE, MINT_SCOPE, SigningKey, TokenIssuer, base64url, encode
from turn_client import Credentials, TurnClient, UdpTransport


@pytest.fixture(scope="module")
def issuer():
    with TokenIssuer(certificate_for("127.0.0.1")) as issuer:
        issuer.keys["p"] = SigningKey("p", "PS256")
        issuer.keys["e"] = SigningKey("e", "ES256")
        yield issuer


@pytest.fixture(scope="module")
def server(tmp_path_factory, issuer):
    configuration = settings(issuer.setting("RS256", "PS256", "ES256"))
    server = Server(tmp_path_factory.mktemp("tokens"), configuration).start()
    yield server
    server.stop()


# -- attacks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token", ["x", "a.b.c", "....", "e30.e30.AAAA", "-" * 8193, "eyJhbGciOiJSUzI1NiJ9.W10.AAAA"], ids=range(6)
)
def test_TOKEN_what_is_no_token(server, token):
    assert_refused(server, token, "malformed")


@pytest.mark.parametrize("signature", ["=", "A=AA", "AAAAA", "AAA=", "A+A", "A/A"])
def test_TOKEN_a_signature_that_is_not_encoded_well(server, issuer, signature):
    """cjose aborts on it."""
    assert_refused(server, issuer.token().rsplit(".", 1)[0] + "." + signature, "malformed")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS512", "RS384", "ES384", "EdDSA", "rs256"])
def test_TOKEN_other_algorithms(server, issuer, algorithm):
    assert_refused(server, issuer.keys["k1"].token(issuer.claims(), alg=algorithm), "algorithm")


def test_TOKEN_an_hmac_with_the_public_key(server, issuer):
    text = encode({"alg": "HS256", "kid": "k1"}) + "." + encode(issuer.claims())
    key = json.dumps(issuer.keys["k1"].jwk).encode()
    assert_refused(server, f"{text}.{base64url(hmac.digest(key, text.encode(), 'sha256'))}", "algorithm")


def test_TOKEN_an_algorithm_of_another_type_of_key(server, issuer):
    assert_refused(server, issuer.keys["k1"].token(issuer.claims(), alg="ES256"), "algorithm")
    assert_refused(server, issuer.keys["e"].token(issuer.claims(), alg="RS256"), "algorithm")


@pytest.mark.parametrize(
    "header",
    [
        {"jku": "https://127.0.0.1/keys"},
        {"x5u": "https://127.0.0.1/certificate"},
        {"jwk": {"kty": "RSA"}},
        {"x5c": ["AAAA"]},
        {"crit": ["exp"]},
        {"b64": False},
    ],
    ids=lambda header: next(iter(header)),
)
def test_TOKEN_headers_that_bring_a_key_or_change_the_rules(server, issuer, header):
    asked = len(issuer.requests)
    assert_refused(server, issuer.keys["k1"].token(issuer.claims(), **header), "header")
    assert len(issuer.requests) == asked


def test_TOKEN_an_embedded_key_of_a_stranger(server, issuer):
    stranger = SigningKey("k1", "RS256")
    assert_refused(server, stranger.token(issuer.claims(), jwk=stranger.jwk), "header")
    assert_refused(server, stranger.token(issuer.claims()), "signature")


def test_TOKEN_a_changed_payload(server, issuer):
    header, _, signature = issuer.token().split(".")
    assert_refused(server, f"{header}.{encode(issuer.claims(sub='mallory'))}.{signature}", "signature")


@pytest.mark.parametrize("url", ["https://127.0.0.1", "https://evil.example.test", "http://127.0.0.1", ""])
def test_TOKEN_other_issuers(server, issuer, url):
    assert_refused(server, issuer.token(iss=url), "issuer")


def test_TOKEN_the_issuer_is_compared_exactly(server, issuer):
    for url in (issuer.url + "/", issuer.url.upper(), issuer.url.replace("127.0.0.1", "127.1")):
        assert_refused(server, issuer.token(iss=url), "issuer")


@pytest.mark.parametrize("audience", [None, "turn2", ["a", "b"], "", 5], ids=str)
def test_TOKEN_for_somebody_else(server, issuer, audience):
    assert_refused(server, issuer.token(aud=audience), "audience")


def test_TOKEN_out_of_its_time(server, issuer):
    now = int(time.time())
    assert_refused(server, issuer.token(exp=now - 120), "expired")
    assert_refused(server, issuer.token(nbf=now + 120), "not_yet_valid")
    assert_refused(server, issuer.token(iat=now + 120), "not_yet_valid")
    assert_refused(server, issuer.token(exp=None), "malformed")
    assert_refused(server, issuer.token(exp=str(now + 600)), "malformed")


def test_TOKEN_a_member_that_appears_twice(server, issuer):
    claims = json.dumps(issuer.claims())
    twice = ('{"sub":"mallory",' + claims[1:]).encode()
    assert_refused(server, issuer.keys["k1"].token(twice), "malformed")


def test_TOKEN_without_the_scope_is_403(server, issuer):
    for scope in (None, "openid", "turn:credentialsx", ADMIN_SCOPE):
        api_of(server).mint(issuer.token(scope=scope)).assert_problem(403)


def test_TOKEN_no_secret_of_it_is_logged(server, issuer):
    token = issuer.token(sub="a subject that nobody may read")
    assert api_of(server).mint(token).status == 201
    log = server.log()
    assert token.split(".")[2] not in log and "a subject that nobody may read" not in log


# -- what is good -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("kid", ["k1", "p", "e"], ids=["RS256", "PS256", "ES256"])
def test_TOKEN_mints_and_relays(server, issuer, make_peer, kid):
    answer = api_of(server).mint(issuer.token(kid))
    assert answer.status == 201, answer.body
    turn = answer.json["iceServers"][-1]
    transport = UdpTransport(server.udp)
    client = TurnClient(transport, Credentials(turn["username"], turn["credential"]))
    peer = make_peer()
    client.allocate()
    client.channel_bind(0x4000, peer.endpoint)
    client.send_channel(0x4000, b"from a token")
    assert peer.receive() == b"from a token"
    client.refresh(0)
    transport.close()


def test_TOKEN_credentials_never_outlive_it(server, issuer):
    now = int(time.time())
    answer = api_of(server).mint(issuer.token(exp=now + 300), {"ttl": 3600})
    assert answer.status == 201
    assert int(parts_of(answer.json["iceServers"][-1]["username"])["expiry"]) <= now + 300
    assert answer.json["ttl"] <= 300


def test_TOKEN_scopes_and_audience_in_other_forms(server, issuer):
    assert api_of(server).mint(issuer.token(scope=None, scp=[MINT_SCOPE], aud=["console", "turn"])).status == 201
    assert api_of(server).mint(issuer.token(scope=f"openid {MINT_SCOPE} {ADMIN_SCOPE}")).status == 201


def test_TOKEN_other_scopes_and_the_tenant_claim_are_configured(start, own_issuer):
    server = start(settings(own_issuer.setting(mint_scope="calls", tenant_claim="org")))
    api_of(server).mint(own_issuer.token(org="acme")).assert_problem(403)
    assert_refused(server, own_issuer.token(scope="calls"), "malformed")
    answer = api_of(server).mint(own_issuer.token(scope="calls", org="acme"))
    assert parts_of(answer.json["iceServers"][-1]["username"])["tenant"] == "acme"
