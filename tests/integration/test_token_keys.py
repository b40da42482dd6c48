"""The keys of token issuers: how they are fetched, kept and changed, when that fails, and through which proxies."""

from __future__ import annotations

import json
import time

import pytest

from bearer_fixtures import DISCOVERY, api_of, assert_refused, certificate_for, failures, settings
from bearer_fixtures import own_issuer, start  # noqa: F401
from certificates import Authority, test_authority
from connect_proxy import ConnectProxy
from credential_api import parts_of
from reloading import reload
from server_fixture import is_sanitized
from token_issuer import Reply, SigningKey, TokenIssuer, base64url, encode
from waiting import eventually


def test_TOKEN_rotation_costs_no_request(start, own_issuer):
    server = start(settings(own_issuer.setting()))
    for kid in ("k1", "k2"):
        own_issuer.keys = {kid: SigningKey(kid, "RS256")}
        for _ in range(3):
            assert api_of(server).mint(own_issuer.token(kid)).status == 201
    assert own_issuer.fetches == 2


def test_TOKEN_unknown_kids_make_one_fetch_a_minute(start, own_issuer):
    server = start(settings(own_issuer.setting()))
    assert api_of(server).mint(own_issuer.token()).status == 201
    stranger = SigningKey("x", "RS256")
    for number in range(20):
        assert_refused(server, stranger.token(own_issuer.claims(), kid=f"x{number}"), "unknown_key")
    assert own_issuer.fetches == 2


def test_TOKEN_what_is_bad_anyway_makes_no_fetch(start, own_issuer):
    server = start(settings(own_issuer.setting("RS256", "ES256")))
    now = int(time.time())
    assert_refused(server, own_issuer.token(exp=now - 100), "expired")
    assert_refused(server, own_issuer.token(nbf=now + 1000), "not_yet_valid")
    assert_refused(server, own_issuer.token(aud="somebody else"), "audience")
    assert_refused(server, own_issuer.token(sub=None), "malformed")
    assert own_issuer.requests == []
    assert api_of(server).mint(own_issuer.token()).status == 201
    assert_refused(server, own_issuer.keys["k1"].token(own_issuer.claims(), alg="ES256"), "algorithm")
    assert own_issuer.fetches == 1


@pytest.mark.parametrize(
    "path, reply",
    [
        (DISCOVERY, Reply(500)),
        (DISCOVERY, Reply(body=b"no JSON")),
        (DISCOVERY, Reply(body=b'{"issuer": "https://evil.example.test", "jwks_uri": "https://evil.example.test/k"}')),
        (DISCOVERY, Reply(302, headers={"Location": "https://127.0.0.1/elsewhere"})),
        (DISCOVERY, Reply(body=b"{" + b" " * 300_000 + b"}")),
        ("/keys", Reply(503)),
        ("/keys", Reply(body=b"{}")),
        ("/keys", Reply(body=b'{"keys": []}')),
        ("/keys", Reply(body=b'{"keys": [{"kty": "RSA", "n": "A=AA", "e": "AQAB"}]}')),
        ("/keys", Reply(body=b'{"keys": [' + b" " * 300_000 + b"]}")),
    ],
    ids=["500", "no-json", "another-issuer", "redirect", "huge", "keys-503", "keys-no-set", "keys-empty", "keys-broken",
         "keys-huge"],
)
def test_TOKEN_an_issuer_without_keys_is_503(start, own_issuer, path, reply):
    own_issuer.replies[path] = reply
    server = start(settings(own_issuer.setting()))
    answer = api_of(server).mint(own_issuer.token())
    answer.assert_problem(503)
    assert int(answer.headers["retry-after"]) > 0
    assert failures(server, "keys_unavailable") == 1
    assert server.metric("senso_turn_jwks_refreshes_total", outcome="failure") == 1


def test_TOKEN_keys_by_plain_http_are_not_fetched(start, own_issuer):
    document = {"issuer": own_issuer.url, "jwks_uri": own_issuer.url.replace("https", "http") + "/keys"}
    own_issuer.replies[DISCOVERY] = Reply(body=json.dumps(document).encode())
    server = start(settings(own_issuer.setting()))
    api_of(server).mint(own_issuer.token()).assert_problem(503)
    assert own_issuer.fetches == 0


def test_TOKEN_an_issuer_with_a_certificate_of_strangers_is_503(start, tmp_path):
    certificate = Authority(tmp_path / "strangers").issue("issuer", "127.0.0.1")
    with TokenIssuer(certificate) as issuer:
        server = start(settings(issuer.setting()))
        api_of(server).mint(issuer.token()).assert_problem(503)
        assert issuer.requests == []


def test_TOKEN_a_certificate_for_another_name_is_503(start):
    with TokenIssuer(test_authority().issue("elsewhere", "127.0.0.2")) as issuer:
        server = start(settings(issuer.setting()))
        api_of(server).mint(issuer.token()).assert_problem(503)


def test_TOKEN_keys_stay_good_while_the_issuer_is_down(start, own_issuer):
    server = start(settings(own_issuer.setting()))
    token = own_issuer.token()
    assert api_of(server).mint(token).status == 201
    own_issuer.replies = {DISCOVERY: Reply(500), "/keys": Reply(500)}
    stranger = SigningKey("new", "RS256")
    assert_refused(server, stranger.token(own_issuer.claims()), "unknown_key")
    assert server.metric("senso_turn_jwks_refreshes_total", outcome="failure") == 1
    for _ in range(3):
        assert api_of(server).mint(token).status == 201


