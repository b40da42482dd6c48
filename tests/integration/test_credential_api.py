"""The credential API with keys of applications (the TURN REST draft's form), black-box, over each of its three fronts:
behind the 443 edge, on a listener of its own in the clear and over TLS. Unhappy paths first."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import hmac
import json
import re
import resource
import socket
import ssl
import time
from pathlib import Path
from urllib.parse import quote

import pytest

from certificates import test_authority
from credential_api import API_KEY, TENANT, Api, parts_of, rest_credentials
from http_exchange import read_response
from reloading import change, client_of, close_clients, reload, reload_command
from server_fixture import LISTENER, SHARED_SECRET, Server, ServerFailed, free_port
from tls_transport import TlsTransport
from turn_client import Credentials
from waiting import eventually

KEY = quote(API_KEY)
ORIGIN = "https://console.example.test"
FRONTS = ("edge", "clear", "tls")


def settings(**credentials) -> dict:
    return {
        "roles": ["relay", "credentials"],
        "region": "eu",
        "node": "turn.example.test",
        "credentials": {
            "listener": {"address": LISTENER, "port": free_port(LISTENER)},
            "api_keys": [{"key": "of another", "tenant": "janus"}, {"key": API_KEY, "tenant": TENANT}],
            "allowed_origins": [ORIGIN],
            "mints": {"per_subject": 0, "per_source": 0, "per_tenant": 0},
            **credentials,
        },
    }


def own_front(server: Server, **options) -> Api:
    listener = server.settings["credentials"]["listener"]
    return Api(LISTENER, listener["port"], is_tls=listener.get("tls", False), **options)


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


@pytest.mark.parametrize("method, path", [("POST", "/v1/ice-servers"), ("GET", "/v1/nodes"), ("POST", "/v1/revocations")])
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
    "origin", [ORIGIN + ".evil.test", ORIGIN.upper(), "http://console.example.test", ORIGIN + ":443", "null", ORIGIN[:-1]]
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


# -- roles ------------------------------------------------------------------------------------------------------------


def test_API_relay_alone_has_none(start):
    server = start({**settings(), "roles": ["relay"]})
    with pytest.raises(ConnectionRefusedError):
        own_front(server).rest()
    edge = Api(*server.edge, is_tls=True)
    assert edge.rest().status == 404 and edge.ask("POST", "/v1/ice-servers").status == 404


def test_API_service_alone_opens_no_relay_socket(start):
    server = start({**settings(), "roles": ["credentials"]})
    api = own_front(server)
    refused = api.rest()
    refused.assert_problem(503)  # it knows no relay
    assert int(refused.headers["retry-after"]) >= 1
    inodes = {
        match.group(1)
        for link in Path(f"/proc/{server.pid}/fd").iterdir()
        if (match := re.fullmatch(r"socket:\[(\d+)\]", str(link.readlink())))
    }
    listening = []
    for table in ("tcp", "tcp6", "udp", "udp6"):
        for row in Path(f"/proc/{server.pid}/net/{table}").read_text().splitlines()[1:]:
            columns = row.split()
            if columns[9] in inodes and (table.startswith("udp") or columns[3] == "0A"):
                listening.append((table, int(columns[1].rsplit(":", 1)[1], 16)))
    wanted = {server.settings["credentials"]["listener"]["port"], server.settings["metrics"]["port"]}
    assert {port for _, port in listening} == wanted
    assert server.metric("senso_turn_credentials_issued_total", outcome="unavailable") == 1


def test_API_draining_node_is_given_to_nobody(start):
    server = start({**settings(), "drain": {"deadline": "30s"}})
    api = own_front(server)
    client = client_of(server, credentials=rest_credentials(api.rest()))
    client.allocate()
    server.terminate()
    assert eventually(lambda: api.rest().status == 503)
    assert client.refresh().is_success
    client.refresh(0)
    assert server.wait() == 0
    server.process = None


# -- reload -----------------------------------------------------------------------------------------------------------


def test_API_secrets_rotate_without_a_refused_call(start, peer):
    server = start(settings())
    api = own_front(server)
    old = client_of(server, credentials=rest_credentials(api.rest()))
    old.allocate()
    late = rest_credentials(api.rest())
    both = [{"id": "k2", "secret": "the next secret, also long"}, {"id": "k1", "secret": SHARED_SECRET}]
    reload(server, auth={"shared_secrets": both})
    new = rest_credentials(api.rest())
    assert parts_of(new.username)["kid"] == "k2"
    for credentials in (late, new):
        client = client_of(server, credentials=credentials)
        client.allocate()
        client.create_permission(peer.endpoint)
        client.send_indication(peer.endpoint, b"x")
        assert peer.receive() == b"x"
        client.refresh(0)
    assert old.refresh().is_success
    old.refresh(0)
    reload(server, auth={"shared_secrets": both[:1]})
    assert client_of(server, credentials=late).try_allocate().error == 401
    assert client_of(server, credentials=new).try_allocate().is_success


@pytest.mark.parametrize("has_key", [True, False])
def test_API_subject_key_keeps_users_the_same_across_a_rotation(start, has_key):
    server = start(settings(**({"subject_key": "which stays"} if has_key else {})))
    api = own_front(server)
    before = parts_of(api.rest().json["username"])
    reload(server, auth={"shared_secrets": [{"id": "k2", "secret": "the next secret, also long"}]})
    after = parts_of(api.rest().json["username"])
    assert (before["kid"], after["kid"]) == ("k1", "k2")
    assert (before["subject_hash"] == after["subject_hash"]) is has_key


def test_API_quota_is_the_subjects_and_not_the_names(start):
    server = start({**settings(), "limits": {"allocations_per_user": 1}})
    api = own_front(server)
    client_of(server, credentials=rest_credentials(api.rest())).allocate()
    assert client_of(server, credentials=rest_credentials(api.rest())).try_allocate().error == 486
    bob = rest_credentials(api.ask("GET", f"/?service=turn&username=bob&key={KEY}"))
    assert client_of(server, credentials=bob).try_allocate().is_success


def test_API_secret_of_another_region_is_not_this_relays(start):
    secrets = [
        {"id": "na", "secret": "of the relays over there", "region": "na"},
        {"id": "eu", "secret": "of the relays over here", "region": "eu"},
    ]
    server = start({**settings(), "auth": {"shared_secrets": secrets}})
    credentials = rest_credentials(own_front(server).rest())
    assert parts_of(credentials.username)["kid"] == "eu"
    assert client_of(server, credentials=credentials).try_allocate().is_success
    username = credentials.username.replace(":eu.", ":na.")
    digest = hmac.new(b"of the relays over there", username.encode(), hashlib.sha1).digest()
    foreign = Credentials(username, base64.b64encode(digest).decode())
    assert client_of(server, credentials=foreign).try_allocate().error == 401


def test_API_certificate_is_replaced_under_way(start, tmp_path):
    def issue(days: int) -> dict:
        return test_authority().issue(f"api-{days}", "127.0.0.1", days=days).setting

    def not_after(port: int) -> str:
        context = ssl.create_default_context(cafile=str(test_authority().certificate))
        with socket.create_connection((LISTENER, port), timeout=10) as plain:
            with context.wrap_socket(plain, server_hostname="127.0.0.1") as wrapped:
                return wrapped.getpeercert()["notAfter"]

    configuration = settings(listener={"address": LISTENER, "port": free_port(LISTENER), "tls": True})
    server = start({**configuration, "tls": {"certificates": [issue(5)]}})
    api = own_front(server)
    kept = api.connection()
    kept.request("GET", f"/?service=turn&key={KEY}")
    assert kept.getresponse().read()
    before = not_after(api.port)
    reload(server, tls={"certificates": [issue(6)]})
    assert not_after(api.port) != before
    kept.request("GET", f"/?service=turn&key={KEY}")
    assert kept.getresponse().status == 200
    kept.close()


def test_API_that_was_not_there_needs_a_restart(start):
    server = start({**settings(), "credentials": {}})
    change(server, credentials={"api_keys": [{"key": API_KEY, "tenant": TENANT}]})
    refused = reload_command(server)
    assert refused.returncode == 1 and "credentials.api_keys" in refused.stdout + refused.stderr


# -- what cannot start ------------------------------------------------------------------------------------------------


def test_API_port_in_use_is_fatal(tmp_path):
    with socket.create_server((LISTENER, 0)) as held:
        server = Server(tmp_path, settings(listener={"address": LISTENER, "port": held.getsockname()[1]}))
        with pytest.raises(ServerFailed, match="credentials: cannot listen"):
            server.start()
        server.process = None


# -- slow clients -----------------------------------------------------------------------------------------------------


def is_served(api: Api) -> bool:
    try:
        return api.rest().status == 200
    except OSError:  # its turn has not come
        return False


def test_API_slow_clients_hold_up_no_packet_and_make_room(start, peer):
    """More of them than the listener takes at once: the relay does not notice, and they are gone after their time."""
    server = start(settings())
    client = client_of(server, credentials=rest_credentials(own_front(server).rest()))
    client.allocate()
    client.create_permission(peer.endpoint)
    port = server.settings["credentials"]["listener"]["port"]
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 20000), hard))
    held = []
    try:
        for _ in range(4400):
            slow = socket.socket()
            slow.setblocking(False)
            slow.connect_ex((LISTENER, port))
            held.append(slow)
        for slow in held:
            with contextlib.suppress(OSError):
                slow.send(b"POST /v1/ice-servers HTTP/1.1\r\nHost: x\r\nContent-Le")
        for number in range(50):
            client.send_indication(peer.endpoint, b"%d" % number)
            assert peer.receive() == b"%d" % number
        assert eventually(lambda: is_served(own_front(server)), seconds=60)
    finally:
        for slow in held:
            slow.close()
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    client.refresh(0)
