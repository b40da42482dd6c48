"""Bearer tokens against a real issuer of the test's own (HTTPS, keys that rotate): every attack is refused with 401 and
its reason counted, and what is minted relays. Unhappy paths first."""

from __future__ import annotations

import functools
import hmac
import json
import time

import pytest

from certificates import Authority, CertificatePair, test_authority
from connect_proxy import ConnectProxy
from credential_api import Api, parts_of
from reloading import reload
from server_fixture import LISTENER, Server, free_port
from token_issuer import ADMIN_SCOPE, MINT_SCOPE, Reply, SigningKey, TokenIssuer, base64url, encode
from turn_client import Credentials, TurnClient, UdpTransport
from waiting import eventually

DISCOVERY = "/.well-known/openid-configuration"


def settings(*issuers: dict, **credentials) -> dict:
    return {
        "roles": ["relay", "credentials"],
        "region": "eu",
        "node": "turn.example.test",
        "credentials": {
            "listener": {"address": LISTENER, "port": free_port(LISTENER)},
            "issuers": list(issuers),
            "ca_file": str(test_authority().certificate),
            "mints": {"per_subject": 0, "per_source": 0, "per_tenant": 0},
            **credentials,
        },
    }


@functools.cache
def certificate_for(name: str) -> CertificatePair:
    return test_authority().issue(f"issuer-{name}", name)


def api_of(server: Server) -> Api:
    return Api(LISTENER, server.settings["credentials"]["listener"]["port"])


def failures(server: Server, reason: str) -> float:
    return server.metric("senso_turn_bearer_failures_total", reason=reason)


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


@pytest.fixture
def start(tmp_path):
    started: list[Server] = []

    def launch(configuration: dict, **options) -> Server:
        started.append(Server(tmp_path / f"server{len(started)}", configuration, **options))
        return started[-1].start()

    yield launch
    for server in started:
        server.stop()


@pytest.fixture
def own_issuer():
    with TokenIssuer(certificate_for("127.0.0.1")) as issuer:
        yield issuer


def assert_refused(server: Server, token: str, reason: str) -> None:
    before = failures(server, reason)
    answer = api_of(server).mint(token)
    answer.assert_problem(401)
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]
    assert failures(server, reason) == before + 1


# -- attacks ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "token", ["x", "a.b.c", "....", "e30.e30.AAAA", "-" * 8193, "eyJhbGciOiJSUzI1NiJ9.W10.AAAA"], ids=range(6)
)
def test_TOKEN_what_is_no_token(server, token):
    assert_refused(server, token, "malformed")


@pytest.mark.parametrize("algorithm", ["none", "None", "HS256", "HS512", "RS384", "ES384", "EdDSA", "rs256"])
def test_TOKEN_other_algorithms(server, issuer, algorithm):
    assert_refused(server, issuer.keys["k1"].token(issuer.claims(), alg=algorithm), "algorithm")


def test_TOKEN_an_hmac_with_the_public_key(server, issuer):
    text = encode({"alg": "HS256", "kid": "k1"}) + "." + encode(issuer.claims())
    key = json.dumps(issuer.keys["k1"].jwk).encode()
    assert_refused(server, f"{text}.{base64url(hmac.digest(key, text.encode(), 'sha256'))}", "algorithm")


def test_TOKEN_an_algorithm_of_another_type_of_key(server, issuer):
    assert_refused(server, issuer.keys["k1"].token(issuer.claims(), alg="ES256"), "unknown_key")
    assert_refused(server, issuer.keys["e"].token(issuer.claims(), alg="RS256"), "unknown_key")


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


# -- keys -------------------------------------------------------------------------------------------------------------


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
        ("/keys", Reply(body=b'{"keys": [' + b" " * 300_000 + b"]}")),
    ],
    ids=["500", "no-json", "another-issuer", "redirect", "huge", "keys-503", "keys-no-set", "keys-empty", "keys-huge"],
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


# -- issuers by suffix, proxies, reloads --------------------------------------------------------------------------------


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
