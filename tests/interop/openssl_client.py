"""`openssl s_client`: versions, suites, ALPN, server names, resumption; on the edge, the TLS and the DTLS listener."""

from __future__ import annotations

import re
import select
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import certificates
import servers
from bench import SERVER_V4, SERVER_V6, server_and_client
from namespaces import Namespace
from outcome import PASS, Outcome, Report, failed
from servers import Listener

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from stun_message import Builder, Class, MalformedMessage, Message, Method  # noqa: E402

LISTENERS = [Listener("udp", 3478), Listener("tcp", 3478), Listener("edge", 443), Listener("tls", 5349),
             Listener("dtls", 5349)]
SECONDS = 20
DONE = "(Verify return code|Verification error)[^\n]*\n(.*\n)?---\n"


@dataclass(frozen=True)
class Door:
    """A listener as s_client reaches it."""

    name: str
    port: int
    arguments: tuple[str, ...] = ()

    @property
    def is_dtls(self) -> bool:
        return "-dtls1_2" in self.arguments


EDGE, TLS, DTLS = Door("edge", 443), Door("tls", 5349), Door("dtls", 5349, ("-dtls1_2",))
PLAIN_TCP, PLAIN_UDP = Door("tcp at 3478", 3478), Door("udp at 3478", 3478, ("-dtls1_2",))


class Client:
    """Runs s_client at one door and judges what it prints."""

    def __init__(self, namespace: Namespace, directory: Path, authority: certificates.Authority):
        self.namespace = namespace
        self.directory = directory
        self.authority = authority

    def command(self, door: Door, *arguments: str) -> list[str]:
        name = [] if "-servername" in arguments else ["-servername", certificates.HOST]
        return self.namespace.command(
            "openssl", "s_client", "-connect", f"{SERVER_V4}:{door.port}", "-CAfile", str(self.authority.file),
            "-verify_return_error", *name, *door.arguments, *arguments)

    def run(self, log: str, door: Door, *arguments: str, until: str = DONE, session: Path | None = None) -> str:
        """What it printed until it was seen to be done, with the session saved if one is wanted, and told to quit."""
        file = self.directory / f"{re.sub(r'[^a-zA-Z0-9]+', '-', f'{door.name}-{log}')}.log"
        deadline = time.monotonic() + SECONDS
        with file.open("wb") as output, \
                subprocess.Popen(self.command(door, *arguments), stdin=subprocess.PIPE, stdout=output,
                                 stderr=subprocess.STDOUT) as process:
            try:
                while process.poll() is None and time.monotonic() < deadline:
                    is_saved = session is None or (session.exists() and session.stat().st_size > 0)
                    if is_saved and re.search(until, file.read_text(errors="replace")):
                        break
                    time.sleep(0.05)
                process.communicate(b"Q\n", timeout=5)
            except (subprocess.TimeoutExpired, BrokenPipeError):
                process.kill()
        return file.read_text(errors="replace")

    def sees(self, name: str, door: Door, *arguments: str, wanted: list[str], until: str = DONE) -> Outcome:
        text = self.run(name, door, *arguments, until=until)
        missing = [each for each in wanted if not re.search(each, text)]
        command = " ".join(self.command(door, *arguments))
        return failed(f"{missing} is not in the output of {command}; logs {self.directory}") if missing else PASS

    def binding(self, door: Door) -> Outcome:
        """A Binding through s_client's standard input and output."""
        request = Builder(Method.BINDING).build()
        answer = b""
        deadline = time.monotonic() + SECONDS
        with subprocess.Popen(self.command(door, "-quiet"), stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, bufsize=0) as process:
            try:
                process.stdin.write(request)
                while not _is_whole(answer) and time.monotonic() < deadline:
                    if select.select([process.stdout], [], [], 0.2)[0]:
                        chunk = process.stdout.read(4096)
                        if not chunk:
                            break
                        answer += chunk
            except BrokenPipeError:
                pass
            finally:
                process.kill()
        try:
            message = Message.parse(answer)
        except MalformedMessage as problem:
            return failed(f"{len(answer)} octets came back: {problem}")
        is_answer = message.message_class == Class.SUCCESS and message.transaction_id == request[8:20]
        return PASS if is_answer else failed(f"{message} came back")


def _is_whole(octets: bytes) -> bool:
    return len(octets) >= 20 and len(octets) >= 20 + int.from_bytes(octets[2:4])


