"""The pods of deploy/kubernetes, started with exactly what their manifests say: they relay, and answer their probes."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shlex
import shutil
import signal
import socket
import tempfile
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import yaml

import pod as pods
from certificates import test_authority
from kustomized import (
    DOMAIN,
    OVERLAYS,
    PROFILES,
    named,
    needs_kubectl,
    of_kind,
    pod_of,
    relay_workload,
    rendered,
)
from network_namespaces import Host
from redis_server import RedisServer, needs_redis
from server_fixture import binary
from turn_client import Credentials, TurnClient, UdpTransport
from waiting import eventually

NODE = "198.51.100.11"
CLIENT = "198.51.100.99"
PASSWORD = "what only tests know"
RIGHTS = "+ping +select +get +set +del +mget +sadd +srem +srandmember +xadd +xrange +xread".split()  # docs/fleet.md
START_SECONDS = 30.0

pytestmark = [
    needs_kubectl,
    needs_redis,
    pytest.mark.skipif(pods.why_impossible() is not None, reason=str(pods.why_impossible())),
    pytest.mark.skipif(not binary().exists(), reason=f"there is no server at {binary()}: build it, or set SENSO_TURN"),
]


class Site:
    """A node of a cluster with the region's Redis on it, and a client at the other end of a cable."""

    def __init__(self):
        self.directory = Path(tempfile.mkdtemp(prefix="senso-turn-pods-"))
        self.directory.chmod(0o755)
        self.image = pods.Image(self.directory / "image")
        self.host, self.client = Host(), Host()
        self.host.connect("uplink", self.client, "uplink", (f"{NODE}/24", f"{CLIENT}/24"))
        self.host.ip(f"route add default via {CLIENT}")
        self.nodes = 0
        arguments = ["--port", "6379", "--bind", "127.0.0.1"]
        self.redis = RedisServer(self.directory / "redis", keeps=False, arguments=arguments)
        with self.host.inside():
            self.redis.start()
        rules = ["on", f">{PASSWORD}", "resetchannels", "~senso-turn:*", "-@all", *RIGHTS]
        self.redis.ask("ACL", "SETUSER", "turn", *rules)

    def node(self) -> pods.Node:
        """With folders of its own."""
        self.nodes += 1
        directory = self.directory / f"node{self.nodes}"
        directory.mkdir()
        names = {f"redis.{overlay}.turn.internal": "127.0.0.1" for overlay in OVERLAYS}
        node = pods.Node(self.image, self.host, "eu01", NODE, directory, names)
        node.prepare()
        return node

    def close(self) -> None:
        self.redis.stop()
        for host in (self.host, self.client):
            host.close()
        shutil.rmtree(self.directory)


@pytest.fixture(scope="module")
def site():
    made = Site()
    yield made
    made.close()


def secrets() -> dict[str, dict[str, str]]:
    certificate = test_authority().issue("pods", f"eu01.{DOMAIN}", NODE)
    shared = {f"{overlay}-shared-secret": f"of the region {overlay}" for overlay in OVERLAYS}
    return {
        "relay": {"shared-secret": shared["eu-shared-secret"], "redis-password": PASSWORD},
        "credentials": {**shared, "subject-key": "what subjects are hashed with", "redis-password": PASSWORD},
        "turn-tls": {"tls.crt": certificate.certificate.read_text(), "tls.key": certificate.private_key.read_text()},
    }


def pod_for(node: pods.Node, uid: str, workload: dict, documents: tuple[dict, ...]) -> pods.Pod:
    config_maps = {document["metadata"]["name"]: document["data"] for document in of_kind(documents, "ConfigMap")}
    return pods.Pod(node, uid, pod_of(workload), config_maps, secrets())


@pytest.fixture
def started(site):
    """Pods that end with the test."""
    made: list[pods.Pod] = []

    def make(uid: str, overlay: str, profile: str, node: pods.Node | None = None) -> pods.Pod:
        documents = rendered(overlay, profile)
        made.append(pod_for(node or site.node(), uid, relay_workload(documents), documents))
        return made[-1]

    yield make
    for one in made:
        one.kill()


def probe(site: Site, container: dict, kind: str) -> int:
    """The status that a kubelet would get: it asks the address of the pod, which is that of the node."""
    asked = container[kind]["httpGet"]
    try:
        with site.host.inside():
            with urllib.request.urlopen(f"http://{NODE}:{asked['port']}{asked['path']}", timeout=5) as answer:
                return answer.status
    except urllib.error.HTTPError as refused:
        return refused.code
    except OSError:
        return 0


def metrics(site: Site) -> str:
    with site.host.inside(), urllib.request.urlopen(f"http://{NODE}:9641/metrics", timeout=5) as answer:
        return answer.read().decode()


