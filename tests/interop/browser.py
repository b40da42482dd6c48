"""Chromium: two RTCPeerConnections that may use nothing but relays, and 5 MB, or audio and video, between them.

Two namespaces with a cable between: the browser in one, the server in the other, with the peer policy that a server has
when nobody touched it. Both relayed addresses are the server's own. A second browser is caged: whatever it wants from
the server goes through an HTTP proxy that asks for a password.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import certificates
import http_proxy
import npm_packages
import servers
from bench import SERVER_V4, SERVER_V6, server_and_client
from namespaces import Namespace
from outcome import PASS, Report, failed
from servers import Listener

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from token_issuer import TokenIssuer  # noqa: E402

CHECKS_SECONDS = 300
DRIVER = Path(__file__).resolve().parent / "browsers" / "chromium.mjs"
LISTENERS = [Listener("udp", 3478), Listener("udp", 49152), Listener("tcp", 3478), Listener("edge", 443)]

UDP_49152 = f"turn:{SERVER_V4}:49152?transport=udp"
UDP_3478 = f"turn:{SERVER_V4}:3478?transport=udp"
UDP_V6 = f"turn:[{SERVER_V6}]:3478?transport=udp"
TCP_3478 = f"turn:{SERVER_V4}:3478?transport=tcp"
TLS_443 = f"turns:{certificates.HOST}:443?transport=tcp"
LIVEZ = f"https://{certificates.HOST}:443/livez"

# The servers of the first and of the second peer connection.
CALLS = [
    ("turn:udp at 49152", [UDP_49152, UDP_49152]),
    ("turn:udp at 3478", [UDP_3478, UDP_3478]),
    ("turn:tcp at 3478", [TCP_3478, TCP_3478]),
    ("turn:udp to turn:tcp", [UDP_49152, TCP_3478]),
    ("turn:udp over IPv6", [UDP_V6, UDP_V6]),
    ("turns:tcp at 443", [TLS_443, TLS_443]),
    ("turns:tcp at 443 to turn:udp", [TLS_443, UDP_49152]),
]
MEDIA = "audio and video over turns:tcp at 443"
LIVEZ_MEANWHILE = "/livez answers curl during the call, on the same port"
PROXIED = "turns:tcp at 443 through an authenticating HTTP proxy"
TOKEN = "a token becomes iceServers by fetch at 443, and a call"
SITE_PORT = 8123  # of the page, whose origin the API has to allow
UNTRUSTED = "a certificate from an unknown authority is refused"


def why_missing(program: str) -> str | None:
    """What a browser cannot be driven without, beside itself."""
    if not shutil.which(program):
        return f"{program} is missing"
    if not shutil.which("certutil"):
        return "certutil (package libnss3-tools) is missing"
    return npm_packages.why_missing()


def run(directory: Path, program: Path | None, report: Report) -> None:
    reason = why_missing("chromium")
    if reason:
        report("chromium", ("SKIP", reason))
        return
    authority = certificates.make_authority(directory / "certificates")
    certificate = authority.issue(certificates.HOST)
    with server_and_client() as (server, client), _issuer(server, authority) as issuer:
        credentials = {"issuers": [issuer.setting()], "ca_file": str(authority.file),
                       "allowed_origins": [f"http://127.0.0.1:{SITE_PORT}"]}
        if not servers.started(report, "chromium", program, server, directory, addresses=[SERVER_V4, SERVER_V6],
                               listeners=LISTENERS, certificates=[certificate], credentials=credentials):
            return
        if program is not None:
            _drive(client, directory, "token", authority, [TOKEN], report, {"calls": [], "sitePort": SITE_PORT,
                   "mint": {"name": TOKEN, "url": f"https://{certificates.HOST}/v1/ice-servers", "token": issuer.token()}})
        _direct(client, directory, authority, program is None, report)
        _through_proxy(server, directory, authority, report)


def _issuer(server: Namespace, authority: certificates.Authority) -> TokenIssuer:
    """On the server's loopback."""
    certificate = authority.issue("issuer.example.test", ("127.0.0.1",))
    with server.entered():
        return TokenIssuer(certificate)


