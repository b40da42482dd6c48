"""Every query of the dashboard and every rule, asked of a real Prometheus that scrapes a node with real calls; and
alerts that real faults set off."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest

from live_site import Callers, Site
from prometheus_server import Prometheus, needs_prometheus
from redis_server import needs_redis
from reloading import ask_admin, admin_socket, change
from rule_files import dashboard_queries, rules
from server_fixture import binary
from waiting import eventually

pytestmark = [needs_prometheus, needs_redis]

PATIENCE_SECONDS = 40.0
WINDOW = "6s"
# What Grafana would put there.
VARIABLES = {"$job": "senso-turn", "$__rate_interval": WINDOW, "$__range": WINDOW}
# Panels that show more than zero while people call.
MOVING = {
    "Nodes up",
    "Allocations",
    "Packets",
    "Traffic",
    "Oldest issuer keys",
    "Packets by direction and path",
    "Bandwidth by direction",
    "Bandwidth by node",
    "Allocations by transport",
    "Made and ended",
    "How long they lived",
    "New connections",
    "Error responses by code",
    "Requests by method",
    "TLS and DTLS handshakes",
    "Relay ports in use",
    "File descriptors in use",
    "Memory",
    "Processor",
    "Processor for a million packets",
    "Packets by path",
    "Time left of certificates",
    "Requests for credentials",
    "HTTP requests",
    "Registries that answer",
    "Nodes known",
    "Versions",
    "Runs",
}
# Marks of what happens now and then: nothing is the usual answer.
EVENTS = {"Restarts"}


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Iterator[Site]:
    if not binary().exists():
        pytest.skip(f"there is no server at {binary()}: build it, or set SENSO_TURN")
    made = Site(tmp_path_factory.mktemp("site"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def prometheus(site, tmp_path_factory) -> Iterator[Prometheus]:
    targets = {"senso-turn": [site.target], "senso-turn-probe": [site.prober.target]}
    running = Prometheus(tmp_path_factory.mktemp("prometheus"), targets).start()
    yield running
    running.stop()


def resolved(expression: str, site: Site) -> str:
    for name, value in {**VARIABLES, "$instance": re.escape(site.target).replace("\\", "\\\\")}.items():
        expression = expression.replace(name, value)
    assert "$" not in expression, expression
    return expression


def test_every_query_and_every_recording_has_data_while_people_call(site, prometheus):
    queries = dashboard_queries()
    assert MOVING - {query.title for query in queries} == set(), "panels that there are not"
    silent = {(query.title, resolved(query.expression, site)) for query in queries if query.title not in EVENTS}
    silent |= {(rule["record"], rule["record"]) for rule in rules() if "record" in rule}
    still = set(MOVING)

    def is_complete() -> bool:
        for title, expression in list(silent | {one for one in moving if one[0] in still}):
            numbers = prometheus.numbers(expression)
            if numbers:
                silent.discard((title, expression))
            if any(number > 0 for number in numbers):
                still.discard(title)
        return not silent and not still

    moving = set(silent)
    with Callers(site) as callers:
        eventually(lambda: is_complete() or callers.have_failed, PATIENCE_SECONDS)
    assert not silent, "no data:\n" + "\n".join(f"{title}: {expression}" for title, expression in sorted(silent))
    assert not still, f"nothing above zero: {sorted(still)}"
    for query in queries:
        prometheus.query(resolved(query.expression, site))


def test_prometheus_evaluates_every_rule_without_an_error(prometheus):
    assert eventually(lambda: all(rule["health"] != "unknown" for rule in prometheus.rules()), PATIENCE_SECONDS)
    assert [rule for rule in prometheus.rules() if rule["health"] != "ok"] == []
    assert {rule["name"] for rule in prometheus.rules()} == {rule.get("alert") or rule["record"] for rule in rules()}


def test_real_faults_set_alerts_off_and_their_end_ends_them(site, prometheus):
    names = ("SensoTurnRegistryDown", "SensoTurnReloadFailed")

    def states() -> set[str]:
        return {prometheus.alert_state(name) for name in names}

    assert eventually(lambda: states() == {"inactive"}, PATIENCE_SECONDS)
    realm = site.server.settings["realm"]
    site.redis.hang()
    change(site.server, realm=7)
    assert ask_admin(admin_socket(site.server), "reload").startswith("error")
    # They fire after minutes; that is what `promtool test rules` is for.
    assert eventually(lambda: states() <= {"pending", "firing"}, PATIENCE_SECONDS)
    site.redis.go_on()
    change(site.server, realm=realm)
    assert not ask_admin(admin_socket(site.server), "reload").startswith("error")
    assert eventually(lambda: states() == {"inactive"}, PATIENCE_SECONDS)
