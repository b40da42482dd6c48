"""`senso-turn migrate`: coturn's own examples, every option that its help names, and a server from the result."""

import base64
import hashlib
import hmac
import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from certificates import server_certificate
from server_fixture import LISTENER, RELAY, Server, free_port, run_command
from transports import open_transport
from turn_client import Credentials, TurnClient

EXAMPLES = [Path("/usr/share/doc/coturn/examples/etc/turnserver.conf"), Path("/etc/turnserver.conf")]

needs_coturn = pytest.mark.skipif(
    shutil.which("turnserver") is None or not EXAMPLES[0].exists(), reason="coturn (package coturn) is not installed"
)


def migrate(file: Path) -> subprocess.CompletedProcess:
    return run_command("migrate", str(file))


def check_of_the_result(tmp_path: Path, text: str) -> subprocess.CompletedProcess:
    """The file migrates and passes `check`; what `migrate` said."""
    file, result = tmp_path / "turnserver.conf", tmp_path / "turn.yaml"
    file.write_text(text)
    done = migrate(file)
    assert done.returncode == 0, f"{text}\n{done.stderr}"
    result.write_text(done.stdout)
    checked = run_command("check", str(result))
    assert checked.returncode == 0, f"{text}\n{done.stdout}\n{checked.stdout}"
    return done


def options_of_the_help() -> set[str]:
    text = subprocess.run(["turnserver", "--help"], capture_output=True, text=True, check=False)
    lines = [re.split(r"[\t<]", line)[0] for line in re.findall(r"^\s+(-.*)$", text.stdout + text.stderr, re.M)]
    return {name for line in lines for name in re.findall(r"(?<![\w-])--([A-Za-z][\w-]*)", line)}


def options_of_the_example() -> list[str]:
    """Each line that one might uncomment."""
    return re.findall(r"^# ?([A-Za-z][\w-]*(?:=\S.*)?)$", EXAMPLES[0].read_text(), re.M)


def test_MIGRATE_a_file_that_is_not_there_is_1(tmp_path):
    done = migrate(tmp_path / "missing.conf")
    assert done.returncode == 1 and "missing.conf" in done.stderr and done.stdout == ""


def test_MIGRATE_without_a_file_is_wrong_usage():
    assert run_command("migrate").returncode == 2


def test_MIGRATE_what_cannot_be_read_is_1_with_its_line(tmp_path):
    file = tmp_path / "turnserver.conf"
    file.write_bytes(b"realm=a\r\nlistening-port=high\r\nuser=alice:sesame\r\nuser=bob\r\n")
    done = migrate(file)
    assert done.returncode == 1 and done.stdout == ""
    assert f"{file}:2: listening-port: 'high'" in done.stderr and f"{file}:4: user" in done.stderr
    assert "sesame" not in done.stderr


def test_MIGRATE_a_key_that_is_not_the_certificates_is_1(tmp_path):
    one = server_certificate().setting
    (tmp_path / "key.pem").write_text("no key")
    file = tmp_path / "turnserver.conf"
    file.write_text(f"cert={one['certificate']}\npkey=key.pem\nuser=a:b\n")
    done = migrate(file)
    assert done.returncode == 1 and "tls.certificates[0]" in done.stderr


@needs_coturn
def test_MIGRATE_every_option_of_the_help_is_known(tmp_path):
    names = options_of_the_help()
    assert len(names) > 100 and {"listening-port", "no-cli", "denied-peer-ip", "oauth"} <= names
    file = tmp_path / "turnserver.conf"
    file.write_text("".join(f"{name}\n" for name in sorted(names)))
    assert "no option of coturn" not in migrate(file).stderr


@needs_coturn
@pytest.mark.parametrize("example", EXAMPLES, ids=["example", "installed"])
def test_MIGRATE_the_examples_pass_check(tmp_path, example):
    done = check_of_the_result(tmp_path, example.read_text())
    assert "no option of coturn" not in done.stderr


@needs_coturn
@pytest.mark.parametrize("part", range(6))
def test_MIGRATE_lines_of_the_example_pass_check(tmp_path, part):
    options = options_of_the_example()
    assert len(options) > 100 and "static-auth-secret=north" in options
    done = check_of_the_result(tmp_path, "\n".join(["realm=north.gov", *options[part::6]]))
    assert "no option of coturn" not in done.stderr


@needs_coturn
def test_MIGRATE_all_lines_of_the_example_pass_check(tmp_path):
    check_of_the_result(tmp_path, "\n".join(options_of_the_example()))


def test_MIGRATE_the_result_starts_and_relays(tmp_path, peer):
    port, tls_port, metrics = (free_port(LISTENER) for _ in range(3))
    certificate = server_certificate().setting
    key = hashlib.md5(b"keyed:north.gov:a password").hexdigest()
    text = f"""
        # As an operator has it
        listening-ip = {LISTENER}
        listening-port={port}
        tls-listening-port "{tls_port}"
        relay-ip={RELAY}
        min-port=50000
        max-port=50999
        realm=north.gov
        lt-cred-mech
        fingerprint
        user=ninefingers:youhavetoberealistic
        user=keyed:0x{key}
        allow-loopback-peers
        denied-peer-ip=127.0.0.200-127.0.0.255
        cert={certificate["certificate"]}
        pkey={certificate["private_key"]}
        prometheus
        prometheus-port={metrics}
        no-cli
        no-tlsv1
    """
    done = check_of_the_result(tmp_path, text)
    server = Server(
        tmp_path / "server",
        {
            "listeners": [
                {"transport": transport, "address": LISTENER, "port": at}
                for transport, at in (("udp", port), ("tcp", port), ("tls", tls_port), ("dtls", tls_port))
            ],
            "metrics": {"address": LISTENER, "port": metrics},
        },
        arguments=["--set", f"admin.socket={tmp_path}/admin.sock", "--set", "drain.deadline=1s"],
    )
    server.write_configuration = lambda: server.configuration_file.write_text(done.stdout)
    server.start()
    try:
        realistic, keyed = Credentials("ninefingers", "youhavetoberealistic"), Credentials("keyed", "a password")
        for transport, credentials in (("udp", realistic), ("tcp", keyed), ("tls", realistic)):
            client = TurnClient(open_transport(transport, server.endpoint(transport)), credentials)
            client.allocate()
            assert client.relayed[0] == RELAY and 50000 <= client.relayed[1] <= 50999
            client.channel_bind(0x4000, peer.endpoint)
            client.send_channel(0x4000, transport.encode())
            assert peer.receive() == transport.encode()
            assert client.try_create_permission(("127.0.0.201", 9)).error == 403
            client.refresh(0)
            client.close()
    finally:
        server.stop()


def test_MIGRATE_a_secret_signs_as_it_did(tmp_path):
    secret = 'north ${HOME} "#'
    check_of_the_result(tmp_path, f"use-auth-secret\nstatic-auth-secret={secret}\nstatic-auth-secret=south\n")
    printed = run_command("credentials", "--config", str(tmp_path / "turn.yaml"), "--user", "carol")
    assert printed.returncode == 0, printed.stderr
    login = next(entry for entry in json.loads(printed.stdout)["iceServers"] if "username" in entry)
    digest = hmac.new(secret.encode(), login["username"].encode(), hashlib.sha1).digest()
    assert login["credential"] == base64.b64encode(digest).decode()
