"""What the process gives up once it has started, seen from outside, and that everything which comes after the start goes
on without it. What a process in the sandbox is refused, one by one, is in tests/server/sandbox."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from certificates import server_certificate
from doctor_run import diagnose, write_configuration
from network_namespaces import HostedServer
from fleet_fixture import is_registry_up, make_relay, revocations_of, revoke
from redis_server import RedisServer, needs_redis
from relay_site import PEER, SERVER, Site, bound, down, settings_of, up, warmed_up
from reloading import ask_admin, change, reload, reload_command
from server_fixture import ALICE, LISTENER, Server, binary, free_port, is_sanitized
from transports import open_transport
from turn_client import Peer, TurnClient
from waiting import eventually

SHARDS = (2,)

NET_ADMIN, SYS_PERFMON, BPF = 12, 38, 39

needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root has capabilities to give up")
needs_rules_for_files = pytest.mark.skipif(is_sanitized(), reason="a sanitizer opens files anywhere")


@pytest.fixture
def start(tmp_path):
    started = []

    def made(settings: dict | None = None, name: str = "server", **options) -> Server:
        started.append(Server(tmp_path / name, settings, **options))
        return started[-1].start()

    yield made
    for server in started:
        server.stop()


def threads_of(server: Server) -> list[dict[str, str]]:
    """/proc/PID/task/*/status, a dictionary for each thread of the server's own."""
    found = []
    for status in Path(f"/proc/{server.pid}/task").glob("*/status"):
        found.append(dict(line.split(":\t", 1) for line in status.read_text().splitlines() if ":\t" in line))
    # That of ThreadSanitizer is there before main() is.
    return [each for each in found if not is_sanitized() or each["Name"].startswith(("senso-turn", "shard-", "next-hops"))]


def capabilities_of(thread: dict[str, str], *sets: str) -> set[int]:
    return {int(thread[each], 16) for each in sets or ("CapEff", "CapPrm", "CapBnd")}


def bits(*numbers: int) -> int:
    return sum(1 << number for number in numbers)


def are_relay_buffers_free() -> bool:
    """Whether relay sockets get their buffers without CAP_NET_ADMIN."""
    limits = [Path(f"/proc/sys/net/core/{kind}mem_max") for kind in "rw"]
    return all(int(limit.read_text()) >= 1 << 20 for limit in limits if limit.exists())


def test_LEAST_in_userspace_no_thread_has_a_capability(start):
    server = start({"shards": 2, "relay": {"datapath": "userspace"}})
    # A thread names itself when it begins.
    assert eventually(lambda: {"shard-0", "shard-1"} <= {each["Name"] for each in threads_of(server)})
    threads = threads_of(server)
    for thread in threads:
        assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2"), thread["Name"]
        assert capabilities_of(thread, "CapInh", "CapAmb") == {0}
        if os.geteuid() == 0:
            assert capabilities_of(thread) == {0 if are_relay_buffers_free() else bits(NET_ADMIN)}
    assert "rights that are not needed any more were given up" in server.log() or is_sanitized()


@needs_root
def test_LEAST_with_the_kernel_datapath_three_are_left_and_an_interface_that_comes_back_is_used(tmp_path):
    site = Site()
    server = None
    try:
        server = HostedServer(site.server, tmp_path, settings_of("tc", 3478)).start()
        assert eventually(lambda: "next-hops" in {each["Name"] for each in threads_of(server)})
        threads = threads_of(server)
        for thread in threads:
            assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("1", "2"), thread["Name"]
            assert capabilities_of(thread) == {bits(NET_ADMIN, SYS_PERFMON, BPF)}, thread["Name"]
            assert capabilities_of(thread, "CapInh", "CapAmb") == {0}
        site.server.ip("link set clients down")
        site.server.ip("link set clients up")
        with site.peer.inside():
            peer = Peer(PEER)
        with site.client.inside():
            client = TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE)
        bound(client, peer)
        warmed_up(server, client, peer)
        assert up(client, peer, b"there") == b"there" and down(client, peer, b"back") == b"back"
        client.close()
        peer.close()
        # Into userspace and back: the program is loaded again.
        reload(server, relay={"datapath": "userspace"})
        reload(server, relay={"datapath": "tc"})
    finally:
        if server is not None:
            server.stop()
        site.close()


