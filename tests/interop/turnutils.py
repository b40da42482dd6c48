"""coturn's clients: each way of relaying that turnutils_uclient knows, without a lost packet; and who is refused.

One namespace. The server relays from addresses of its own and the peers listen on loopback, since a relay address is
open as a peer only at ports that are relay ports just then.
"""

from __future__ import annotations

import re
import shutil
import socket
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import certificates
import servers
from namespaces import Namespace, udp_socket
from outcome import Outcome, Report
from servers import Listener

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from stun_message import Attribute, Builder, Class, Message, Method, long_term_key  # noqa: E402

V4, V6 = "10.78.0.1", "fd78::1"
ALTERNATE_V4 = "10.78.0.2"  # of NAT discovery
CLIENT_V4 = "10.78.0.9"  # named where the kernel would choose another address for each that is asked
PEER_V4, PEER_V6 = "127.0.0.1", "::1"
PEER_PORT = 3480
LISTENERS = [Listener("udp", 3478), Listener("tcp", 3478), Listener("edge", 443), Listener("tls", 5349),
             Listener("dtls", 5349)]
MESSAGES = 50
PARALLEL = 4

# Name, arguments of turnutils_uclient, sessions that it opens. Without -c it opens a second session for RTCP, by
# EVEN-PORT with a reservation and RESERVATION-TOKEN from another port; -y connects two clients through two relays.
# -x and -X choose the relay's family only with -y; otherwise the peer's family (-e) decides.
PLAIN = [
    ("UDP, channels", ["-e", PEER_V4, "-c", V4], 1),
    ("UDP, Send and Data", ["-e", PEER_V4, "-c", "-s", V4], 1),
    ("UDP, channels, EVEN-PORT and RESERVATION-TOKEN", ["-e", PEER_V4, V4], 2),
    ("UDP, Send and Data, EVEN-PORT and RESERVATION-TOKEN", ["-e", PEER_V4, "-s", V4], 2),
    ("UDP, padded ChannelData", ["-e", PEER_V4, "-D", "-c", V4], 1),
    ("UDP, DONT-FRAGMENT", ["-e", PEER_V4, "-g", "-c", V4], 1),
    ("UDP, DONT-FRAGMENT in Send", ["-e", PEER_V4, "-g", "-s", V4], 2),
    ("UDP, additional permissions and channels", ["-e", PEER_V4, "-G", "-c", V4], 1),
    ("UDP, messages of 1400 octets", ["-e", PEER_V4, "-l", "1400", V4], 2),
    ("TCP, channels", ["-t", "-e", PEER_V4, "-c", V4], 1),
    ("TCP, Send and Data", ["-t", "-e", PEER_V4, "-c", "-s", V4], 1),
    ("TCP, channels, EVEN-PORT and RESERVATION-TOKEN", ["-t", "-e", PEER_V4, V4], 2),
    ("TCP, messages of an odd length", ["-t", "-e", PEER_V4, "-l", "171", V4], 2),
    ("TCP, DONT-FRAGMENT", ["-t", "-e", PEER_V4, "-g", V4], 2),
    ("-X, IPv4 client, IPv4 peer", ["-e", PEER_V4, "-X", V4], 2),
    ("-X, IPv6 client, IPv4 peer", ["-e", PEER_V4, "-X", V6], 2),
    ("-x, IPv4 client, IPv4 peer", ["-e", PEER_V4, "-x", V4], 2),
    ("-x, IPv6 client, IPv4 peer", ["-e", PEER_V4, "-x", V6], 2),
    ("-x, IPv4 client, IPv6 peer", ["-e", PEER_V6, "-x", V4], 2),
    ("-x, IPv6 client, IPv6 peer", ["-e", PEER_V6, "-x", V6], 2),
    ("-x, TCP from IPv6, IPv6 peer", ["-t", "-e", PEER_V6, "-x", V6], 2),
    ("two relays, UDP, channels", ["-y", "-c", V4], 2),
    ("two relays, UDP, channels, with reservations", ["-y", V4], 4),
    ("two relays, UDP, Send and Data", ["-y", "-s", V4], 4),
    ("two relays, TCP", ["-y", "-t", V4], 4),
    ("two relays, IPv6 relays from IPv4", ["-y", "-x", V4], 4),
    ("two relays, IPv4 relays from IPv6", ["-y", "-X", V6], 4),
    ("ten clients at once", ["-e", PEER_V4, "-m", "10", V4], 10),
    ("TCP relays", ["-T", V4], 2),
    ("TCP relays, six clients at once", ["-T", "-m", "6", V4], 6),
]
# -S is TLS with -t and DTLS without; AUTHORITY stands for the file of the authority that the certificate must be from.
AUTHORITY = "{authority}"
SECURE = [(f"{protocol}{port_name}, {way}", [*transport, "-S", "-E", AUTHORITY, *port, "-e", PEER_V4, *how, V4], sessions)
          for protocol, transport in (("TLS", ["-t"]), ("DTLS", []))
          for port_name, port in ((" at 5349", ["-p", "5349"]), (" at 3478", ["-p", "3478"]))
          for way, how, sessions in (("channels", ["-c"], 1), ("Send and Data", ["-c", "-s"], 1))]
