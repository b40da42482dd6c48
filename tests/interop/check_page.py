"""Chromium at the connectivity page: it shows the truth, with everything open, without UDP, with nothing but 443, behind
address translation and a proxy that opens TLS, and with a second browser: next to it, and behind a translation of its own.
Keyboard only, and as wide as a phone."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import browser
import certificates
import npm_packages
import servers
from bench import CLIENT_V4, SERVER_V4, server_and_client
from namespaces import Namespace, connect
from outcome import PASS, Report, failed
from servers import Listener

CHECKS_SECONDS = 330
DRIVER = Path(__file__).resolve().parent / "browsers" / "check_page.mjs"
LISTENERS = [Listener("udp", 3478), Listener("udp", 49152), Listener("tcp", 3478), Listener("edge", 443)]
URL = f"https://{certificates.HOST}/check"
PROXY_V4, OUTER_V4 = "10.77.0.9", "10.77.0.3"
# The second browser's, where it is elsewhere: the server's host lets it and the first one reach each other's outer address.
GUEST_V4, GUEST_OUTER_V4, GUEST_GATEWAY_V4 = "10.78.0.2", "10.78.0.3", "10.78.0.1"

WITHOUT_UDP = "add rule inet filter output meta l4proto udp drop"
ONLY_443 = "add rule inet filter output oifname != lo tcp dport != 443 drop\n" + WITHOUT_UDP


def _translated(ports: str, outer: str = OUTER_V4) -> str:
    """As a router in front of the browser would: another address outside, and nothing comes in that was not asked for."""
    return ("add table ip nat\nadd chain ip nat out { type nat hook postrouting priority srcnat; }\n"
            f"add rule ip nat out meta l4proto udp snat to {outer}{ports}\n"
            "add chain inet filter input { type filter hook input priority 0; policy accept; }\n"
            f"add rule inet filter input ip daddr {outer} ct state new drop")


# Nobody out there knows a way to the addresses behind the translations.
_APART = ("add chain inet filter forward { type filter hook forward priority 0; policy accept; }\n"
          f"add rule inet filter forward ip daddr {{ {CLIENT_V4}, {GUEST_V4} }} drop")


# An inspecting proxy as schools and offices have them: a certificate from an authority that the browser trusts, and
# nothing but web pages inside.
_HAPROXY = """\
global
  maxconn 100
  ssl-server-verify none
defaults
  mode http
  timeout connect 5s
  timeout client 60s
  timeout server 60s
frontend inspected
  bind {address}:443 ssl crt {certificate}
  http-request set-header Via "1.1 strict-gate (Example Filter)"
  default_backend there
backend there
  server turn {server}:443 ssl sni str({host})
