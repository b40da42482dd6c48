"""What the holder of a bearer token can ask of the credential API, black-box: minting with wishes, and administration.
Which tokens are good is in test_bearer_tokens.py."""

from __future__ import annotations

import json
import re
import time
from datetime import datetime
from urllib.parse import quote

import pytest

from certificates import server_certificate, test_authority
from credential_api import Answer, Api, parts_of
from reloading import client_of, close_clients
from server_fixture import LISTENER, Server, free_port
from token_issuer import ADMIN_SCOPE, TokenIssuer
from turn_client import Credentials
from waiting import eventually


@pytest.fixture(scope="module")
def issuer():
    with TokenIssuer(server_certificate()) as issuer:
        yield issuer


@pytest.fixture(scope="module")
def server(tmp_path_factory, issuer):
    configuration = {
        "roles": ["relay", "credentials"],
        "region": "eu",
        "node": "turn.example.test",
        "credentials": {
            "listener": {"address": LISTENER, "port": free_port(LISTENER)},
            "issuers": [issuer.setting(tenant_claim="org")],
            "ca_file": str(test_authority().certificate),
            "mints": {"per_subject": 0, "per_source": 0, "per_tenant": 0},
        },
    }
    server = Server(tmp_path_factory.mktemp("tokens"), configuration).start()
    yield server
    close_clients()
    server.stop()


@pytest.fixture(params=["edge", "clear"])
def api(request, server) -> Api:
    if request.param == "edge":
        return Api(*server.edge, is_tls=True)
    return Api(LISTENER, server.settings["credentials"]["listener"]["port"])


@pytest.fixture
def token(issuer) -> str:
    return issuer.token(org="acme")


@pytest.fixture
def administrator(issuer) -> str:
    return issuer.token(org="acme", scope=ADMIN_SCOPE)


def turn_of(answer: Answer) -> dict:
    assert answer.status == 201, answer.body
    return answer.json["iceServers"][-1]


def administer(api: Api, token: str, path: str, body: dict | None = None) -> Answer:
    if body is None:
        return api.ask("POST", path, Authorization=f"Bearer {token}")
    return api.ask("POST", path, json.dumps(body), Authorization=f"Bearer {token}", Content_Type="application/json")


def seconds_of(text: str) -> float:
    return datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp()


# -- refusals ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "body",
    [
        "[]",
        "{",
        '{"ttl": "1h"}',
        '{"ttl": 0}',
        '{"ttl": 1.5}',
        '{"region": ["eu"]}',
        '{"region": "na"}',
        '{"custom_identifier": 7}',
        json.dumps({"custom_identifier": "x" * 65}),
        '{"ice_transport_policy": "direct"}',
    ],
)
def test_API_mint_of_what_cannot_be_met_is_422(api, token, body):
    answer = api.ask("POST", "/v1/ice-servers", body, Authorization=f"Bearer {token}", Content_Type="application/json")
    assert answer.assert_problem(422)["detail"]


def test_API_mint_body_of_another_type_is_415(api, token):
    for media_type in ("text/plain", "application/json-seq", "application/x-www-form-urlencoded"):
        headers = {"Authorization": f"Bearer {token}", "Content_Type": media_type}
        api.ask("POST", "/v1/ice-servers", "{}", **headers).assert_problem(415)


@pytest.mark.parametrize("tenant", ["a.b", "a:b", "a b", "x" * 65])
def test_API_mint_for_a_tenant_that_would_change_the_name_is_refused(api, issuer, tenant):
    assert api.mint(issuer.token(org=tenant)).status in (401, 403)


def test_API_administration_needs_its_scope(api, token):
    for path, body in (("/v1/revocations", {"tenant": "acme"}), ("/v1/credentials/1:x/revoke", None)):
        answer = administer(api, token, path, body)
        answer.assert_problem(403)
        assert 'error="insufficient_scope"' in answer.headers["www-authenticate"]
    api.ask("GET", "/v1/nodes", Authorization=f"Bearer {token}").assert_problem(403)


def test_API_the_scope_of_administration_does_not_mint(api, administrator):
    api.mint(administrator).assert_problem(403)


@pytest.mark.parametrize("body", [{}, {"subjct": "a"}, {"kid": "a", "jti": "b"}, {"tenant": 5}, {"subject": ""}])
def test_API_revocation_of_nothing_in_particular_is_422(api, administrator, body):
    administer(api, administrator, "/v1/revocations", body).assert_problem(422)


# -- minting ----------------------------------------------------------------------------------------------------------


def test_API_mint_answers_as_agreed(api, issuer):
    # A right that outlives what is asked for, whatever second it is by the time it arrives.
    token = issuer.token(org="acme", exp=int(time.time()) + 1800)
    answer = api.mint(token, {"ttl": 600, "region": "eu", "custom_identifier": "room-7"})
    assert answer.status == 201 and answer.headers["cache-control"] == "no-store"
    body = answer.json
    assert set(body) == {"iceServers", "iceTransportPolicy", "ttl", "expiresAt", "refreshAfter", "region"}
    assert (body["ttl"], body["region"], body["iceTransportPolicy"]) == (600, "eu", "all")
    assert seconds_of(body["expiresAt"]) - seconds_of(body["refreshAfter"]) == 120
    assert abs(seconds_of(body["expiresAt"]) - time.time() - 600) < 30
    stun, turn = body["iceServers"]
    assert set(stun) == {"urls"} and re.fullmatch(r"stun:turn\.example\.test:\d+", stun["urls"][0])
    assert set(turn) == {"urls", "username", "credential"}
    parts = parts_of(turn["username"])
    assert (int(parts["expiry"]), parts["tenant"]) == (seconds_of(body["expiresAt"]), "acme")
    assert "alice" not in turn["username"] and "room-7" not in answer.body.decode()