@needs_root
def test_LEAST_what_was_given_up_is_not_had_by_a_reload(tmp_path):
    site = Site()
    server = HostedServer(site.server, tmp_path, settings_of("userspace", 3478)).start()
    try:
        change(server, relay={"datapath": "tc"})
        answer = reload_command(server)
        assert answer.returncode == 1
        assert "relay.datapath" in answer.stdout + answer.stderr
        assert "were given up at the start" in answer.stdout + answer.stderr
    finally:
        server.stop()
        site.close()


@needs_rules_for_files
def test_LEAST_a_reload_reads_what_is_new_in_the_folders_it_knows(start):
    server = start()
    other = server_certificate()
    (server.directory / "secret").write_text("a secret of a file that was not there\n")
    for kind in ("certificate", "private_key"):
        shutil.copy(other.setting[kind], server.directory / f"new-{kind}.pem")
    answer = reload(
        server,
        auth={"shared_secrets": [{"id": "k9", "secret_file": "secret"}]},
        tls={"certificates": [{kind: f"new-{kind}.pem" for kind in ("certificate", "private_key")}]},
    )
    assert "auth.shared_secrets" in answer and "tls.certificates" in answer


@needs_rules_for_files
@pytest.mark.parametrize("kind", ["secret", "certificate"])
def test_LEAST_a_reload_that_names_a_file_elsewhere_is_refused_with_the_reason(start, tmp_path, kind):
    server = start()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    before = server.settings
    if kind == "secret":
        (elsewhere / "secret").write_text("a secret in another folder\n")
        change(server, auth={"shared_secrets": [{"id": "k9", "secret_file": str(elsewhere / "secret")}]})
    else:
        files = server_certificate().setting
        copies = {key: str(shutil.copy(path, elsewhere / f"{key}.pem")) for key, path in files.items()}
        change(server, tls={"certificates": [copies]})
    answer = ask_admin(server.settings["admin"]["socket"], "reload")
    assert answer.startswith("error")
    assert str(elsewhere) in answer and "process.sandbox" in answer and "restart" in answer
    # With a restart it is in; and the former one has gone on until then.
    assert server.answers_binding()
    server.settings = before


@needs_rules_for_files
def test_LEAST_certificates_behind_links_are_renewed(start, tmp_path):
    """As ACME clients have them: live/name/key.pem is a link to archive/name/key1.pem, and then to key2.pem."""
    files = server_certificate().setting
    archive, live = tmp_path / "acme/archive/name", tmp_path / "acme/live/name"
    archive.mkdir(parents=True)
    live.mkdir(parents=True)
    for key, path in files.items():
        shutil.copy(path, archive / f"{key}1.pem")
        (live / f"{key}.pem").symlink_to(f"../../archive/name/{key}1.pem")
    server = start({"tls": {"certificates": [{key: str(live / f"{key}.pem") for key in files}]}})
    for key, path in files.items():
        shutil.copy(path, archive / f"{key}2.pem")
        (live / "new").symlink_to(f"../../archive/name/{key}2.pem")
        (live / "new").rename(live / f"{key}.pem")
    assert eventually(lambda: "a certificate is in use for new connections" in server.log().split("were given up")[-1], 20)
    assert "cannot be read" not in server.log()


@needs_redis
def test_LEAST_a_registry_is_found_by_name_and_revocations_are_saved(tmp_path):
    port = free_port(LISTENER)
    redis = RedisServer(tmp_path / "redis", arguments=["--port", str(port), "--bind", LISTENER]).start()
    relay = make_relay(tmp_path / "relay", "one.example", f"redis://localhost:{port}")
    try:
        relay.start()
        assert eventually(lambda: is_registry_up(relay))
        revoke(redis, "kid", "k7")
        assert eventually(lambda: revocations_of(relay) == 1)
        assert eventually(lambda: (tmp_path / "relay/state/revocations").exists())
    finally:
        if relay.process:
            relay.stop()
        redis.stop()


