"""Every reloadable key of the credential API does after a reload what it does after a start, black-box. The secrets'
rotation is in test_credential_api.py."""

from __future__ import annotations

from urllib.parse import quote

import pytest

from credential_api import API_KEY, TENANT, Api, parts_of
from reloading import reload
from server_fixture import LISTENER, Server, free_port

TARGET = f"/?service=turn&username=alice&key={quote(API_KEY)}"
NO_LIMITS = {"per_subject": 0, "per_source": 0, "per_tenant": 0}


@pytest.fixture
def server(tmp_path):
    server = Server(
        tmp_path,
        {
            "roles": ["relay", "credentials"],
            "credentials": {
                "listener": {"address": LISTENER, "port": free_port(LISTENER)},
                "api_keys": [{"key": API_KEY, "tenant": TENANT}],
                "mints": NO_LIMITS,
            },
        },
    ).start()
    yield server
    server.stop()


@pytest.fixture
def api(server) -> Api:
    return Api(LISTENER, server.settings["credentials"]["listener"]["port"])


# RELOADS credentials.ttl.default
# RELOADS credentials.ttl.max
def test_RELOAD_ttl(server, api):
    assert api.ask("GET", TARGET).json["ttl"] == 3600
    reload(server, credentials={"ttl": {"default": "10m", "max": "20m"}})
    assert api.ask("GET", TARGET).json["ttl"] == 600
    assert api.ask("GET", TARGET + "&ttl=100000").json["ttl"] == 1200


# RELOADS credentials.mints.per_subject
# RELOADS credentials.mints.per_source
# RELOADS credentials.mints.per_tenant
@pytest.mark.parametrize("rate", ["per_subject", "per_source", "per_tenant"])
def test_RELOAD_rates(server, api, rate):
    assert [api.ask("GET", TARGET).status for _ in range(3)] == [200] * 3
    reload(server, credentials={"mints": {**NO_LIMITS, rate: "1/h"}})
    assert [api.ask("GET", TARGET).status for _ in range(2)] == [200, 429]
    reload(server, credentials={"mints": NO_LIMITS})
    assert api.ask("GET", TARGET).status == 200


# RELOADS credentials.allowed_origins
def test_RELOAD_allowed_origins(server, api):
    origin = "https://console.example.test"

    def allowed() -> str | None:
        request = {"Origin": origin, "Access_Control_Request_Method": "POST"}
        return api.ask("OPTIONS", "/v1/ice-servers", **request).headers.get("access-control-allow-origin")

    assert allowed() is None
    reload(server, credentials={"allowed_origins": [origin]})
    assert allowed() == origin
    reload(server, credentials={"allowed_origins": []})
    assert allowed() is None


# RELOADS credentials.api_keys
def test_RELOAD_api_keys(server, api):
    reload(server, credentials={"api_keys": [{"key": "another", "tenant": "janus"}]})
    assert api.ask("GET", TARGET).status == 401
    answer = api.ask("GET", "/?service=turn&key=another")
    assert parts_of(answer.json["username"])["tenant"] == "janus"


# RELOADS credentials.subject_key
# RELOADS credentials.subject_key_file
def test_RELOAD_subject_key(server, api, tmp_path):
    def subject_hash() -> str:
        return parts_of(api.ask("GET", TARGET).json["username"])["subject_hash"]

    before = subject_hash()
    reload(server, credentials={"subject_key": "one"})
    keyed = subject_hash()
    assert keyed != before
    (tmp_path / "subject.key").write_text("one\n")
    reload(server, credentials={"subject_key": None, "subject_key_file": str(tmp_path / "subject.key")})
    assert subject_hash() == keyed
    (tmp_path / "subject.key").write_text("other\n")
    reload(server)
    assert subject_hash() not in (before, keyed)


# RELOADS node
def test_RELOAD_node(server, api):
    assert all(LISTENER in uri for uri in api.ask("GET", TARGET).json["uris"])
    reload(server, node="eu02.example.test")
    assert all("eu02.example.test" in uri for uri in api.ask("GET", TARGET).json["uris"])


# RELOADS region
def test_RELOAD_region(server, api):
    secrets = [
        {"id": "all", "secret": "sixteen characters, or more"},
        {"id": "na", "secret": "sixteen characters, others", "region": "na"},
    ]
    reload(server, auth={"shared_secrets": secrets[::-1]})
    assert parts_of(api.ask("GET", TARGET).json["username"])["kid"] == "all"
    reload(server, region="na")
    assert parts_of(api.ask("GET", TARGET).json["username"])["kid"] == "na"
