"""The load generator against the real server: many allocations at once, and nothing left behind."""

from __future__ import annotations

import os
import resource
import urllib.request

import pytest

from load_generator import run_load
from server_fixture import is_sanitized

# A load lasts; one number of shards is enough.
SHARDS = (2,)

SETTINGS = {"limits": {"allocations": 0, "allocations_per_user": 0}}


def metric(server, name: str) -> float:
    with urllib.request.urlopen(f"{server.metrics_url}/metrics", timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if line.startswith((name + "{", name + " ")))


def assert_pool_is_whole(server) -> None:
    assert metric(server, "senso_turn_relay_ports_in_use") == 0
    assert metric(server, "senso_turn_allocations") == 0
    assert metric(server, "senso_turn_permissions") == 0
    assert metric(server, "senso_turn_channels") == 0


def test_ten_thousand_allocations_are_set_up_used_and_released(server):
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    count = 2_000 if is_sanitized() else 10_000
    if limit < count + 500:
        pytest.skip(f"needs {count + 500} descriptors, the hard limit is {limit}")
    report = run_load(server, "--allocations", str(count), "--rate", "2000", "--duration", "5")
    assert report["setup"]["succeeded"] == count
    assert report["release"]["succeeded"] == count
    assert report["traffic"]["up"]["received"] > 0
    assert report["traffic"]["down"]["received"] > 0
    assert_pool_is_whole(server)
    descriptors = len(os.listdir(f"/proc/{server.pid}/fd"))
    assert descriptors < 100, "relay sockets were left open"


def test_TURN_06_relay_to_relay_under_load_loses_and_mixes_up_nothing(server):
    report = run_load(server, "--allocations", "200", "--mode", "relay-to-relay", "--rate", "1000", "--duration", "3")
    assert report["traffic"]["across"]["lost"] == 0
    assert_pool_is_whole(server)


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_both_directions_at_a_moderate_rate_lose_nothing(server, transport):
    report = run_load(server, "--transport", transport, "--allocations", "100", "--rate", "1000", "--duration", "3")
    assert report["traffic"]["up"]["lost"] == 0
    assert report["traffic"]["down"]["lost"] == 0
    assert_pool_is_whole(server)


def test_send_and_data_indications_under_load_lose_nothing(server):
    report = run_load(server, "--mode", "send", "--allocations", "50", "--rate", "1000", "--duration", "3")
    assert report["traffic"]["up"]["lost"] == 0
    assert report["traffic"]["down"]["lost"] == 0
    assert_pool_is_whole(server)


def test_churn_leaves_the_pool_whole(server):
    before = metric(server, "senso_turn_allocations_created_total")
    report = run_load(server, "--allocations", "200", "--churn", "500", "--duration", "4")
    assert report["churn"]["failed"]["total"] == 0
    assert metric(server, "senso_turn_allocations_created_total") >= before + 200 + report["churn"]["set_up"]
    assert_pool_is_whole(server)