def _direct(client: Namespace, directory: Path, authority: certificates.Authority, is_coturn: bool,
            report: Report) -> None:
    """coturn has no /livez."""
    calls = [{"name": name, "kind": "data", "urls": urls} for name, urls in CALLS]
    media = {"name": MEDIA, "kind": "media", "urls": [TLS_443, TLS_443]}
    names = [name for name, _ in CALLS] + [MEDIA, "a wrong password"]
    if not is_coturn and shutil.which("curl"):
        media["meanwhile"] = {"name": LIVEZ_MEANWHILE, "command": [
            "curl", "--silent", "--show-error", "--max-time", "10", "--cacert", str(authority.file), "--output",
            "/dev/null", "--write-out", "%{http_code}", LIVEZ], "prints": "200"}
        names.append(LIVEZ_MEANWHILE)
    elif not is_coturn:
        report(f"chromium: {LIVEZ_MEANWHILE}", ("SKIP", "curl is missing"))
    _drive(client, directory, "direct", authority, names, report,
           {"calls": [*calls, media], "wrongPassword": UDP_49152})
    # The same server for a browser that does not know the authority: nothing may be relayed.
    _drive(client, directory, "untrusted", None, [UNTRUSTED], report,
           {"calls": [{"name": UNTRUSTED, "kind": "data", "urls": [TLS_443, TLS_443], "seconds": 8, "fails": True}]})


def _through_proxy(server: Namespace, directory: Path, authority: certificates.Authority, report: Report) -> None:
    reason = http_proxy.why_not()
    if reason:
        report(f"chromium: {PROXIED}", ("SKIP", reason))
        return
    with http_proxy.caged(server, directory) as cage:
        for name, outcome in http_proxy.checks(cage, certificates.HOST, 443):
            report(f"http proxy: {name}", outcome)
        order = {"calls": [{"name": PROXIED, "kind": "data", "urls": [TLS_443, TLS_443]}],
                 "proxy": {"server": cage.url, "username": http_proxy.USER, "password": http_proxy.PASSWORD},
                 "visit": LIVEZ}
        _drive(cage.browser, directory, "proxied", authority, [PROXIED], report, order)
        connects = cage.connects(certificates.HOST, 443)
        # The page's, and one for each of the two allocations.
        report("http proxy: its log names the server for each connection",
               PASS if connects >= 3 else failed(f"{connects} CONNECTs of the browser in {cage.log}"))


def _drive(client: Namespace, directory: Path, role: str, authority: certificates.Authority | None, names: list[str],
           report: Report, order: dict) -> None:
    home = directory / f"home-{role}"
    (home / ".pki" / "nssdb").mkdir(parents=True)
    if authority is not None:
        trust(home / ".pki" / "nssdb", authority)
    username, credential = servers.timed_credential("browser", time.time() + 3600)
    order |= {"chromium": shutil.which("chromium"), "packages": str(npm_packages.DIRECTORY),
              "profile": str(home / "profile"), "username": username, "credential": credential}
    order_file, results_file = directory / f"{role}-order.json", directory / f"{role}-results.json"
    order_file.write_text(json.dumps(order, indent=2))
    log = directory / f"{role}.log"
    code = client.run(log, "node", str(DRIVER), str(order_file), str(results_file), timeout=CHECKS_SECONDS,
                      env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")})
    results = json.loads(results_file.read_text()) if results_file.exists() else {}
    for name in names:
        problem = results.get(name, f"no result; the driver ended with exit code {code}")
        report(f"chromium: {name}", failed(f"{problem}; log {log}") if problem else PASS)


def trust(database: Path, authority: certificates.Authority) -> None:
    """Makes the authority one that servers' certificates may come from, in an NSS database: a browser's own way."""
    for arguments in (["-N", "--empty-password"], ["-A", "-n", "interop", "-t", "C,,", "-i", str(authority.file)]):
        subprocess.run(["certutil", "-d", f"sql:{database}", *arguments], check=True, stdin=subprocess.DEVNULL,
                       capture_output=True, timeout=60)
