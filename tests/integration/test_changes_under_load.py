"""What an operator does to a server while it relays: not one packet is lost, nor overtaken, whatever it is.

The load is small enough for a machine whose cores are others' as well. SENSO_TURN_TEST_FULL_LOAD=1 makes it 2,000
allocations at 100,000 packets a second, for a release build; `-s` prints the figures of docs/reliability.md."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from certificates import SERVER_NAME, CertificatePair, test_authority
from load_generator import need_generator
from network_namespaces import HostedServer
from redis_server import RedisServer, needs_redis
from relay_site import SERVER, Site, settings_of
from reloading import ask_admin, reload
from server_fixture import is_sanitized
from site_load import SiteLoad
from test_certificates import ByRename
from test_upgrade_kernel import HostedUpgradableServer
from waiting import eventually

FULL = os.environ.get("SENSO_TURN_TEST_FULL_LOAD") == "1"
ALLOCATIONS, PACKETS_PER_SECOND = (2000, 100_000) if FULL else (100, 2000)
PAUSE_SECONDS = 1.0 if FULL else 0.5
REGISTRY = "redis://127.0.0.1:6379"

pytestmark = [
    needs_redis,
    pytest.mark.skipif(os.geteuid() != 0, reason="network namespaces and BPF need root"),
    pytest.mark.skipif(is_sanitized(), reason="an instrumented server is no match for the load"),
]


class Scraper:
    """Prometheus, each second."""

    def __init__(self, server: HostedServer):
        self._server, self._ended = server, threading.Event()
        self.answers: list[int] = []
        self._thread = threading.Thread(target=self._run)
        self._thread.start()

    def _run(self) -> None:
        while not self._ended.wait(1.0):
            status, text = self._server.get("/metrics")
            self.answers.append(status if "senso_turn_allocations" in text else 0)

    def finish(self) -> None:
        self._ended.set()
        self._thread.join()
        assert self.answers and set(self.answers) == {200}


@dataclass
class Node:
    site: Site
    server: HostedUpgradableServer
    sibling: HostedServer
    store: ByRename
    new: CertificatePair

    # What happens to it

    def is_reloaded(self) -> None:
        for _ in range(5):
            reload(self.server, limits={"allocations": 0, "allocations_per_user": 0, "bandwidth_per_user": 0})
            reload(self.server, limits={"allocations": 1_000_000, "allocations_per_user": 100_000})

    def gets_another_certificate(self) -> None:
        name = str(self.store.pair.certificate)

        def expiry() -> float:
            return self.server.metric("senso_turn_certificate_not_after_timestamp_seconds", certificate=name)

        before = expiry()
        self.store.replace(self.new)
        assert eventually(lambda: expiry() != before)

    def has_its_log_rotated(self) -> None:
        os.truncate(self.server.log_file, 0)  # copytruncate: the server keeps its descriptor
        reload(self.server, log={"level": "debug"})
        reload(self.server, log={"level": "info"})

    def loses_its_sibling(self) -> None:
        assert eventually(lambda: self.server.metric("senso_turn_fleet_nodes") == 2)
        ask_admin(self.sibling.settings["admin"]["socket"], "drain")
        assert eventually(lambda: not self.sibling.is_running)
        assert eventually(lambda: self.server.metric("senso_turn_fleet_nodes") == 1)

    def is_upgraded(self) -> None:
        print(f"\n{self.server.upgrade().strip()}", end="")


@pytest.fixture
def make_node(tmp_path) -> Iterator[Callable[[str], Node]]:
    site = Site()
    redis = RedisServer(tmp_path / "redis", keeps=False, arguments=["--port", "6379", "--bind", "127.0.0.1"])
    servers: list[HostedServer] = []

    def settings(directory: Path, port: int, datapath: str, ports: tuple[int, int], certificate: CertificatePair) -> dict:
        given = settings_of(datapath, port, shards=2, node=f"node{port}.example.test", region="eu",
                            fleet={"registry": REGISTRY}, state={"directory": str(directory / "state")},
                            limits={"allocations": 0, "allocations_per_user": 0, "challenges_per_source": {"rate": 0}},
                            drain={"deadline": "20s"})
        given["listeners"].append({"transport": "tls", "address": SERVER, "port": port + 1})
        given["tls"] = {"certificates": [certificate.setting]}
        given["relay"]["ports"] = {"min": ports[0], "max": ports[1]}
        return given

    def make(datapath: str) -> Node:
        with site.server.inside():
            redis.start()
        old, new = (test_authority().issue(f"load-{datapath}-{age}", SERVER_NAME, days=days)
                    for age, days in (("old", 5), ("new", 9)))  # fmt: skip
        store = ByRename(tmp_path, old)
        server = HostedUpgradableServer(
            site.server, tmp_path / "server", settings(tmp_path / "server", 3478, datapath, (49152, 59999), store.pair)
        )
        sibling = HostedServer(
            site.server, tmp_path / "sibling", settings(tmp_path / "sibling", 3578, "userspace", (60000, 65535), old)
        )
        for each in (server, sibling):
            each.start()
            servers.append(each)
        return Node(site, server, sibling, store, new)

    yield make
    for server in servers:
        if server.is_running:
            server.stop()
    redis.stop()
    site.close()


CHANGES = {
    "nothing": lambda node: time.sleep(1),
    "reload": Node.is_reloaded,
    "certificate": Node.gets_another_certificate,
    "log": Node.has_its_log_rotated,
    "sibling": Node.loses_its_sibling,
    "upgrade": Node.is_upgraded,
}


@pytest.mark.parametrize("datapath", ["userspace", "tc"])
def test_no_packet_is_lost(datapath, make_node):
    need_generator()
    node = make_node(datapath)
    # Numbered packets both ways.
    load = SiteLoad(node.site, "--allocations", str(ALLOCATIONS), "--rate", str(PACKETS_PER_SECOND), "--direction", "both",
                    "--refresh", "5")  # fmt: skip
    try:
        path = "userspace" if datapath == "userspace" else "kernel"

        def relayed() -> float:
            with suppress(OSError):
                return node.server.metric("senso_turn_relayed_packets_total", path=path)
            return 0.0

        assert eventually(lambda: relayed() > PACKETS_PER_SECOND)
        scraper = Scraper(node.server)
        for change in CHANGES.values():
            change(node)
            assert node.server.is_running
            time.sleep(PAUSE_SECONDS)
        scraper.finish()
        report = load.finish()
    finally:
        load.kill()
    seconds = report["traffic"]["seconds"]
    wrong = {}
    for lane in ("up", "down"):
        figures = report["traffic"][lane]
        print(f"\n{datapath}, {lane}: {ALLOCATIONS} allocations, {figures['sent'] / seconds:.0f} packets/s, lost "
              f"{figures['lost']}, overtaken {figures['reordered']} of {figures['sent']}", end="")  # fmt: skip
        wrong |= {(lane, what): figures[what] for what in ("lost", "duplicated", "corrupt") if figures[what] != 0}
    assert not wrong and not report["problems"]
    assert report["keep"]["failed"]["total"] == 0
    assert node.server.metric("senso_turn_allocations") == 0
