"""aioice and aiortc, the ICE and WebRTC libraries for Python, over UDP, TCP and TLS, through relays only."""

from __future__ import annotations

import json
import os
import time
from pathlib import Path

import certificates
import debian_python
import servers
from bench import SERVER_V4, SERVER_V6, server_and_client
from namespaces import Namespace
from outcome import PASS, Outcome, Report, failed, skipped
from servers import Listener

SCRIPTS = Path(__file__).resolve().parent / "aiortc"
LISTENERS = [Listener("udp", 3478), Listener("tcp", 3478), Listener("edge", 443)]
CHECK_SECONDS = 60

# Name, host, port, whether TLS, transport, and the same as a URL.
WAYS = [
    ("udp", SERVER_V4, 3478, False, "udp", f"turn:{SERVER_V4}:3478?transport=udp"),
    ("tcp", SERVER_V4, 3478, False, "tcp", f"turn:{SERVER_V4}:3478?transport=tcp"),
    ("tls", certificates.HOST, 443, True, "tcp", f"turns:{certificates.HOST}:443?transport=tcp"),
]


def run(directory: Path, program: Path | None, report: Report) -> None:
    interpreters = {module: debian_python.interpreter_with(f"import {module}") for module in ("aioice", "aiortc")}
    for module, interpreter in interpreters.items():
        if interpreter is None:
            report(module, skipped(f"python3-{module} is missing"))
    if not any(interpreters.values()):
        return
    authority = certificates.make_authority(directory / "certificates")
    with server_and_client() as (server, client):
        if not servers.started(report, "aiortc", program, server, directory, addresses=[SERVER_V4, SERVER_V6],
                               listeners=LISTENERS, certificates=[authority.issue(certificates.HOST)]):
            return
        for module, script, what in (("aioice", "ice.py", "messages both ways"),
                                     ("aiortc", "call.py", "a data channel")):
            command = [interpreters[module], str(SCRIPTS / script)]
            for name, *way in WAYS if interpreters[module] else []:
                report(f"{module}: {what} over {name}",
                       _check(client, directory, f"{module}-{name}", command, authority, way))


def _check(client: Namespace, directory: Path, name: str, command: list[str], authority: certificates.Authority,
           way: list) -> Outcome:
    host, port, is_tls, transport, url = way
    username, credential = servers.timed_credential("python", time.time() + 3600)
    order = {"host": host, "port": port, "ssl": is_tls, "transport": transport, "url": url, "username": username,
             "credential": credential, "seconds": CHECK_SECONDS - 10}
    file, log = directory / f"{name}.json", directory / f"{name}.log"
    file.write_text(json.dumps(order, indent=2))
    # The libraries verify with the authorities that OpenSSL trusts.
    code = client.run(log, *command, str(file), timeout=CHECK_SECONDS,
                      env={**os.environ, "SSL_CERT_FILE": str(authority.file)})
    is_done = code == 0 and log.read_text(errors="replace").endswith("done\n")
    return PASS if is_done else failed(f"exit code {code}; log {log}")