def test_TOKEN_those_who_wait_for_keys_are_all_answered(start, own_issuer):
    own_issuer.replies[DISCOVERY] = Reply(
        body=json.dumps({"issuer": own_issuer.url, "jwks_uri": own_issuer.url + "/keys"}).encode(), delay=1
    )
    server = start(settings(own_issuer.setting()))
    waiting = [api_of(server).connection() for _ in range(10)]
    for connection in waiting:
        connection.request("POST", "/v1/ice-servers", headers={"Authorization": f"Bearer {own_issuer.token()}"})
    # The control thread waits for nobody.
    assert server.metric("senso_turn_jwks_refreshes_total", outcome="success") == 0
    assert [connection.getresponse().status for connection in waiting] == [201] * 10
    assert own_issuer.fetches == 1
    for connection in waiting:
        connection.close()


@pytest.mark.skipif(is_sanitized(), reason="sanitizers keep freed memory: the size says nothing")
def test_TOKEN_ten_thousand_bad_tokens_leave_memory_as_it_was(start, own_issuer):
    suffix = {"issuer_suffix": "id.example.test", "audience": "turn", "algorithms": ["RS256"]}
    server = start(settings(own_issuer.setting(), suffix, http_proxy="http://127.0.0.1:9"))
    key = own_issuer.keys["k1"]
    payloads = [encode(own_issuer.claims(iss=f"https://tenant{number}.id.example.test")) for number in range(2000)]
    header, signature = encode({"alg": "RS256", "kid": "k1"}), base64url(key.sign(b"nothing"))
    connection = api_of(server).connection()

    def ask(token: str) -> int:
        connection.request("POST", "/v1/ice-servers", headers={"Authorization": f"Bearer {token}"})
        response = connection.getresponse()
        response.read()
        return response.status

    def burst() -> None:
        for payload in payloads:
            assert ask(f"{header}.{payload}.{signature}") in (401, 503)

    burst()
    before = server.metric("process_resident_memory_bytes")
    for _ in range(4):
        burst()
    assert server.metric("process_resident_memory_bytes") < before + 4 * 2**20
    connection.close()


# -- issuers by suffix, proxies, reloads -------------------------------------------------------------------------------


SUFFIX = {"issuer_suffix": "id.example.test", "audience": "turn", "algorithms": ["RS256"]}


@pytest.fixture
def tenant():
    with TokenIssuer(certificate_for("acme.id.example.test"), name="acme.id.example.test") as issuer:
        proxy = ConnectProxy(("127.0.0.1", issuer.port))
        yield issuer, proxy
        proxy.close()


def test_TOKEN_an_issuer_by_suffix_through_a_proxy_with_a_password(start, tenant):
    issuer, proxy = tenant
    server = start(settings(SUFFIX, http_proxy=proxy.url))
    answer = api_of(server).mint(issuer.token())
    assert answer.status == 201, answer.body
    assert parts_of(answer.json["iceServers"][-1]["username"])["tenant"] == "acme"
    assert proxy.asked and set(proxy.asked) == {"acme.id.example.test:443"}
    for url in ("https://acme.id.example.test:443", "https://a.acme.id.example.test", "https://id.example.test"):
        assert_refused(server, issuer.token(iss=url), "issuer")


def test_TOKEN_keys_of_an_issuer_by_suffix_come_from_under_the_suffix(start, tenant):
    issuer, proxy = tenant
    elsewhere = json.dumps({"issuer": issuer.url, "jwks_uri": "https://evil.example.test/keys"})
    issuer.replies[DISCOVERY] = Reply(body=elsewhere.encode())
    server = start(settings(SUFFIX, http_proxy=proxy.url))
    api_of(server).mint(issuer.token()).assert_problem(503)
    assert set(proxy.asked) == {"acme.id.example.test:443"}


def test_TOKEN_the_proxy_comes_from_the_environment_too(start, tenant):
    issuer, proxy = tenant
    server = start(settings(SUFFIX), environment={"https_proxy": proxy.url})
    assert api_of(server).mint(issuer.token()).status == 201
    assert proxy.asked


def test_TOKEN_a_proxy_that_refuses_is_503(start, tenant):
    issuer, proxy = tenant
    server = start(settings(SUFFIX, http_proxy=proxy.url_without_password))
    api_of(server).mint(issuer.token()).assert_problem(503)
    assert proxy.refused and not proxy.asked


# RELOADS credentials.issuers credentials.http_proxy credentials.ca_file
def test_TOKEN_a_reload_changes_issuers_proxy_and_authorities(start, tenant, own_issuer):
    issuer, proxy = tenant
    server = start(settings(own_issuer.setting(), ca_file=""))
    api_of(server).mint(own_issuer.token()).assert_problem(503)

    def change(**credentials) -> None:
        server.settings["credentials"].update(credentials)
        reload(server)

    change(ca_file=str(test_authority().certificate))
    assert eventually(lambda: api_of(server).mint(own_issuer.token()).status == 201, 15)
    change(issuers=[SUFFIX], http_proxy=proxy.url)
    api_of(server).mint(own_issuer.token()).assert_problem(401)
    assert api_of(server).mint(issuer.token()).status == 201