SECURE += [
    ("TLS at 443", ["-t", "-S", "-E", AUTHORITY, "-p", "443", "-e", PEER_V4, V4], 2),
    ("TLS, messages of an odd length", ["-t", "-S", "-E", AUTHORITY, "-p", "443", "-e", PEER_V4, "-l", "171", V4], 2),
    ("TLS over IPv6", ["-t", "-S", "-E", AUTHORITY, "-p", "443", "-e", PEER_V4, V6], 2),
    ("DTLS over IPv6", ["-S", "-E", AUTHORITY, "-p", "5349", "-e", PEER_V4, V6], 2),
    ("DTLS, messages of 1200 octets", ["-S", "-E", AUTHORITY, "-p", "5349", "-e", PEER_V4, "-l", "1200", V4], 2),
    ("two relays, TLS", ["-y", "-t", "-S", "-E", AUTHORITY, "-p", "443", V4], 4),
    ("two relays, DTLS", ["-y", "-S", "-E", AUTHORITY, "-p", "5349", V4], 4),
    ("TCP relays, TLS", ["-T", "-S", "-E", AUTHORITY, "-p", "5349", V4], 2),
    ("ten clients at once, TLS", ["-t", "-S", "-E", AUTHORITY, "-p", "443", "-e", PEER_V4, "-c", "-m", "10", V4], 10),
    ("ten clients at once, DTLS", ["-S", "-E", AUTHORITY, "-p", "5349", "-e", PEER_V4, "-c", "-m", "10", V4], 10),
]
# Name, arguments of turnutils_natdiscovery, what it has to find out where there is no NAT.
NAT_DISCOVERY = [
    ("mapping", ["-m"], "Endpoint Independent Mapping"),
    ("filtering", ["-f"], "Endpoint Independent Filtering"),
    ("mapping, with PADDING", ["-m", "-P"], "Endpoint Independent Mapping"),
    ("filtering, with PADDING", ["-f", "-P"], "Endpoint Independent Filtering"),
    ("lifetime of mappings, with RESPONSE-PORT", ["-t", "-T", "1"], "RFC 5780 response 2"),
]
# Each session moves to a new port, or a new connection, right behind its Allocate. Not over TLS and DTLS: in every second
# run this client gives up on its second connection before it has sent anything there ("send: Success").
MOBILE = [
    ("UDP, channels", ["-e", PEER_V4, "-c", V4], 1),
    ("UDP, Send and Data", ["-e", PEER_V4, "-c", "-s", V4], 1),
    ("UDP, EVEN-PORT and RESERVATION-TOKEN", ["-e", PEER_V4, V4], 2),
    ("UDP over IPv6", ["-e", PEER_V4, V6], 2),
    ("TCP, channels", ["-t", "-e", PEER_V4, "-c", V4], 1),
    ("TCP, Send and Data", ["-t", "-e", PEER_V4, "-c", "-s", V4], 1),
    ("ten clients at once", ["-e", PEER_V4, "-c", "-m", "10", V4], 10),
]
WITH_SECRET = [
    ("REST secret, UDP", ["-e", PEER_V4, V4], 2),
    ("REST secret, TCP", ["-t", "-e", PEER_V4, V4], 2),
    ("REST secret, IPv6", ["-e", PEER_V4, V6], 2),
]


def missing_tool() -> str | None:
    tools = ("turnutils_uclient", "turnutils_peer", "turnutils_stunclient")
    return next((tool for tool in tools if not shutil.which(tool)), None)


def start_peer(namespace: Namespace, directory: Path, address: str) -> None:
    """At PEER_PORT. It says nothing when it is there."""
    namespace.start(directory / f"peer{'6' if ':' in address else '4'}.log", "turnutils_peer", "-L", address, "-p",
                    str(PEER_PORT))
    time.sleep(0.5)