def run(directory: Path, program: Path | None, report: Report) -> None:
    if not shutil.which("openssl"):
        report("openssl", ("SKIP", "openssl is missing"))
        return
    authority = certificates.make_authority(directory / "certificates")
    both = [authority.issue(certificates.HOST, (SERVER_V4,)), authority.issue(certificates.OTHER_HOST)]
    with server_and_client() as (server, namespace):
        if not servers.started(report, "openssl", program, server, directory, addresses=[SERVER_V4, SERVER_V6],
                               listeners=LISTENERS, certificates=both):
            return
        client = Client(namespace, directory, authority)
        for name, check in _checks(client, is_coturn=program is None):
            report(f"openssl: {name}", check())


def _checks(client: Client, *, is_coturn: bool) -> list[tuple[str, Callable[[], Outcome]]]:
    checks: list[tuple[str, Callable[[], Outcome]]] = []

    def sees(name: str, door: Door, *arguments: str, wanted: list[str], until: str = DONE) -> None:
        checks.append((f"{door.name}: {name}",
                       lambda: client.sees(name, door, *arguments, wanted=wanted, until=until)))

    for door in (EDGE, TLS, DTLS, PLAIN_TCP, PLAIN_UDP):
        checks.append((f"{door.name}: a Binding is answered", lambda door=door: client.binding(door)))
    for door in (EDGE, TLS) if not is_coturn else ():
        sees("TLS 1.3", door, "-tls1_3", wanted=["New, TLSv1.3", "Compression: NONE", "Verify return code: 0"])
    for door in (EDGE, TLS, DTLS):
        version = "DTLSv1.2" if door.is_dtls else "TLSv1.2"
        arguments = [] if door.is_dtls else ["-tls1_2"]
        for suite in ("ECDHE-RSA-AES128-GCM-SHA256", "DHE-RSA-AES128-GCM-SHA256"):
            sees(f"{version} with {suite}", door, *arguments, "-cipher", suite,
                 wanted=[f"Cipher is {suite}\n", rf"Protocol  ?: {version}\n", "Compression: NONE",
                         "Verify return code: 0"])
        for protocol in ("stun.turn", "stun.nat-discovery"):
            sees(f"ALPN {protocol} is selected", door, "-alpn", protocol, wanted=[rf"ALPN protocol: {protocol}\n"])
        sees("ALPN h2 goes on without", door, "-alpn", "h2", wanted=["No ALPN negotiated", "Verify return code: 0"])
        for name in (certificates.HOST, certificates.OTHER_HOST) if not is_coturn else ():
            sees(f"the certificate of {name}", door, "-servername", name, "-verify_hostname", name,
                 wanted=[rf"subject=CN = {name}\n", "Verify return code: 0"])
        if not is_coturn:
            sees("an unknown name gets the first certificate", door, "-servername", "unknown.example.test",
                 wanted=[rf"subject=CN = {certificates.HOST}\n"])
        versions = ["-dtls1_2"] if door.is_dtls else ["-tls1_2", "-tls1_3"]
        for argument in versions[:1] if is_coturn else versions:  # Debian's coturn does not speak TLS 1.3
            checks.append((f"{door.name}: a session is resumed, {argument[1:]}",
                           lambda door=door, argument=argument: _is_resumed(client, door, argument)))
    for door in (EDGE, TLS):
        if is_coturn:
            continue  # it says nothing to a client that is too old
        # At the usual security level s_client does not even offer the old versions.
        for version in ("-tls1_1", "-tls1"):
            sees(f"{version[1:]} is refused", door, version, "-cipher", "ALL:@SECLEVEL=0",
                 wanted=["alert protocol version|unexpected eof|errno=", r"Cipher is \(NONE\)"])
    for door in (EDGE, TLS):
        sees("five resumptions in a row", door, "-tls1_2", "-reconnect", wanted=["(Reused, TLSv1.2(.|\n)*){5}"],
             until="(Reused, TLSv1.2(.|\n)*){5}Verify return code[^\n]*\n")
    sees("DTLS 1.0 is refused", Door("dtls", 5349, ("-dtls1",)), "-cipher", "ALL:@SECLEVEL=0",
         wanted=["alert protocol version", r"Cipher is \(NONE\)"])
    return checks


def _is_resumed(client: Client, door: Door, argument: str) -> Outcome:
    session = client.directory / f"session-{door.name}{argument}.pem"
    version = [] if door.is_dtls else [argument]
    # A session of TLS 1.3 comes after the handshake; s_client saves it at once but tells of it at its end.
    client.run(f"first{argument}", door, *version, "-sess_out", str(session), session=session)
    if not session.exists():
        return failed("the first connection brought no session")
    return client.sees(f"second{argument}", door, *version, "-sess_in", str(session), wanted=["\nReused, "])
