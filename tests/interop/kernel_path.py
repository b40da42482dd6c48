"""coturn's client through the datapath in the kernel: everything comes back, and the counters say which way it took.

Two namespaces with a cable between: the server in one, the client and the peer in the other. The other suites at that
bench have the same datapath; this one sees that it is used.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import servers
import turnutils
from bench import CLIENT_V4, CLIENT_V6, SERVER_V4, SERVER_V6, server_and_client
from namespaces import Namespace
from outcome import PASS, Outcome, Report, failed
from servers import Listener

LISTENERS = [Listener("udp", 3478), Listener("udp", 49152)]
USER = ["-u", servers.USER, "-w", servers.PASSWORD]
CASES = [
    ("channels", ["-e", CLIENT_V4, "-c", SERVER_V4], 1),
    ("padded ChannelData", ["-e", CLIENT_V4, "-D", "-c", SERVER_V4], 1),
    ("EVEN-PORT and RESERVATION-TOKEN", ["-e", CLIENT_V4, SERVER_V4], 2),
    ("messages of 1400 octets", ["-e", CLIENT_V4, "-l", "1400", SERVER_V4], 2),
    ("IPv6 client, IPv6 peer", ["-e", CLIENT_V6, "-x", SERVER_V6], 2),
    ("IPv4 client, IPv6 peer", ["-e", CLIENT_V6, "-x", SERVER_V4], 2),
    ("IPv6 client, IPv4 peer", ["-e", CLIENT_V4, "-X", SERVER_V6], 2),
    ("two relays", ["-y", "-c", SERVER_V4], 2),
    ("ten clients at once", ["-e", CLIENT_V4, "-m", "10", "-c", SERVER_V4], 10),
]


def run(directory: Path, program: Path | None, report: Report) -> None:
    if program is None:
        report("kernel path", ("SKIP", "coturn has none"))
        return
    missing = turnutils.missing_tool()
    if missing:
        report("kernel path", ("SKIP", f"{missing} (package coturn) is missing"))
        return
    with server_and_client() as (server, client):
        if not servers.started(report, "kernel path", program, server, directory, addresses=[SERVER_V4, SERVER_V6],
                               listeners=LISTENERS, peers_allow=[f"{CLIENT_V4}/32", f"{CLIENT_V6}/128"],
                               channel_numbers="rfc5766", with_user=True):
            return
        if "kernel (" not in (directory / "server.log").read_text(errors="replace"):
            report("kernel path", ("SKIP", f"the server has none here; {directory / 'server.log'} says why"))
            return
        for address in (CLIENT_V4, CLIENT_V6):
            turnutils.start_peer(client, directory, address)
        with ThreadPoolExecutor(len(CASES)) as pool:
            outcomes = pool.map(
                lambda case: turnutils.relays(client, directory, case[0], [*USER, *case[1]], case[2]), CASES)
            for (name, _, _), outcome in zip(CASES, outcomes):
                report(f"kernel path: {name}", outcome)
        report("kernel path: the packets took it", _took_the_kernel(_relayed(server, directory)))


def _took_the_kernel(relayed: dict[tuple[str, str], int]) -> Outcome:
    """The client sends slowly enough that a flow is in the kernel long before it ends."""
    if all(relayed[direction, "kernel"] > 9 * relayed[direction, "userspace"]
           for direction in ("client_to_peer", "peer_to_client")):
        return PASS
    return failed(f"packets took another way: {relayed}")


def _relayed(server: Namespace, directory: Path) -> dict[tuple[str, str], int]:
    """Packets by direction and path."""
    log = directory / "metrics.txt"
    server.run(log, "curl", "--silent", "--max-time", "10", "http://127.0.0.1:9641/metrics", timeout=20)
    samples = re.findall(r'^senso_turn_relayed_packets_total\{direction="(\w+)",path="(\w+)"\} (\d+)', log.read_text(), re.M)
    return {(direction, path): int(count) for direction, path, count in samples}