def run(directory: Path, program: Path | None, report: Report) -> None:
    missing = missing_tool()
    if missing:
        report("turnutils", ("SKIP", f"{missing} (package coturn) is missing"))
        return
    authority = certificates.make_authority(directory / "certificates")
    certificate = authority.issue(certificates.HOST, (V4, V6))
    secure, mobile = ([(name, [word.format(authority=authority.file) for word in arguments], sessions)
                       for name, arguments, sessions in group] for group in (SECURE, MOBILE))
    with_user = ["-u", servers.USER, "-w", servers.PASSWORD]
    with_secret = ["-u", "bob", "-W", servers.SHARED_SECRET]
    if program is not None:
        groups = [(with_user, PLAIN + secure), (with_secret, WITH_SECRET)]
        _session(directory, program, certificate, False, report, groups,
                 [(name, [*with_user, *arguments], sessions) for name, arguments, sessions in mobile])
    else:
        # In about every second run Debian's coturn leaves a request over TLS unanswered: its client waits for ever.
        report("uclient: TLS", ("SKIP", "coturn's server does not always answer over TLS"))
        secure = [case for case in secure if "-S" in case[1] and "-t" not in case[1]]
        _session(directory, None, certificate, False, report, [(with_user, PLAIN + secure)])
        _session(directory, None, certificate, True, report, [(with_secret, WITH_SECRET)])


def _session(directory: Path, program: Path | None, certificate: certificates.Certificate, secret_only: bool,
             report: Report, groups: list, mobile: list = ()) -> None:
    namespace = Namespace("turnutils")
    try:
        for address in (f"{V4}/32", f"{ALTERNATE_V4}/32", f"{CLIENT_V4}/32", f"{V6}/128"):
            namespace.add_address("lo", address)
        if not servers.started(report, "turnutils", program, namespace, directory, addresses=[V4, V6],
                               listeners=LISTENERS, channel_numbers="rfc5766", peers_allow=["127.0.0.0/8", "::1/128"],
                               certificates=[certificate], with_user=not secret_only,
                               mobility=True,
                               nat_discovery={"alternate_address": ALTERNATE_V4, "padding": True, "response_port": True}):
            return
        for peer in (PEER_V4, PEER_V6):
            start_peer(namespace, directory, peer)
        _relaying(namespace, directory, groups, report)
        for case in mobile:
            report(f"uclient: mobility: {case[0]}", _moves(namespace, directory, *case))
        if not secret_only:
            for address in (V4, V6):
                report(f"turnutils_stunclient {address}", _stun_client(namespace, directory, address))
        _refusals(namespace, directory, secret_only, report)
        if program is None:
            report("access tokens", ("SKIP", "coturn's server is not started with their keys"))
        else:
            # With -J the client makes tokens (RFC 7635) with one of its three keys, at random.
            for name, arguments in (("channels", ["-c"]), ("Send and Data", ["-c", "-s"]), ("TCP", ["-t", "-c"])):
                report(f"uclient: access tokens, {name}",
                       relays(namespace, directory, f"access tokens {name}", ["-J", "-e", PEER_V4, *arguments, V4], 1))
        if program is None:
            report("natdiscovery", ("SKIP", "coturn's server is not started with a second address"))
        else:
            for name, arguments, finding in NAT_DISCOVERY:
                report(f"natdiscovery: {name}", _nat_discovery(namespace, directory, name, arguments, finding))
    finally:
        namespace.close()


def _relaying(namespace: Namespace, directory: Path, groups: list, report: Report) -> None:
    cases = [(f"uclient: {name}", [*credentials, *arguments], sessions)
             for credentials, group in groups for name, arguments, sessions in group]
    with ThreadPoolExecutor(PARALLEL) as pool:
        outcomes = pool.map(lambda case: relays(namespace, directory, *case), cases)
        for (name, _, _), outcome in zip(cases, outcomes):
            report(name, outcome)


def _log_name(name: str) -> str:
    return f"{re.sub(r'[^a-zA-Z0-9]+', '-', name)}.log"


def relays(namespace: Namespace, directory: Path, name: str, arguments: list[str], sessions: int) -> Outcome:
    """Everything sent came back. The exit code alone says nothing: it is 0 with losses, too."""
    log = directory / _log_name(name)
    command = ["turnutils_uclient", "-n", str(MESSAGES), "-r", str(PEER_PORT), *arguments]
    code = namespace.run(log, *command, timeout=60)
    text = log.read_text(errors="replace")
    counts = re.findall(r"tot_send_msgs=(\d+), tot_recv_msgs=(\d+)", text)
    sent, received = (int(count) for count in counts[-1]) if counts else (0, 0)
    lost = re.search(r"Total lost packets (\d+)", text)
    expected = MESSAGES * sessions
    if code == 0 and sent == received == expected and lost and lost[1] == "0":
        return "PASS", ""
    return "FAIL", f"exit code {code}, {received} of {expected} messages back ({sent} sent); {' '.join(command)}; log {log}"


