"""A server with the capabilities of its systemd unit and no more, as a user without rights: it relays over both
datapaths, and does nothing that the unit's sandbox would refuse. There is no systemd in the namespaces of the suite, so
that strace tells what it did."""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from pathlib import Path

import pytest

from network_namespaces import HostedServer
from relay_site import PEER, SERVER, Site, bound, down, settings_of, up, warmed_up
from server_fixture import ALICE, binary, is_sanitized
from systemd_unit import allowed_system_calls, capabilities, needs_systemd_analyze, values_of
from transports import open_transport
from turn_client import Peer, TurnClient

NOBODY = 65534

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root"),
    pytest.mark.skipif(shutil.which("strace") is None, reason="the package strace is missing"),
    pytest.mark.skipif(is_sanitized(), reason="sanitizers do what the server does not"),
    needs_systemd_analyze,
]


@pytest.fixture(scope="module")
def site():
    made = Site()
    yield made
    made.close()


@pytest.fixture
def folder():
    """Which the user without rights can use; those of pytest are root's alone."""
    path = Path(tempfile.mkdtemp(prefix="senso-turn-"))
    os.chown(path, NOBODY, NOBODY)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def start(site, folder, monkeypatch):
    """Starts a server as the unit would; the trace is in `trace`."""
    servers = []

    def made(datapath: str) -> HostedServer:
        program = shutil.copy(binary(), folder / "program")
        given = ",".join(["-all", *(f"+{name}" for name in capabilities())])
        wrapper = folder / "wrapper"
        wrapper.write_text(
            f"#!/bin/sh\nexec strace -D -f -qq -o {folder}/trace "
            f"setpriv --reuid {NOBODY} --regid {NOBODY} --clear-groups --no-new-privs "
            f'--inh-caps={given} --ambient-caps={given} --bounding-set={given} {program} "$@"\n'
        )
        wrapper.chmod(0o755)
        monkeypatch.setenv("SENSO_TURN", str(wrapper))
        server = HostedServer(site.server, folder / "server", settings_of(datapath, 3478))
        os.chown(folder / "server", NOBODY, NOBODY)
        servers.append(server)
        server.start()
        return server

    yield made
    for server in servers:
        if server.is_running:
            server.stop()


def lines_of_the_server(folder: Path) -> list[str]:
    """Without the process id, from the program's own start on."""
    lines = [re.sub(r"^\d+ +", "", line) for line in (folder / "trace").read_text(errors="replace").splitlines()]
    began = next(i for i, line in enumerate(lines) if line.startswith(f'execve("{folder}/program"'))
    return lines[began + 1 :]


@pytest.mark.parametrize("datapath", ["userspace", "tc"])
def test_what_the_server_does_is_what_its_unit_allows(site, folder, start, datapath):
    server = start(datapath)
    with site.peer.inside():
        peer = Peer(PEER)
    with site.client.inside():
        client = TurnClient(open_transport("udp", server.endpoint("udp", SERVER)), ALICE)
        stream = TurnClient(open_transport("tcp", server.endpoint("tcp", SERVER)), ALICE)
    try:
        bound(client, peer)
        if datapath == "tc":
            warmed_up(server, client, peer)
        assert up(client, peer, b"there") == b"there" and down(client, peer, b"back") == b"back"
        stream.allocate()
        stream.refresh(0)
        client.refresh(0)
    finally:
        for end in (client, stream, peer):
            end.close()
    server.stop()

    lines = lines_of_the_server(folder)
    calls = {found[1] for line in lines if (found := re.match(r"([a-z]\w*)\(", line))}
    assert {"socket", "epoll_wait"} <= calls and ("bpf" in calls) == (datapath == "tc")
    assert calls - allowed_system_calls() == set()

    families = {found[1] for line in lines if (found := re.match(r"socket\((AF_\w+)", line))}
    assert families <= set(values_of("RestrictAddressFamilies")[0].split())
    # MemoryDenyWriteExecute
    memory = [line for line in lines if re.match(r"(mmap|mprotect|pkey_mprotect)\(", line) and "PROT_EXEC" in line]
    assert not [line for line in memory if "PROT_WRITE" in line or line.startswith(("mprotect", "pkey_mprotect"))]
