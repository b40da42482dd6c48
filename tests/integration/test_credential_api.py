"""The credential API with keys of applications (the TURN REST draft's form), black-box, over each of its three fronts:
behind the 443 edge, on a listener of its own in the clear and over TLS. Unhappy paths first."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import re
import time
from urllib.parse import quote

import pytest

from credential_api import API_KEY, ORIGIN, TENANT, Api, own_front, parts_of, rest_credentials, settings
from http_exchange import read_response
from reloading import client_of, close_clients
from server_fixture import LISTENER, SHARED_SECRET, Server, free_port
from tls_transport import TlsTransport

KEY = quote(API_KEY)
FRONTS = ("edge", "clear", "tls")


@pytest.fixture(scope="module")
def servers(tmp_path_factory):
    directory = tmp_path_factory.mktemp("api")
    clear = Server(directory / "clear", settings())
    tls = Server(
        directory / "tls", settings(listener={"address": LISTENER, "port": free_port(LISTENER), "tls": True})
    )
    try:
        yield {"clear": clear.start(), "tls": tls.start()}
    finally:
        clear.stop()
        tls.stop()


@pytest.fixture(params=FRONTS)
def api(request, servers) -> Api:
    if request.param == "edge":
        return Api(*servers["clear"].edge, is_tls=True)
    return own_front(servers[request.param])


@pytest.fixture
def start(tmp_path):
    started: list[Server] = []

    def launch(configuration: dict) -> Server:
        started.append(Server(tmp_path / f"server{len(started)}", configuration))
        return started[-1].start()

    yield launch
    close_clients()
    for server in started:
        server.stop()


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("query", ["service=turn", "service=turn&key=", "service=turn&key=wrong", f"key={KEY}x", ""])
def test_API_key_that_nobody_has_is_401(api, query):
    answer = api.ask("GET", f"/?{query}")
    answer.assert_problem(401)
    assert answer.headers["www-authenticate"].startswith("Bearer")
    assert API_KEY.encode() not in answer.body


@pytest.mark.parametrize(
    "query", ["", "service=stun", "service=turn&ttl=0", "service=turn&ttl=-1", "service=turn&ttl=1h"]
)
def test_API_fields_that_make_no_sense_are_422(api, query):
    assert api.ask("GET", f"/?key={KEY}&{query}").assert_problem(422)["detail"]


def test_API_unknown_paths_are_404(api):
    for path in ("/v1", "/v1/ice-servers/", "/v1/credentials//revoke", "/v2/ice-servers", "/v1/nodes/x"):
        assert api.ask("GET", path).status == 404, path


@pytest.mark.parametrize(
    "method, path, allowed",
    [
        ("GET", "/v1/ice-servers", "POST, OPTIONS"),
        ("DELETE", "/v1/nodes", "GET, OPTIONS"),
        ("PUT", "/v1/revocations", "POST, OPTIONS"),
        ("GET", "/v1/credentials/1:x/revoke", "POST, OPTIONS"),
        ("PATCH", "/", "GET, POST, OPTIONS"),
    ],
)
def test_API_other_methods_are_405(api, method, path, allowed):
    answer = api.ask(method, path)
    answer.assert_problem(405)
    assert answer.headers["allow"] == allowed


def test_API_body_that_is_no_form_is_415(api):
    body = json.dumps({"key": API_KEY})
    api.ask("POST", f"/?key={KEY}&service=turn", body, Content_Type="application/json").assert_problem(415)


def test_API_long_body_is_413(api):
    form = "application/x-www-form-urlencoded"
    api.ask("POST", f"/?key={KEY}&service=turn", b"a" * 17000, Content_Type=form).assert_problem(413)


@pytest.mark.parametrize(
    "method, path", [("POST", "/v1/ice-servers"), ("GET", "/v1/nodes"), ("POST", "/v1/revocations")]
)
def test_API_without_a_token_is_401_without_an_error(api, method, path):
    answer = api.ask(method, path)
    answer.assert_problem(401)
    assert answer.headers["www-authenticate"] == "Bearer"  # RFC 6750 section 3.1


@pytest.mark.parametrize("header", ["Basic YTpi", "Bearer", "Bearer ", "bearer\t", "Token abc"])
def test_API_other_schemes_are_no_token(api, header):
    api.ask("POST", "/v1/ice-servers", Authorization=header).assert_problem(401)


def test_API_edge_says_little_to_strangers(servers):
    """The shortest requests of all, each answered with at most five times their octets."""
    for method, path in [
        ("POST", "/v1/ice-servers"),
        ("GET", "/v1/nodes"),
        ("GET", "/v1/ice-servers"),
        ("PUT", "/"),
        ("GET", "/"),
        ("OPTIONS", "/"),
        ("OPTIONS", "/v1/nodes"),
        ("GET", "/nowhere"),
    ]:
        transport = TlsTransport(servers["clear"].edge)
        request = f"{method} {path} HTTP/1.0\r\n\r\n".encode()
        transport.send(request)
        response = read_response(transport)
        transport.close()
        assert len(response.raw) <= 5 * len(request), (request, response.raw)
        assert response.status in (204, 401, 404, 405)


# -- CORS -------------------------------------------------------------------------------------------------------------


def test_API_preflight_of_an_allowed_origin(api):
    answer = api.ask(
        "OPTIONS",
        "/v1/ice-servers",
        Origin=ORIGIN,
        Access_Control_Request_Method="POST",
        Access_Control_Request_Headers="authorization,content-type",
    )
    assert answer.status == 204
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert "POST" in answer.headers["access-control-allow-methods"]
    allowed = answer.headers["access-control-allow-headers"].lower()
    assert "authorization" in allowed and "content-type" in allowed
    assert "access-control-allow-credentials" not in answer.headers


@pytest.mark.parametrize(
    "origin",
    [ORIGIN + ".evil.test", ORIGIN.upper(), "http://console.example.test", ORIGIN + ":443", "null", ORIGIN[:-1]],
)
def test_API_other_origins_get_no_permission(api, origin):
    for answer in (
        api.ask("OPTIONS", "/v1/ice-servers", Origin=origin, Access_Control_Request_Method="POST"),
        api.ask("POST", "/v1/ice-servers", Origin=origin),
        api.ask("GET", f"/?service=turn&key={KEY}", Origin=origin),
    ):
        assert not [name for name in answer.headers if name.startswith("access-control-")]


def test_API_refusals_can_be_read_by_an_allowed_origin(api):
    answer = api.ask("POST", "/v1/ice-servers", Origin=ORIGIN)
    answer.assert_problem(401)
    assert answer.headers["access-control-allow-origin"] == ORIGIN
    assert answer.headers["vary"] == "Origin"


# -- minting ----------------------------------------------------------------------------------------------------------


def test_API_rest_form_gives_what_the_relay_takes(api, servers, peer):
    answer = api.rest()
    assert answer.headers["cache-control"] == "no-store" and answer.headers["content-type"] == "application/json"
    assert set(answer.json) == {"username", "password", "ttl", "uris"}
    assert answer.json["ttl"] == 3600
    assert all(re.fullmatch(r"turns?:turn\.example\.test:\d+\?transport=(udp|tcp)", uri) for uri in answer.json["uris"])
    for server in servers.values():  # all know the secret
        client = client_of(server, credentials=rest_credentials(answer))
        client.allocate()
        client.create_permission(peer.endpoint)
        client.send_indication(peer.endpoint, b"minted")
        assert peer.receive() == b"minted"
        client.refresh(0)
    close_clients()


def test_API_user_name_has_the_agreed_form(api):
    answer = api.rest()
    username = answer.json["username"]
    parts = parts_of(username)
    assert abs(int(parts["expiry"]) - time.time() - 3600) < 30
    assert (parts["kid"], parts["tenant"]) == ("k1", TENANT)
    assert re.fullmatch(r"[A-Za-z0-9_-]{22}", parts["subject_hash"]) and "alice" not in username
    assert len(username) <= 508
    expected = base64.b64encode(hmac.new(SHARED_SECRET.encode(), username.encode(), hashlib.sha1).digest()).decode()
    assert answer.json["password"] == expected


def test_API_subject_keeps_its_hash_and_credentials_their_own_name(api):
    one, again = (parts_of(api.rest().json["username"]) for _ in range(2))
    other = parts_of(api.ask("GET", f"/?service=turn&username=bob&key={KEY}").json["username"])
    elsewhere = parts_of(api.ask("GET", "/?service=turn&username=alice&key=of+another").json["username"])
    assert one["subject_hash"] == again["subject_hash"] and one["jti"] != again["jti"]
    assert len({one["subject_hash"], other["subject_hash"], elsewhere["subject_hash"]}) == 3
    assert elsewhere["tenant"] == "janus"


def test_API_nobody_in_particular_is_another_one_each_time(api):
    names = {parts_of(api.ask("GET", f"/?service=turn&key={KEY}").json["username"])["subject_hash"] for _ in range(3)}
    assert len(names) == 3


def test_API_rest_form_in_a_body(api):
    form = "application/x-www-form-urlencoded; charset=utf-8"
    body = f"service=turn&username=a%40b+c&ttl=600&key={KEY.replace('%20', '+')}"
    answer = api.ask("POST", "/", body, Content_Type=form)
    assert answer.status == 200 and answer.json["ttl"] == 600


def test_API_ttl_ends_at_the_configured_maximum(api):
    assert api.ask("GET", f"/?service=turn&ttl=4000000000&key={KEY}").json["ttl"] == 12 * 3600


def test_API_connection_is_kept(servers):
    connection = own_front(servers["clear"]).connection()
    for _ in range(3):
        connection.request("GET", f"/?service=turn&key={KEY}")
        response = connection.getresponse()
        assert response.status == 200 and response.read()
    connection.close()


def test_API_counts_and_logs_decisions_without_secrets(start):
    server = start(settings())
    api = own_front(server)
    password = api.rest().json["password"]
    api.ask("GET", "/?service=turn&key=guessed-by-somebody")
    api.ask("GET", f"/?service=no&key={KEY}")
    api.ask("POST", "/v1/ice-servers", Authorization="Bearer a.token.of-somebody")
    issued = {
        outcome: server.metric("senso_turn_credentials_issued_total", outcome=outcome)
        for outcome in ("issued", "unauthenticated", "invalid", "unavailable")
    }
    assert issued == {"issued": 1, "unauthenticated": 2, "invalid": 1, "unavailable": 0}
    assert server.metric("senso_turn_http_request_duration_seconds_count") >= 4
    lines = [line for line in server.log().splitlines() if "request of the credential API" in line]
    assert len(lines) == 4
    assert sum("granted" in line for line in lines) == 1 and f"tenant={TENANT}" in lines[0]
    for secret in (password, API_KEY, "guessed-by-somebody", "a.token.of-somebody", "alice"):
        assert secret not in server.log()


# -- rates ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "rate, same, other",
    [
        ("per_subject", "username=a", "username=b"),
        ("per_tenant", "username=a", None),
        ("per_source", "username=a", None),
    ],
)
def test_API_rates_are_429_with_the_time_to_wait(start, rate, same, other):
    mints = {"per_subject": 0, "per_source": 0, "per_tenant": 0, rate: "2/h"}
    server = start(settings(mints=mints))
    api = own_front(server)
    target = f"/?service=turn&key={KEY}&"
    assert [api.ask("GET", target + same).status for _ in range(2)] == [200, 200]
    refused = api.ask("GET", target + same)
    refused.assert_problem(429)
    assert 1 <= int(refused.headers["retry-after"]) <= 1800
    if other:
        assert api.ask("GET", target + other).status == 200
    if rate == "per_tenant":
        assert api.ask("GET", "/?service=turn&key=of+another").status == 200
    if rate == "per_source":
        assert own_front(server, source="127.0.0.44").ask("GET", target + same).status == 200
        assert api.ask("GET", "/?service=turn&key=guess").status == 429, "guesses count"
    assert server.metric("senso_turn_credentials_issued_total", outcome="rate_limited") >= 1