def wait_until_ready(site: Site, pod: pods.Pod) -> None:
    container = pod.container("relay")
    eventually(lambda: pod.process.poll() is not None or probe(site, container, "readinessProbe") == 200, START_SECONDS)
    assert probe(site, container, "readinessProbe") == 200, pod.log()
    assert pod.process.poll() is None, pod.log()


class Call:
    """With credentials that the container prints, from one allocation to another: what two browsers do."""

    def __init__(self, site: Site, pod: pods.Pod):
        credentials = credentials_of(pod)
        with site.client.inside():
            self.clients = [TurnClient(UdpTransport((NODE, 49152)), credentials) for _ in range(2)]
        for client in self.clients:
            client.allocate()
        for client, other in (self.clients, reversed(self.clients)):
            client.create_permission(other.relayed)

    def speak(self) -> None:
        one, other = self.clients
        one.send_indication(other.relayed, b"from one pod's client to the other")
        received = other.receive_data()
        assert (received.data, received.peer) == (b"from one pod's client to the other", one.relayed)

    def end(self) -> None:
        for client in self.clients:
            client.refresh(0)

    def close(self) -> None:
        for client in self.clients:
            client.close()


def credentials_of(pod: pods.Pod) -> Credentials:
    done = pod.execute("relay", ["senso-turn", "credentials", "--config", "/etc/senso-turn/relay.yaml"])
    assert done.returncode == 0, done.stderr
    (entry,) = [one for one in json.loads(done.stdout)["iceServers"] if "credential" in one]
    return Credentials(entry["username"], entry["credential"])


def relay_a_message(site: Site, pod: pods.Pod) -> None:
    with contextlib.closing(Call(site, pod)) as call:
        call.speak()
        call.end()


def capabilities_of(pid: int) -> set[int]:
    (found,) = re.findall(r"^CapEff:\s+(\w+)$", Path(f"/proc/{pid}/status").read_text(), re.M)
    return {bit for bit in range(64) if int(found, 16) >> bit & 1}


NET_ADMIN, PERFMON, BPF = 12, 38, 39  # linux/capability.h
# What is left after the start: port 443 is open by then.
PRIVILEGES = {"unprivileged": set(), "kernel": {NET_ADMIN, PERFMON, BPF}}
EDGE_PORTS = {"unprivileged": 8443, "kernel": 443}


@pytest.mark.parametrize(("overlay", "profile"), [("eu", "unprivileged"), ("eu", "kernel"), ("elastic", "kernel")])
def test_the_relay_serves_with_what_its_manifest_gives_it(site, started, overlay, profile):
    pod = started("first", overlay, profile)
    taken = pod.run("take")
    assert taken.returncode == 0, taken.stderr
    pod.start("relay")
    wait_until_ready(site, pod)
    container = pod.container("relay")
    assert {kind: probe(site, container, kind) for kind in ("startupProbe", "livenessProbe", "readinessProbe")} == {
        "startupProbe": 200, "livenessProbe": 200, "readinessProbe": 200}

    status = Path(f"/proc/{pod.process.pid}/status").read_text()
    assert re.search(r"^Uid:\s+65532\s+65532\s+65532\s+65532$", status, re.M)
    assert capabilities_of(pod.process.pid) == PRIVILEGES[profile]
    with site.client.inside():
        socket.create_connection((NODE, EDGE_PORTS[profile]), timeout=5).close()
    relay_a_message(site, pod)

    # Prometheus sees the same server as the probes.
    assert re.search(r"^senso_turn_allocations_created_total(\{.*\})? 2$", metrics(site), re.M)
    # The node in the registry is what clients are told.
    assert eventually(lambda: site.redis.ask("SMEMBERS", "senso-turn:nodes") == [f"eu01.{DOMAIN}".encode()])
    # Nothing but the volumes can be written.
    for path in ("/etc", "/usr", "/tmp", "/etc/senso-turn"):
        touched = pod.execute("relay", ["touch", f"{path}/x"])
        assert touched.returncode != 0 and "Read-only file system" in touched.stderr
    assert pod.execute("relay", ["touch", "/run/senso-turn/x", "/var/lib/senso-turn/x"]).returncode == 0

    in_kernel = re.search(r"^senso_turn_kernel_datapath_info\{.*\} 1$", metrics(site), re.M)
    os.kill(pod.process.pid, signal.SIGTERM)
    assert pod.process.wait(30) == 0, pod.log()
    if profile == "unprivileged":
        assert not in_kernel
    elif not in_kernel:
        # All else has been seen.
        pytest.skip(f"this kernel does not take the program: {re.findall('datapath .*', pod.log())}")


