"""A WebSocket client, npm's ws: TURN over wss on the edge's port, and the upgrades that are refused."""

from __future__ import annotations

import json
import time
from pathlib import Path

import certificates
import npm_packages
import servers
from bench import CLIENT_V4, SERVER_V4, server_and_client
from outcome import PASS, Report, failed
from servers import Listener

DRIVER = Path(__file__).resolve().parent / "websocket" / "turn.mjs"
CHECKS_SECONDS = 180
NAMES = ["10000 packets in order, to a peer and back", "another path is 404", "another subprotocol is refused",
         "a text frame closes", "what is neither STUN nor ChannelData closes", "a close is answered"]


def run(directory: Path, program: Path | None, report: Report) -> None:
    reason = "coturn does not speak WebSocket" if program is None else npm_packages.why_missing()
    if reason:
        report("websocket", ("SKIP", reason))
        return
    authority = certificates.make_authority(directory / "certificates")
    with server_and_client() as (server, client):
        # The peer is at an address of the client's namespace, which is private.
        if not servers.started(report, "websocket", program, server, directory, addresses=[SERVER_V4],
                               listeners=[Listener("udp", 3478), Listener("edge", 443)],
                               certificates=[authority.issue(certificates.HOST)], peers_allow=[f"{CLIENT_V4}/32"]):
            return
        username, credential = servers.timed_credential("websocket", time.time() + 3600)
        order = {"packages": str(npm_packages.DIRECTORY), "authority": str(authority.file), "host": certificates.HOST,
                 "port": 443, "username": username, "credential": credential, "peer": CLIENT_V4}
        (directory / "order.json").write_text(json.dumps(order, indent=2))
        log, file = directory / "websocket.log", directory / "results.json"
        code = client.run(log, "node", str(DRIVER), str(directory / "order.json"), str(file), timeout=CHECKS_SECONDS)
        results = json.loads(file.read_text()) if file.exists() else {}
        for name in NAMES:
            problem = results.get(name, f"no result; the driver ended with exit code {code}")
            report(f"websocket: {name}", failed(f"{problem}; log {log}") if problem else PASS)
