"""`senso-turn doctor`, black-box: a host on which all is well, and one on which each of twelve things is not."""

import datetime
import email.utils
import json
import os
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from bearer_fixtures import DISCOVERY, certificate_for, settings
from bearer_fixtures import own_issuer  # noqa: F401
from doctor_run import diagnose, write_configuration
from network_namespaces import Host
from redis_server import RedisServer, needs_redis
from server_fixture import LISTENER, RELAY, free_port, hold_port, run_command
from token_issuer import Reply

SHARDS = (1,)

needs_nft = pytest.mark.skipif(shutil.which("nft", path="/usr/sbin:/sbin:/usr/bin") is None, reason="nft is missing")

# What the kernel datapath needs; without CAP_NET_ADMIN sockets also get no more than rmem_max.
WITHOUT_CAPABILITIES = ("setpriv", "--bounding-set=-bpf,-perfmon,-net_admin,-sys_admin")


@pytest.fixture
def host():
    made = Host()
    made.ip("address add 46.0.0.10/24 dev lo")
    made.ip("route add default via 46.0.0.1 dev lo")
    yield made
    made.close()


def on(host: Host) -> tuple[str, ...]:
    return ("nsenter", f"--net={host.path}")


def planting(directory: Path, **values: int) -> tuple[str, ...]:
    """A wrapper under which files of /proc/sys/net, named with two underscores for a slash, hold these values."""
    mounts = []
    for name, value in values.items():
        file = directory / name
        file.write_text(f"{value}\n")
        target = f"/proc/sys/net/{name.replace('__', '/')}"
        if not os.path.exists(target):
            pytest.skip(f"{target} is not there: the kernel does not have it, or not in this network namespace")
        mounts.append(f"mount --bind {file} {target}")
    script = " && ".join([*mounts, 'exec "$@"'])
    wrapper = ("unshare", "--mount", "--propagation", "private", "sh", "-c", script, "sh")
    tried = subprocess.run([*wrapper, "true"], capture_output=True, text=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"files of procfs cannot be covered here: {tried.stderr.strip()}")
    return wrapper


# -- all is well ------------------------------------------------------------------------------------------------------


def test_DOCTOR_without_a_server_relays_through_one_of_its_own(tmp_path):
    file = write_configuration(tmp_path, {})
    configuration = json.loads(file.read_text())
    configuration["listeners"] = [
        {"transport": transport, "address": LISTENER, "port": free_port(LISTENER)}
        for transport in ("udp", "tcp", "tls", "dtls", "edge")
    ]
    file.write_text(json.dumps(configuration))
    diagnosis = diagnose(file)
    assert not diagnosis.problems()
    relayed = [each["what"] for each in diagnosis.of("relaying", "fine")]
    # The edge is tried by TLS and by WebSocket.
    assert len(relayed) == 6 and all("3 of 3 packets come back" in what for what in relayed)
    assert any("(wss)" in what for what in relayed)
    assert len(diagnosis.of("ports", "fine")) >= 6
    # Nothing stays behind.
    assert not diagnose(file).problems()


def test_DOCTOR_relays_through_the_running_server(server):
    before = server.metric("senso_turn_allocations_created_total")
    diagnosis = diagnose(server.configuration_file)
    assert not diagnosis.problems()
    held = [each for each in diagnosis.of("ports", "fine") if f"running server (process {server.pid})" in each["what"]]
    assert len(held) == len(server.settings["listeners"]) + 1  # and metrics
    relayed = diagnosis.of("relaying", "fine")
    assert len(relayed) == len(server.settings["listeners"]) + len(
        [each for each in server.settings["listeners"] if each["transport"] == "edge"]
    )
    assert server.metric("senso_turn_allocations_created_total") == before + 2 * len(relayed)
    assert server.metric("senso_turn_allocations") == 0


def test_DOCTOR_text_has_the_problems_first_and_counts(tmp_path):
    file = write_configuration(tmp_path, {})
    port = json.loads(file.read_text())["listeners"][0]["port"]
    with hold_port((LISTENER, port)):
        done = run_command("doctor", "--config", str(file))
    assert done.returncode == 1
    first, second, *_, last = done.stdout.splitlines()
    assert first.startswith("problem  ports ") and second.strip().startswith("-> ")
    assert "problems, " in last or "1 problem, " in last


@pytest.mark.parametrize("arguments", [["--format", "xml"], ["--config", "/nonexistent.yaml"], ["--set", "realm"]])
def test_DOCTOR_wrong_usage_is_2(arguments):
    done = run_command("doctor", *arguments)
    assert done.returncode == 2 and done.stderr.strip() and not done.stdout