def _moves(namespace: Namespace, directory: Path, name: str, arguments: list[str], sessions: int) -> Outcome:
    """The same with -M. uclient shows that it moved only to those who ask: each session has two tickets at least, from two ports."""
    outcome = relays(namespace, directory, f"mobility {name}", ["-M", "-v", *arguments], sessions)
    if outcome[0] != "PASS":
        return outcome
    text = (directory / _log_name(f"mobility {name}")).read_bytes()
    tickets = re.findall(rb"read_mobility_ticket: smid=(.{8,}?)\n", text, re.S)
    ports = set(re.findall(rb"Connected from: \S+:(\d+)", text))
    if len(tickets) == len(set(tickets)) >= 2 * sessions and len(ports) >= 2 * sessions and b"refresh response" in text:
        return "PASS", ""
    return "FAIL", f"{len(tickets)} tickets and {len(ports)} ports in {sessions} sessions; it did not move"


def _stun_client(namespace: Namespace, directory: Path, address: str) -> Outcome:
    log = directory / f"stunclient-{'6' if ':' in address else '4'}.log"
    code = namespace.run(log, "turnutils_stunclient", address, timeout=30)
    text = log.read_text(errors="replace")
    if code == 0 and f"UDP reflexive addr: {address}:" in text:
        return "PASS", ""
    return "FAIL", f"exit code {code}, and not its own address in the answer; log {log}"


def _nat_discovery(namespace: Namespace, directory: Path, name: str, arguments: list[str], finding: str) -> Outcome:
    if not shutil.which("turnutils_natdiscovery"):
        return "SKIP", "turnutils_natdiscovery (package coturn) is missing"
    log = directory / f"natdiscovery-{re.sub(r'[^a-zA-Z0-9]+', '-', name)}.log"
    code = namespace.run(log, "turnutils_natdiscovery", *arguments, "-L", CLIENT_V4, V4, timeout=60)
    if code == 0 and finding in log.read_text(errors="replace"):
        return "PASS", ""
    return "FAIL", f"exit code {code}, or not '{finding}'; log {log}"


def _refusals(namespace: Namespace, directory: Path, secret_only: bool, report: Report) -> None:
    expired = servers.timed_credential("bob", time.time() - 3600)
    valid = servers.timed_credential("bob", time.time() + 3600)
    users = [("wrong password", servers.USER, "wrong"), ("unknown user", "nobody", servers.PASSWORD)]
    secrets = [("expired REST name", *expired), ("REST name with another's password", valid[0], expired[1])]
    for name, username, password in secrets if secret_only else users if _is_coturn(directory) else users + secrets:
        report(f"refused with 401: {name}", _is_refused(namespace, directory, name, username, password))
    if secret_only or not _is_coturn(directory):
        report("accepted: a REST name that has not expired", _is_accepted(namespace, *valid))


def _is_coturn(directory: Path) -> bool:
    return not (directory / "senso-turn.yaml").exists()


def _is_accepted(namespace: Namespace, username: str, password: str) -> Outcome:
    code = _allocate(namespace, username, password)
    return ("PASS", "") if code == 0 else ("FAIL", f"the answer is {code}")


def _is_refused(namespace: Namespace, directory: Path, name: str, username: str, password: str) -> Outcome:
    """turnutils_uclient gives up without saying why, so the code comes from an Allocate of our own."""
    log = directory / f"refused-{name.replace(' ', '-')}.log"
    code = namespace.run(log, "turnutils_uclient", "-u", username, "-w", password, "-n", "1", "-c", "-e", PEER_V4, V4, timeout=60)
    if code == 0 or "Cannot complete Allocation" not in log.read_text(errors="replace"):
        return "FAIL", f"turnutils_uclient was let in, or failed for another reason; log {log}"
    answer = _allocate(namespace, username, password)
    return ("PASS", "") if answer == 401 else ("FAIL", f"the answer is {answer}")


def _allocate(namespace: Namespace, username: str, password: str) -> int | None:
    """The error code of an Allocate with these credentials, 0 for success, None for silence."""
    with udp_socket(namespace, socket.AF_INET) as client:
        client.settimeout(3)
        client.connect((V4, 3478))
        challenge = _exchange(client, _allocate_request())
        if challenge is None:
            return None
        attributes = {kind: value for kind, value, _ in challenge.attributes}
        realm, nonce = attributes[Attribute.REALM], attributes[Attribute.NONCE]
        request = _allocate_request().add_text(Attribute.USERNAME, username).add(Attribute.REALM, realm)
        request.add(Attribute.NONCE, nonce).integrity(long_term_key(username, realm.decode(), password))
        answer = _exchange(client, request)
        if answer is None or answer.message_class == Class.SUCCESS:
            return None if answer is None else 0
        value = next(value for kind, value, _ in answer.attributes if kind == Attribute.ERROR_CODE)
        return value[2] * 100 + value[3]


def _allocate_request() -> Builder:
    return Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([17, 0, 0, 0]))


def _exchange(client: socket.socket, request: Builder) -> Message | None:
    client.send(request.build())
    try:
        return Message.parse(client.recv(2048))
    except TimeoutError:
        return None
