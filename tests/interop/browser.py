"""Chromium: two RTCPeerConnections that may use nothing but relays, and 5 MB between them.

Two namespaces with a cable between: the browser in one, the server in the other, with addresses that are not loopback
and with the peer policy that a server has when nobody touched it. Both relayed addresses are the server's own.
"""

from __future__ import annotations

import json
import shutil
import time
from pathlib import Path

import playwright
import servers
from namespaces import Namespace, connect
from turnutils import Report

SERVER_V4, CLIENT_V4 = "10.77.0.1", "10.77.0.2"
SERVER_V6, CLIENT_V6 = "fd77::1", "fd77::2"
CHECKS_SECONDS = 300
DRIVER = Path(__file__).resolve().parent / "chromium" / "relay.mjs"

# turn:ADDRESS:PORT?transport=… of the first and of the second peer connection.
CALLS = [
    ("turn:udp at 49152", "turn:10.77.0.1:49152?transport=udp", "turn:10.77.0.1:49152?transport=udp"),
    ("turn:udp at 3478", "turn:10.77.0.1:3478?transport=udp", "turn:10.77.0.1:3478?transport=udp"),
    ("turn:tcp at 3478", "turn:10.77.0.1:3478?transport=tcp", "turn:10.77.0.1:3478?transport=tcp"),
    ("turn:udp to turn:tcp", "turn:10.77.0.1:49152?transport=udp", "turn:10.77.0.1:3478?transport=tcp"),
    ("turn:udp over IPv6", "turn:[fd77::1]:3478?transport=udp", "turn:[fd77::1]:3478?transport=udp"),
]


def run(directory: Path, program: Path | None, report: Report) -> None:
    chromium = shutil.which("chromium")
    reason = None
    if chromium is None:
        reason = "chromium is missing"
    elif not shutil.which("node"):
        reason = "node (package nodejs) is missing"
    elif not playwright.STAMP.exists():
        reason = playwright.FAILURE.read_text() if playwright.FAILURE.exists() else "playwright-core was not fetched"
    if reason:
        report("chromium", ("SKIP", reason))
        return
    server, client = Namespace("server"), Namespace("client")
    try:
        connect(server, "to-client", client, "to-server")
        for namespace, device, address in ((server, "to-client", SERVER_V4), (client, "to-server", CLIENT_V4)):
            namespace.add_address(device, f"{address}/24")
        for namespace, device, address in ((server, "to-client", SERVER_V6), (client, "to-server", CLIENT_V6)):
            namespace.add_address(device, f"{address}/64")
        # Chromium takes the address that leads to the default route.
        client.add_default_route(SERVER_V4)
        client.add_default_route(SERVER_V6)
        addresses = {"addresses": [SERVER_V4, SERVER_V6], "ports": [3478, 49152], "relay_addresses": [SERVER_V4, SERVER_V6]}
        try:
            if program is not None:
                servers.start_senso_turn(program, server, directory, **addresses, peers_allow=[], channel_numbers="rfc8656")
            else:
                servers.start_coturn(server, directory, **addresses, with_secret=True)
        except servers.ServerDidNotStart as problem:
            report("chromium: the server starts", ("FAIL", str(problem)))
            return
        _calls(client, directory, chromium, report)
    finally:
        client.close()
        server.close()


def _calls(client: Namespace, directory: Path, chromium: str, report: Report) -> None:
    username, credential = servers.timed_credential("browser", time.time() + 3600)
    order = {
        "chromium": chromium,
        "playwright": str(playwright.DIRECTORY),
        "profile": str(directory / "profile"),
        "username": username,
        "credential": credential,
        "calls": [{"name": name, "urls": [first, second]} for name, first, second in CALLS],
    }
    (directory / "order.json").write_text(json.dumps(order))
    log = directory / "chromium.log"
    code = client.run(log, "node", str(DRIVER), str(directory / "order.json"), str(directory / "results.json"),
                      timeout=CHECKS_SECONDS)
    file = directory / "results.json"
    results = json.loads(file.read_text()) if file.exists() else {}
    for name in [*(name for name, _, _ in CALLS), "a wrong password"]:
        default = f"no result; the driver ended with exit code {code}; log {log}"
        problem = results.get(name, default)
        report(f"chromium: {name}", ("FAIL", f"{problem}; log {log}") if problem else ("PASS", ""))