"""


@dataclass(frozen=True)
class Scene:
    """What the network does to the browser, and what is wrong with what the page made of it, or None."""

    name: str
    judge: Callable[[dict], str | None]
    rules: str = ""
    resolve: str = ""  # where all names lead
    pairing: dict[str, str] | None = None  # with a second browser: what becomes of each way, as both see it
    is_second_elsewhere: bool = False


def _expect(shown: dict, ways: dict[str, str]) -> str | None:
    if shown["state"] != "done":
        return f"the page says: {shown['progress']}"
    if shown["ways"] != ways:
        return f"it shows {shown['ways']} instead of {ways}; {shown['report']}"
    for way, result in ways.items():
        figures = shown["figures"][way]
        if result == "works" and (len(figures) != 3 or "not measured" in " ".join(figures)):
            return f"{way} has no figures: {figures}"
    return None


def _judge_open(shown: dict) -> str | None:
    problem = _expect(shown, {"udp": "works", "tcp": "works", "tls": "works"})
    if problem:
        return problem
    if shown["network"]["mapping"] != "none":
        return f"there is no translation here, but it shows {shown['network']}"
    if shown["network"]["inspected"] != "false":
        return f"nobody is between, but it shows {shown['network']}"
    return None if "All that is needed is open" in shown["advice"] else shown["advice"]


def _judge_translation(mapping: str) -> Callable[[dict], str | None]:
    def judge(shown: dict) -> str | None:
        problem = _expect(shown, {"udp": "works", "tcp": "works", "tls": "works"})
        if problem:
            return problem
        network = shown["network"]
        is_right = network["mapping"] == mapping and OUTER_V4 in network["text"]
        return None if is_right else f"the mapping is {mapping}, but it shows {network}"
    return judge


def _judge_without_udp(shown: dict) -> str | None:
    problem = _expect(shown, {"udp": "fails", "tcp": "works", "tls": "works"})
    if problem:
        return problem
    if shown["network"]["mapping"] != "unknown":
        return f"STUN is not answered, but it shows {shown['network']}"
    lines = shown["rules"].splitlines()
    is_right = len(lines) == 1 and lines[0].startswith("allow outbound udp to ") and "49152-65535" in lines[0]
    return None if is_right and "picture and sound will stall" in shown["verdict"] else f"it asks for {lines}"


def _judge_only_443(shown: dict) -> str | None:
    problem = _expect(shown, {"udp": "fails", "tcp": "fails", "tls": "works"})
    if problem:
        return problem
    lines = shown["rules"].splitlines()
    is_right = len(lines) == 2 and "udp" in lines[0] and " tcp " in lines[1] and "3478" in lines[1]
    return None if is_right else f"it asks for {lines}"


def _judge_inspected(shown: dict) -> str | None:
    problem = _expect(shown, {"udp": "fails", "tcp": "fails", "tls": "fails"})
    if problem:
        return problem
    text = shown["network"]["text"]
    is_named = shown["network"]["inspected"] == "true" and "strict-gate (Example Filter)" in text
    if not is_named or "does not speak TLS as your browser does" not in text:
        return f"the proxy is not named: {text}"
    return None if "exempt" in shown["advice"] else f"the advice has nothing about it: {shown['advice']}"


SCENES = [
    # What translates nothing gives no address to punch through: browsers may leave it out, and those here do.
    Scene("everything open", _judge_open, pairing={"direct": "works"}),
    Scene("one outer port for all", _judge_translation("same"), _translated(""),
          pairing={"direct": "fails", "punched": "works"}, is_second_elsewhere=True),
    Scene("an outer port for each", _judge_translation("different"), _translated(":20000-60000 fully-random")),
    Scene("UDP blocked", _judge_without_udp, WITHOUT_UDP),
    Scene("nothing but 443 open", _judge_only_443, ONLY_443),
    Scene("a proxy that opens TLS", _judge_inspected, resolve=PROXY_V4),
]


def run(directory: Path, program: Path | None, report: Report) -> None:
    reason = browser.why_missing("chromium") or ("" if shutil.which("nft") else "nft (package nftables) is missing")
    if program is None:
        reason = "coturn has no such page"
    if reason:
        report("check page", ("SKIP", reason))
        return
    authority = certificates.make_authority(directory / "certificates")
    certificate = authority.issue(certificates.HOST)
    with server_and_client() as (server, client):
        if not servers.started(report, "check page", program, server, directory, addresses=[SERVER_V4],
                               listeners=LISTENERS, certificates=[certificate], check_page=True):
            return
        client.add_address("to-server", f"{OUTER_V4}/24")
        with _guest_of(server) as guest:
            for scene in SCENES:
                if scene.resolve and not _start_proxy(server, directory, certificate, report):
                    continue
                _play(client, guest, directory, authority, scene, report)


@contextmanager
def _guest_of(server: Namespace) -> Iterator[Namespace]:
    """Where the second browser is if it is elsewhere, with a translation of its own."""
    guest = Namespace("guest")
    try:
        connect(server, "to-guest", guest, "to-server")
        server.add_address("to-guest", f"{GUEST_GATEWAY_V4}/24")
        for address in (GUEST_V4, GUEST_OUTER_V4):
            guest.add_address("to-server", f"{address}/24")
        guest.add_default_route(GUEST_GATEWAY_V4)
        subprocess.run(server.command("sysctl", "-qw", "net.ipv4.ip_forward=1"), check=True, timeout=20)
        _filter(server, _APART)
        _filter(guest, _translated("", GUEST_OUTER_V4))
        yield guest
    finally:
        guest.close()


def _start_proxy(server: Namespace, directory: Path, certificate: certificates.Certificate, report: Report) -> bool:
    if not shutil.which("haproxy"):
        report("check page: a proxy that opens TLS", ("SKIP", "haproxy is missing"))
        return False
    server.add_address("to-client", f"{PROXY_V4}/24")
    pair = directory / "proxy.pem"
    pair.write_text(certificate.certificate.read_text() + certificate.private_key.read_text())
    file = directory / "haproxy.cfg"
    file.write_text(_HAPROXY.format(address=PROXY_V4, certificate=pair, server=SERVER_V4, host=certificates.HOST))
    server.start(directory / "haproxy.log", "haproxy", "-db", "-f", str(file))
    return True


def _play(client: Namespace, guest: Namespace, directory: Path, authority: certificates.Authority, scene: Scene,
          report: Report) -> None:
    role = scene.name.replace(" ", "-")
    _filter(client, scene.rules)
    results = _drive(client, guest, directory, authority, role, scene)
    _filter(client, "")
    log = directory / f"{role}.log"

    def tell(name: str, problem: str | None) -> None:
        report(f"check page, {scene.name}: {name}", failed(f"{problem}; log {log}") if problem else PASS)

    shown = results.get("page")
    if shown is None:
        tell("the page is driven", results.get("problem", "no result"))
        return
    tell("it shows the truth", scene.judge(shown))
    tell("nothing breaks the content security policy", "; ".join(results["violations"]) or None)
    tell("a phone does not scroll sideways",
         f"it is {shown['overflow']} px too wide" if shown["overflow"] > 0 else None)
    secrets = [word for word in ("~check", "credential", "username") if word in shown["report"]]
    tell("the report has no secrets", f"it has {secrets}" if secrets or not shown["report"] else None)
    if scene.pairing:
        _tell_pairing(scene.pairing, results, tell)
    elif results.get("problem"):
        tell("the keyboard reaches everything", results["problem"])


def _tell_pairing(expected: dict[str, str], results: dict, tell: Callable[[str, str | None], None]) -> None:
    if results.get("problem"):
        tell("a second browser joins", results["problem"])
        return
    both = [results["host"], results["guest"]]
    for way, outcome in expected.items():
        is_right = all(side.get(way) == outcome for side in both)
        tell(f"a second browser joins, and both sides say that the {way} path {outcome}", None if is_right else str(both))
    wide = max(side["overflow"] for side in both + [{"overflow": results["invitationOverflow"]}])
    tell("a phone does not scroll sideways with a link", f"it is {wide} px too wide" if wide > 0 else None)


def _filter(client: Namespace, rules: str) -> None:
    text = "flush ruleset\n"
    if rules:
        text += "add table inet filter\n"
        text += "add chain inet filter output { type filter hook output priority 0; policy accept; }\n" + rules + "\n"
    subprocess.run(client.command("nft", "-f", "-"), input=text, text=True, check=True, timeout=20)


def _drive(client: Namespace, guest: Namespace, directory: Path, authority: certificates.Authority, role: str,
           scene: Scene) -> dict:
    home = directory / f"home-{role}"
    (home / ".pki" / "nssdb").mkdir(parents=True)
    browser.trust(home / ".pki" / "nssdb", authority)
    order = {"chromium": shutil.which("chromium"), "packages": str(npm_packages.DIRECTORY), "url": URL,
             "profile": str(home / "profile"), "resolve": scene.resolve,
             "second": str(home / "second") if scene.pairing else "",
             "secondChromium": str(_browser_in(guest, home)) if scene.is_second_elsewhere else ""}
    order_file, results_file = directory / f"{role}-order.json", directory / f"{role}-results.json"
    order_file.write_text(json.dumps(order, indent=2))
    code = client.run(directory / f"{role}.log", "node", str(DRIVER), str(order_file), str(results_file),
                      timeout=CHECKS_SECONDS,
                      env={**os.environ, "HOME": str(home), "XDG_CONFIG_HOME": str(home / ".config")})
    if results_file.exists():
        return json.loads(results_file.read_text())
    return {"problem": f"no result; the driver ended with exit code {code}"}


def _browser_in(namespace: Namespace, directory: Path) -> Path:
    """A program that is Chromium in that namespace."""
    program = directory / "chromium-elsewhere"
    program.write_text(f'#!/bin/sh\nexec {shlex.join(namespace.command(shutil.which("chromium")))} "$@"\n')
    program.chmod(0o755)
    return program