def test_DOCTOR_a_wrong_configuration_is_2_with_its_line(tmp_path):
    file = tmp_path / "wrong.yaml"
    file.write_text("realm: example.org\nlistenrs: []\n")
    done = run_command("doctor", "--config", str(file))
    assert done.returncode == 2 and f"{file}:2:" in done.stderr and "listeners" in done.stderr


# -- the twelve faults ------------------------------------------------------------------------------------------------


def test_DOCTOR_FAULT_port_taken(tmp_path):
    file = write_configuration(tmp_path, {})
    port = json.loads(file.read_text())["listeners"][0]["port"]
    with hold_port((LISTENER, port)):
        diagnosis = diagnose(file)
    diagnosis.the("ports", "problem", f"udp {LISTENER}:{port} is taken", f"process {os.getpid()}")


def certificate_that_ends(directory: Path, days_left: int) -> dict[str, str]:
    """Of three months, most of which are over."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "turn.example.test")])
    end = datetime.datetime.utcnow() + datetime.timedelta(days=days_left, hours=1)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(end - datetime.timedelta(days=90))
        .not_valid_after(end)
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("turn.example.test")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    chain, private_key = directory / "ending.crt", directory / "ending.key"
    chain.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    private_key.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )
    return {"certificate": str(chain), "private_key": str(private_key)}


def test_DOCTOR_FAULT_certificate_expiring(tmp_path):
    pair = certificate_that_ends(tmp_path, 3)
    file = write_configuration(tmp_path, {"node": "turn.example.test", "tls": {"certificates": [pair]}})
    diagnose(file).the("certificates", "problem", "ending.crt", "in 3 days")
    pair = certificate_that_ends(tmp_path, 60)
    assert not diagnose(file).of("certificates", "problem")


def test_DOCTOR_FAULT_wrong_external_address(tmp_path, server):
    file = write_configuration(tmp_path, {"relay": {"external_addresses": {RELAY: "45.0.0.77"}}})
    stun = "{}:{}".format(*server.udp)
    finding = diagnose(file, "--stun", stun).the("address", "problem", f"outside as {RELAY}", "told 45.0.0.77")
    assert "external_addresses" in finding["remedy"]
    right = write_configuration(tmp_path, {})
    diagnose(right, "--stun", stun).the("address", "fine", f"seen from outside as {RELAY}")


def test_DOCTOR_FAULT_ephemeral_overlap(tmp_path, host):
    # Loopback addresses are the same on every host.
    file = write_configuration(tmp_path, {"relay": {"ports": {"min": 50000, "max": 59999}}})
    host.run("sh", "-c", "echo 40000 55000 > /proc/sys/net/ipv4/ip_local_port_range")
    finding = diagnose(file, wrapper=on(host)).the("ports", "warning", "50000-55000", "other programs")
    assert "ip_local_reserved_ports=50000-59999" in finding["remedy"]
    host.run("sh", "-c", "echo 50000-59999 > /proc/sys/net/ipv4/ip_local_reserved_ports")
    assert not diagnose(file, wrapper=on(host)).of("ports", "warning")


def test_DOCTOR_FAULT_low_descriptor_limit(tmp_path):
    file = write_configuration(tmp_path, {"limits": {"allocations": 1000}})
    limited = ("prlimit", "--nofile=400:400")
    finding = diagnose(file, wrapper=limited).the("files", "problem", "limit of open files is 400", "of 1000")
    assert "LimitNOFILE" in finding["remedy"]
    assert not diagnose(file).of("files", "problem")


def test_DOCTOR_FAULT_no_bpf_permission(tmp_path):
    file = write_configuration(tmp_path, {"relay": {"datapath": "tc"}})
    finding = diagnose(file, wrapper=WITHOUT_CAPABILITIES).the("datapath", "problem", "CAP_BPF", "CAP_NET_ADMIN")
    assert "AmbientCapabilities" in finding["remedy"]
    # Where userspace will do, it does.
    file = write_configuration(tmp_path, {"relay": {"datapath": "auto"}})
    diagnosis = diagnose(file, wrapper=WITHOUT_CAPABILITIES)
    diagnosis.the("datapath", "warning", "CAP_BPF")
    assert not diagnosis.problems()


def test_DOCTOR_FAULT_clock_off(tmp_path, own_issuer):  # noqa: F811
    document = json.dumps({"issuer": own_issuer.url, "jwks_uri": own_issuer.url + "/keys"}).encode()
    later = email.utils.formatdate(time.time() + 600, usegmt=True)
    file = write_configuration(tmp_path, settings(own_issuer.setting()))
    own_issuer.replies[DISCOVERY] = Reply(body=document, headers={"Date": later})
    finding = diagnose(file).the("clock", "problem", "behind", own_issuer.url)
    assert "chrony" in finding["remedy"]
    own_issuer.replies.clear()
    diagnosis = diagnose(file)
    diagnosis.the("clock", "fine", "agrees", own_issuer.url)
    diagnosis.the("issuer", "fine", own_issuer.url)


def test_DOCTOR_FAULT_redis_unreachable(tmp_path):
    port = free_port(LISTENER)
    fleet = {"region": "eu", "node": "n1.example.test", "fleet": {"registry": f"redis://{LISTENER}:{port}/0"}}
    finding = diagnose(write_configuration(tmp_path, fleet)).the("registry", "problem", f"{LISTENER}:{port}", "refused")
    assert "fleet.registry" in finding["remedy"]


@needs_redis
def test_DOCTOR_FAULT_redis_refuses(tmp_path):
    redis = RedisServer(tmp_path / "redis", arguments=["--requirepass", "right"], keeps=False)
    secret = tmp_path / "password"
    file = write_configuration(
        tmp_path,
        {
            "region": "eu",
            "node": "n1.example.test",
            "fleet": {"registry": redis.url, "password_file": str(secret)},
        },
    )
    redis.start()
    try:
        secret.write_text("wrong")
        diagnose(file).the("registry", "problem", redis.path, "refuses")
        secret.write_text("right")
        diagnosis = diagnose(file)
        diagnosis.the("registry", "fine", redis.path)
        diagnosis.the("clock", "fine", "agrees", redis.path)
    finally:
        redis.stop()


def test_DOCTOR_FAULT_issuer_unreachable(tmp_path):
    certificate_for("127.0.0.1")  # makes the authority that the settings name
    issuer = {"issuer": f"https://{LISTENER}:{free_port(LISTENER)}", "audience": "turn", "algorithms": ["RS256"]}
    finding = diagnose(write_configuration(tmp_path, settings(issuer))).the("issuer", "problem", issuer["issuer"])
    assert "503" in finding["remedy"]


FIREWALLS = {
    "drops the relay ports": "type filter hook input priority 0; udp dport 49152-65535 drop;",
    # What every guide says; the loopback interface is let in, so that only the rules show it.
    "accepts something else only": "type filter hook input priority 0; policy drop; ct state established accept;"
    ' iifname "lo" accept; udp dport 3478 accept; tcp dport { 443, 3478 } accept;',
}


def plant_rules(host: Host, chain: str) -> None:
    lines = "\n".join(chain.split("; "))
    host.run("nft", f"table inet planted {{\nchain input {{\n{lines}\n}}\n}}")


@needs_nft
@pytest.mark.parametrize("rules", FIREWALLS.values(), ids=FIREWALLS.keys())
def test_DOCTOR_FAULT_relay_range_firewalled(tmp_path, host, rules):
    file = write_configuration(tmp_path, {})
    assert not diagnose(file, wrapper=on(host)).of("firewall", "problem")
    plant_rules(host, rules)
    diagnosis = diagnose(file, wrapper=on(host))
    finding = diagnosis.the("firewall", "problem", "planted")
    assert "49152-65535" in finding["remedy"]
    if '"lo"' not in rules:
        diagnosis.the("firewall", "problem", "does not arrive")


@needs_nft
def test_DOCTOR_says_which_rules_the_kernel_path_passes_by(tmp_path, host):
    file = write_configuration(tmp_path, {"relay": {"datapath": "auto"}})
    plant_rules(host, "type filter hook input priority 0; tcp dport 22 accept;")
    diagnosis = diagnose(file, wrapper=on(host))
    if not [each for each in diagnosis.of("datapath", "fine") if "takes the program" in each["what"]]:
        pytest.skip(f"this kernel does not take the program: {diagnosis.of('datapath')}")
    diagnosis.the("datapath", "warning", "1 rules in inet planted input")


def test_DOCTOR_FAULT_conntrack_nearly_full(tmp_path):
    file = write_configuration(tmp_path, {})
    full = planting(tmp_path, netfilter__nf_conntrack_count=9500, netfilter__nf_conntrack_max=10000)
    finding = diagnose(file, wrapper=full).the("conntrack", "problem", "9500 of 10000")
    assert "nf_conntrack_max" in finding["remedy"] and "notrack" in finding["remedy"]
    empty = planting(tmp_path, netfilter__nf_conntrack_count=10, netfilter__nf_conntrack_max=10000)
    diagnose(file, wrapper=empty).the("conntrack", "fine", "10 of 10000")


def test_DOCTOR_FAULT_small_rmem_max(tmp_path):
    file = write_configuration(tmp_path, {})
    small = (*planting(tmp_path, core__rmem_max=212992), *WITHOUT_CAPABILITIES)
    finding = diagnose(file, wrapper=small).the("buffers", "warning", "rmem_max is 212992", "8388608")
    assert "net.core.rmem_max=8388608" in finding["remedy"]
