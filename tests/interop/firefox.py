"""Firefox ESR, driven by WebDriver BiDi: relay-only calls over UDP, TCP and TLS."""

from __future__ import annotations

import json
import os
import shutil
import time
from pathlib import Path

import browser
import certificates
import npm_packages
import servers
from bench import SERVER_V4, SERVER_V6, server_and_client
from outcome import PASS, Report, failed, skipped

CHECKS_SECONDS = 240
DRIVER = Path(__file__).resolve().parent / "browsers" / "firefox.mjs"
CALLS = [
    ("turn:udp at 49152", [browser.UDP_49152, browser.UDP_49152]),
    ("turn:tcp at 3478", [browser.TCP_3478, browser.TCP_3478]),
    ("turns:tcp at 443", [browser.TLS_443, browser.TLS_443]),
]

# Nothing that would call home, and candidates with addresses, since there is no multicast DNS here.
_PREFERENCES = {
    "app.normandy.enabled": False,
    "app.update.enabled": False,
    "browser.shell.checkDefaultBrowser": False,
    "datareporting.policy.dataSubmissionEnabled": False,
    "extensions.update.enabled": False,
    "media.peerconnection.ice.obfuscate_host_addresses": False,
    "network.captive-portal-service.enabled": False,
    "network.connectivity-service.enabled": False,
    "network.proxy.type": 0,
    "toolkit.telemetry.enabled": False,
}


def run(directory: Path, program: Path | None, report: Report) -> None:
    reason = browser.why_missing("firefox-esr")
    if reason:
        report("firefox", skipped(reason))
        return
    authority = certificates.make_authority(directory / "certificates")
    with server_and_client() as (server, client):
        if not servers.started(report, "firefox", program, server, directory, addresses=[SERVER_V4, SERVER_V6],
                               listeners=browser.LISTENERS, certificates=[authority.issue(certificates.HOST)]):
            return
        home = directory / "home"
        profile = home / "profile"
        profile.mkdir(parents=True)
        (profile / "user.js").write_text("".join(f"user_pref({json.dumps(name)}, {json.dumps(value)});\n"
                                                 for name, value in _PREFERENCES.items()))
        browser.trust(profile, authority)
        username, credential = servers.timed_credential("browser", time.time() + 3600)
        order = {"firefox": shutil.which("firefox-esr"), "packages": str(npm_packages.DIRECTORY),
                 "profile": str(profile), "username": username, "credential": credential,
                 "calls": [{"name": name, "urls": urls} for name, urls in CALLS]}
        (directory / "order.json").write_text(json.dumps(order, indent=2))
        log, file = directory / "firefox.log", directory / "results.json"
        code = client.run(log, "node", str(DRIVER), str(directory / "order.json"), str(file), timeout=CHECKS_SECONDS,
                          env={**os.environ, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)})
        results = json.loads(file.read_text()) if file.exists() else {}
        if "driver" in results:
            report("firefox", failed(f"it cannot be driven: {results['driver']}; log {log}"))
            return
        for name, _ in CALLS:
            problem = results.get(name, f"no result; the driver ended with exit code {code}")
            report(f"firefox: {name}", failed(f"{problem}; log {log}") if problem else PASS)