def test_without_a_registry_the_relay_lives_and_is_not_ready(site, started):
    node = site.node()
    node.names.clear()
    pod = started("alone", "eu", "unprivileged", node)
    assert pod.run("take").returncode == 0
    pod.start("relay")
    container = pod.container("relay")
    assert eventually(lambda: probe(site, container, "livenessProbe") == 200, START_SECONDS), pod.log()
    assert probe(site, container, "readinessProbe") == 503


def test_a_node_whose_folders_are_not_made_is_no_place_for_a_relay(site, started):
    node = site.node()
    os.chown(node.path("/run/senso-turn"), 0, 0)
    assert started("early", "eu", "unprivileged", node).run("take").returncode != 0


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_configurations_pass_the_check(site, overlay):
    """Each alone, and with what the arguments of both profiles put on top."""
    node = site.node()
    for role in ("relay",) if overlay == "edge" else ("relay", "credentials"):
        checks = [f"senso-turn check /etc/senso-turn/{role}.yaml"]
        for profile in PROFILES:
            documents = rendered(overlay, profile)
            workload = relay_workload(documents) if role == "relay" else named(documents, "Deployment", role)
            pod = pod_for(node, f"check-{role}-{profile}", workload, documents)
            command = pod.command(pod.container(role))
            checks.append(shlex.join([*checks[0].split(), *command[command.index("--config") + 2 :]]))
        done = pod.run(role, ["sh", "-ec", "\n".join(checks)])
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("overlay", ["eu", "na", "edge"])
def test_the_records_are_those_that_the_server_prints(site, overlay):
    documents = rendered(overlay, "kernel")
    (record,) = of_kind(documents, "DNSEndpoint")
    name = f"{overlay}01.{DOMAIN}"
    wanted = [endpoint for endpoint in record["spec"]["endpoints"] if endpoint["dnsName"] == name]
    addresses = ", ".join(f"'{target}'" for endpoint in wanted for target in endpoint["targets"])
    pod = pod_for(site.node(), "dns", relay_workload(documents), documents)
    done = pod.run("relay", ["senso-turn", "dns", "--external-dns", "--config", "/etc/senso-turn/relay.yaml",
                             "--set", f"node={name}", "--set", f"relay.addresses=[{addresses}]"])
    assert done.returncode == 0, done.stderr
    printed = yaml.safe_load(done.stdout)
    assert (printed["apiVersion"], printed["kind"]) == (record["apiVersion"], record["kind"])
    assert [endpoint for endpoint in printed["spec"]["endpoints"] if endpoint["dnsName"] == name] == wanted


def test_the_credential_service_answers_its_probes(site):
    documents = rendered("eu", "unprivileged")
    pod = pod_for(site.node(), "credentials", named(documents, "Deployment", "credentials"), documents)
    pod.start("credentials")
    try:
        container = pod.container("credentials")
        assert eventually(lambda: probe(site, container, "readinessProbe") == 200, START_SECONDS), pod.log()
        assert probe(site, container, "livenessProbe") == 200
        with site.host.inside(), pytest.raises(urllib.error.HTTPError) as refused:
            asked = urllib.request.Request(f"http://{NODE}:8080/v1/ice-servers", method="POST")
            urllib.request.urlopen(asked, timeout=5)
        assert refused.value.code == 401
    finally:
        os.kill(pod.process.pid, signal.SIGTERM)
        assert pod.process.wait(30) == 0, pod.log()


@pytest.mark.parametrize("profile", PROFILES)
def test_the_next_pod_takes_the_node_over_and_calls_go_on(site, started, profile):
    node = site.node()
    before, after = (started(uid, "eu", profile, node) for uid in ("before", "after"))
    assert before.run("take").returncode == 0
    before.start("relay")
    wait_until_ready(site, before)
    with contextlib.closing(Call(site, before)) as call:
        call.speak()
        assert after.run("take").returncode == 0
        assert before.process.poll() is None
        after.start("relay")
        assert before.process.wait(30) == 0, before.log() + after.log()
        wait_until_ready(site, after)
        call.speak()
        call.end()
    relay_a_message(site, after)
    # The container that has ended is started again until its pod is deleted, and leaves the server alone.
    before.start("relay")
    relay_a_message(site, after)
    assert before.process.poll() is None
    hook = before.container("relay")["lifecycle"]["preStop"]["exec"]["command"]
    assert before.execute("relay", hook).returncode == 0
    os.kill(before.process.pid, signal.SIGTERM)
    assert before.process.wait(30) == 0
    relay_a_message(site, after)
    assert after.execute("relay", hook).returncode in (0, -signal.SIGKILL)
    assert after.process.wait(30) == 0, after.log()
