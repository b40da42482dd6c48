"""deploy/compose: it parses, refers to what is there, and its configurations are right."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from redis_server import RedisClient, RedisError, RedisServer, needs_redis
from server_fixture import binary

REPOSITORY = Path(__file__).resolve().parents[2]
FOLDER = REPOSITORY / "deploy" / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
SERVICES = COMPOSE["services"]

# Of the Compose specification; a word that it does not know, docker refuses.
TOP = {"services", "secrets", "volumes"}
SERVICE = {"image", "build", "command", "entrypoint", "network_mode", "read_only", "cap_drop", "cap_add",
           "security_opt", "ulimits", "volumes", "secrets", "healthcheck", "depends_on", "stop_grace_period", "restart", "ports",
           "environment", "profiles"}

each_service = pytest.mark.parametrize("name", SERVICES)


def mounts(name: str) -> list[tuple[str, str]]:
    return [tuple(volume.split(":")[:2]) for volume in SERVICES[name].get("volumes", [])]


@pytest.fixture
def secrets(tmp_path):
    """What make-secrets makes, beside a copy of all files."""
    copy = tmp_path / "compose"
    shutil.copytree(FOLDER, copy, ignore=shutil.ignore_patterns("secrets"))
    subprocess.run([str(copy / "make-secrets")], check=True)
    return copy / "secrets"


def test_there_are_the_relay_redis_prometheus_and_grafana_on_demand():
    assert COMPOSE.keys() == TOP
    assert [name for name, service in SERVICES.items() if "profiles" not in service] == ["relay", "redis", "prometheus"]
    assert SERVICES["grafana"]["profiles"] == ["grafana"]
    assert SERVICES["relay"]["network_mode"] == "host"


@each_service
def test_a_service_says_what_compose_understands(name):
    service = SERVICES[name]
    assert service.keys() <= SERVICE
    assert set(service.get("depends_on", [])) <= SERVICES.keys()
    assert set(service.get("secrets", [])) <= COMPOSE["secrets"].keys()
    # Whoever has the host's network publishes no ports, and everything else does so on loopback.
    ports = service.get("ports", [])
    assert not ports if service.get("network_mode") == "host" else all(port.startswith("127.0.0.1:") for port in ports)


@each_service
def test_what_a_service_mounts_is_there(name):
    for source, target in mounts(name):
        assert target.startswith("/")
        if not source.startswith("."):
            assert source in COMPOSE["volumes"]
        elif source in ("../prometheus", "../grafana") and not (FOLDER / source).exists():
            pytest.skip(f"deploy/{source[3:]} is not there yet")
        else:
            assert (FOLDER / source).exists(), source
    build = SERVICES[name].get("build")
    assert build is None or (FOLDER / build / "Dockerfile").exists()


def test_every_secret_is_made_and_none_is_in_the_repository(secrets):
    wanted = {Path(entry["file"]) for entry in COMPOSE["secrets"].values()}
    assert {path.parent for path in wanted} == {Path("secrets")}
    made = {path.name: path.read_text() for path in secrets.iterdir()}
    assert made.keys() == {path.name for path in wanted} and all(len(text) > 30 for text in made.values())
    assert secrets.stat().st_mode & 0o777 == 0o700 and (secrets / "redis-users").stat().st_mode & 0o777 == 0o444
    # Again: what is there stays.
    subprocess.run([str(secrets.parent / "make-secrets")], check=True)
    assert {path.name: path.read_text() for path in secrets.iterdir()} == made
    assert "secrets/" in (FOLDER / ".gitignore").read_text().splitlines()


@pytest.mark.skipif(not binary().exists(), reason=f"there is no server at {binary()}: build it, or set SENSO_TURN")
def test_the_configuration_passes_the_check(secrets, tmp_path):
    (mounted,) = [target for source, target in mounts("relay") if source == "./relay.yaml"]
    assert mounted in SERVICES["relay"]["command"]
    copy = tmp_path / "relay.yaml"
    copy.write_text((FOLDER / "relay.yaml").read_text().replace("/run/secrets/", f"{secrets}/"))
    done = subprocess.run([str(binary()), "check", str(copy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


@needs_redis
def test_redis_takes_its_users_and_gives_them_no_more_than_the_fleet_needs(secrets, tmp_path):
    command = SERVICES["redis"]["command"]
    users = str(secrets / "redis-users")
    given = [users if word == "/run/secrets/redis-users" else word for word in command[1:]]
    server = RedisServer(tmp_path / "redis", keeps=False, arguments=given)
    server.start()
    try:
        password = (secrets / "redis-password").read_text().strip()
        assert server.ask("SET", "senso-turn:epoch", "1", user="turn", password=password) == b"OK"
        with pytest.raises(RedisError, match="NOPERM"):
            server.ask("KEYS", "*", user="turn", password=password)
        stranger = RedisClient(server.path)
        with pytest.raises(RedisError, match="NOAUTH"):
            stranger.ask("PING")
        stranger.close()
    finally:
        server.stop()


@pytest.mark.skipif(shutil.which("promtool") is None, reason="promtool (package prometheus) is missing")
def test_prometheus_takes_its_configuration(tmp_path):
    copy = tmp_path / "prometheus.yaml"
    rules = os.path.relpath(REPOSITORY / "deploy" / "prometheus", tmp_path)
    copy.write_text((FOLDER / "prometheus.yaml").read_text().replace("/etc/prometheus/rules", rules))
    done = subprocess.run(["promtool", "check", "config", str(copy)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_asks_the_relay_where_it_answers_by_the_name_that_the_rules_know():
    relay = yaml.safe_load((FOLDER / "relay.yaml").read_text())["metrics"]
    (job,) = yaml.safe_load((FOLDER / "prometheus.yaml").read_text())["scrape_configs"]
    assert job["job_name"] == "senso-turn"
    assert job["static_configs"] == [{"targets": [f"{relay['address']}:{relay['port']}"]}]
    datasource = yaml.safe_load((FOLDER / "grafana" / "datasource.yaml").read_text())["datasources"][0]
    (listens,) = re.findall(r"web.listen-address=(\S+)", "\n".join(SERVICES["prometheus"]["command"]))
    assert datasource["url"] == f"http://{listens}"


def test_the_dashboards_are_read_from_where_they_are_mounted():
    (provider,) = yaml.safe_load((FOLDER / "grafana" / "dashboards.yaml").read_text())["providers"]
    assert ("../grafana", provider["options"]["path"]) in mounts("grafana")
    for file in (REPOSITORY / "deploy" / "grafana").glob("*.json"):
        json.loads(file.read_text())
