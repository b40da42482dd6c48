"""libnice, the ICE library of GNOME and of many media servers: two agents through relays only, over UDP and TCP."""

from __future__ import annotations

import json
import time
from pathlib import Path

import debian_python
import servers
from bench import SERVER_V4, SERVER_V6, server_and_client
from outcome import PASS, Report, failed, skipped
from servers import Listener

SCRIPT = Path(__file__).resolve().parent / "libnice" / "agents.py"
IMPORT = "import gi; gi.require_version('Nice', '0.1'); from gi.repository import Nice"
CHECK_SECONDS = 60
WAYS = [("udp", SERVER_V4, "udp"), ("tcp", SERVER_V4, "tcp"), ("udp over IPv6", SERVER_V6, "udp")]


def run(directory: Path, program: Path | None, report: Report) -> None:
    interpreter = debian_python.interpreter_with(IMPORT)
    if interpreter is None:
        report("libnice", skipped("python3-gi or gir1.2-nice-0.1 is missing"))
        return
    with server_and_client() as (server, client):
        if not servers.started(report, "libnice", program, server, directory, addresses=[SERVER_V4, SERVER_V6],
                               listeners=[Listener("udp", 3478), Listener("tcp", 3478)]):
            return
        for name, address, transport in WAYS:
            username, credential = servers.timed_credential("libnice", time.time() + 3600)
            base = name.replace(" ", "-")
            file, log = directory / f"{base}.json", directory / f"{base}.log"
            order = {"address": address, "port": 3478, "transport": transport, "username": username,
                     "credential": credential, "seconds": CHECK_SECONDS - 10}
            file.write_text(json.dumps(order, indent=2))
            code = client.run(log, interpreter, str(SCRIPT), str(file), timeout=CHECK_SECONDS)
            is_done = code == 0 and log.read_text(errors="replace").endswith("done\n")
            report(f"libnice: two agents over {name}", PASS if is_done else failed(f"exit code {code}; log {log}"))
    # Its NICE_RELAY_TYPE_TURN_TLS is no TLS: in two old dialects, Google's and Microsoft's, canned octets that look like
    # the beginning of a handshake, and in the RFC's dialect nothing at all; TURN follows in the clear.
    report("libnice: two agents over tls", skipped("libnice has no TLS of its own (NICE_RELAY_TYPE_TURN_TLS is a pretence)"))