def test_LEAST_it_can_be_switched_off_and_then_says_so(start):
    server = start({"process": {"sandbox": False}})
    for thread in threads_of(server):
        assert (thread["NoNewPrivs"], thread["Seccomp"]) == ("0", "0")
    assert "the process keeps all its rights" in server.log()


def test_LEAST_where_the_system_has_no_filter_it_goes_on_and_says_so(tmp_path):
    """A container's own filter may refuse seccomp(2) and Landlock: here, systemd's way of doing so is played."""
    refusing = shutil.which("strace")
    if refusing is None:
        pytest.skip("the package strace is missing")
    if is_sanitized():
        pytest.skip("sanitizers and strace both trace")
    wrapper = tmp_path / "wrapper"
    calls = "seccomp,landlock_create_ruleset"
    wrapper.write_text(
        f"#!/bin/sh\nexec strace -D -f -qq -o /dev/null -e trace={calls} -e inject={calls}:error=ENOSYS "
        f'{binary()} "$@"\n'
    )
    wrapper.chmod(0o755)
    os.environ["SENSO_TURN"], former = str(wrapper), os.environ.get("SENSO_TURN")
    try:
        server = Server(tmp_path / "server").start()
    finally:
        os.environ.pop("SENSO_TURN")
        if former is not None:
            os.environ["SENSO_TURN"] = former
    try:
        (line,) = re.findall(r".*some could not be given up.*", server.log())
        assert "this kernel has no Landlock" in line and "system calls: " in line
        assert server.answers_binding()
    finally:
        server.stop()


@needs_root
def test_LEAST_root_keeps_the_right_to_files_that_another_user_gave_it(tmp_path):
    server = Server(tmp_path / "server", {"state": {"directory": str(tmp_path / "state")}})
    (tmp_path / "state").mkdir(mode=0o700)
    os.chown(tmp_path / "state", 65534, 65534)
    server.start()
    try:
        assert int(threads_of(server)[0]["CapEff"], 16) & 0b110 == 0b110
        assert "CAP_DAC_OVERRIDE" in server.log()
    finally:
        server.stop()


def test_LEAST_doctor_says_what_this_system_has(tmp_path):
    found = diagnose(write_configuration(tmp_path, {}))
    assert found.of("sandbox")
    off = diagnose(write_configuration(tmp_path, {"process": {"sandbox": False}}))
    off.the("sandbox", "warning", "process.sandbox")


def test_LEAST_the_program_is_hardened():
    """Random addresses, no pointer of the linker left to write to, no executable stack, guarded calls and stacks."""
    if is_sanitized():
        pytest.skip("fortified functions are left to the sanitizers")
    done = subprocess.run(["readelf", "-W", "-h", "-l", "-d", "-n", "--dyn-syms", str(binary())],
                          capture_output=True, text=True, check=True)  # fmt: skip
    text = done.stdout
    assert re.search(r"Type:\s+DYN \(Position-Independent Executable", text)
    assert re.search(r"\(FLAGS_1\).*NOW.*PIE", text) and "GNU_RELRO" in text
    assert re.search(r"GNU_STACK\s.*\sRW\s", text)
    assert not re.search(r"^\s+LOAD\s.*\sRWE\s", text, re.M)
    assert "__stack_chk_fail" in text
    assert re.search(r"__(memcpy|memmove|read|recv|snprintf|vsnprintf)_chk", text)
    if os.uname().machine == "x86_64":
        # endbr64, at each place that an indirect call may lead to. The note that says so of a whole program is not
        # there, since Debian's start-up code does not have it.
        assert Path(binary()).read_bytes().count(b"\xf3\x0f\x1e\xfa") > 1000