def test_API_mint_with_no_body_and_with_an_empty_one(api, token):
    assert api.mint(token).json["ttl"] <= 3600
    assert api.mint(token, {}).status == 201


def test_API_mint_prefers_what_it_cannot_have(api, token):
    assert api.mint(token, {"preferred_region": "na"}).json["region"] == "eu"


def test_API_mint_passes_the_policy_on(api, token):
    assert api.mint(token, {"ice_transport_policy": "relay"}).json["iceTransportPolicy"] == "relay"


def test_API_mint_is_charged_to_the_subject_of_the_tenant(api, issuer):
    def hash_of(**claims) -> str:
        return parts_of(turn_of(api.mint(issuer.token(**claims)))["username"])["subject_hash"]

    alice = hash_of(org="acme")
    assert alice == hash_of(org="acme")
    assert alice not in (hash_of(org="acme", sub="bob"), hash_of(org="other"))


def test_API_mint_logs_what_an_audit_needs(api, server, token):
    name = f"room-{time.monotonic_ns()}"
    turn = turn_of(api.mint(token, {"custom_identifier": name}))
    parts = parts_of(turn["username"])
    lines = [line for line in server.log().splitlines() if name in line]
    assert len(lines) == 1
    for fact in ("action=mint", "status=201", "tenant=acme", parts["jti"], parts["subject_hash"]):
        assert fact in lines[0], lines[0]
    assert turn["credential"] not in lines[0] and "alice" not in lines[0]
    assert name not in server.get("/metrics")[1]


def test_API_mint_relays(api, server, token, peer):
    turn = turn_of(api.mint(token))
    client = client_of(server, credentials=Credentials(turn["username"], turn["credential"]))
    client.allocate()
    client.create_permission(peer.endpoint)
    client.send_indication(peer.endpoint, b"minted")
    assert peer.receive() == b"minted"
    client.refresh(0)


# -- administration ---------------------------------------------------------------------------------------------------


def test_API_nodes_are_listed(api, administrator):
    answer = api.ask("GET", "/v1/nodes", Authorization=f"Bearer {administrator}")
    assert answer.status == 200
    (node,) = answer.json["nodes"]
    assert (node["name"], node["region"], node["draining"], node["ready"]) == ("turn.example.test", "eu", False, True)
    assert node["freePorts"] > 0 and all(":" in url for url in node["urls"])


def test_API_revocations_are_taken(api, token, administrator):
    turn = turn_of(api.mint(token))
    path = f"/v1/credentials/{quote(turn['username'], safe='')}/revoke"
    assert administer(api, administrator, path).status == 204
    for body in ({"subject": "nobody"}, {"tenant": "of-nobody"}, {"kid": "k9"}, {"jti": "nobody"}):
        assert administer(api, administrator, "/v1/revocations", body).status == 204


@pytest.mark.parametrize("kind", ["username", "subject", "tenant", "jti"])
def test_API_a_revocation_ends_calls_and_refuses_who_comes_again(server, api, issuer, administrator, kind):
    holder, other = f"holder-{kind}", f"other-{kind}"
    tenant = f"of-{kind}"
    turn = turn_of(api.mint(issuer.token(sub=holder, org=tenant)))
    revoked = client_of(server, credentials=Credentials(turn["username"], turn["credential"]))
    revoked.allocate()
    spared_turn = turn_of(api.mint(issuer.token(sub=other, org=f"spared-{kind}")))
    spared = client_of(server, credentials=Credentials(spared_turn["username"], spared_turn["credential"]))
    spared.allocate()
    closed = server.metric("senso_turn_allocations_closed_total", reason="revoked")
    refused = server.metric("senso_turn_auth_failures_total", reason="revoked")

    path, body = f"/v1/credentials/{quote(turn['username'], safe='')}/revoke", None
    if kind != "username":
        path = "/v1/revocations"
        body = {kind: {"subject": holder, "tenant": tenant, "jti": parts_of(turn["username"])["jti"]}[kind]}
    token = issuer.token(sub="admin", org=tenant, scope=ADMIN_SCOPE) if kind in ("subject", "tenant") else administrator
    assert administer(api, token, path, body).status == 204

    assert eventually(lambda: server.metric("senso_turn_allocations_closed_total", reason="revoked") == closed + 1)
    again = client_of(server, credentials=Credentials(turn["username"], turn["credential"]))
    assert again.try_allocate().error == 401
    assert server.metric("senso_turn_auth_failures_total", reason="revoked") > refused
    spared.refresh()

    def is_let_in_with_new_ones() -> bool:
        renewed = turn_of(api.mint(issuer.token(sub=holder, org=tenant)))
        client = client_of(server, credentials=Credentials(renewed["username"], renewed["credential"]))
        if client.try_allocate().error is not None:
            return False
        client.refresh(0)
        return True

    # What was issued within the second of the revocation is revoked, too.
    assert eventually(is_let_in_with_new_ones)
