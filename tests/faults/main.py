"""A million forged packets of each kind, with real calls beside them. Started by ./run.

For each kind: the calls alone, beside the flood, and beside a part of the same flood that the host's packet filter drops:
what the machine, and the sender that shares its cores, take from the calls without a server; all that in turns, if asked.
What the server's memory has grown by, what the calls have lost, and the medians of their round trips over the turns. The
figures are those of docs/reliability.md."""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tests" / "support"))

import forged  # noqa: E402
from certificates import server_certificate  # noqa: E402
from network_namespaces import HostedServer  # noqa: E402
from relay_site import CLIENT, SERVER, Site, settings_of  # noqa: E402
from server_fixture import is_sanitized  # noqa: E402
from site_load import SiteLoad  # noqa: E402
from turn_client import UdpTransport  # noqa: E402
from waiting import eventually  # noqa: E402

PORT, DTLS_PORT = 3478, 5349
CALLS, PACKETS_PER_CALL = 20, 50  # a voice each
QUIET_SECONDS = 5.0
# Of each kind, at least: what is made at the first time is there before memory is compared.
BEFORE_COUNTING = 3000
MOST_GROWTH_KIB = 1024
FILTERED_PART = 4  # of a turn: a quarter
WITHOUT_STRANGERS = f"chain prerouting {{\ntype filter hook prerouting priority raw\nip saddr {forged.STRANGERS} drop\n}}"
HAS_FILTER = shutil.which("nft") is not None  # else that figure is missing


@dataclass
class Row:
    kind: str
    sent: int
    seconds: float
    grown_kib: int
    calls_sent: int
    calls_lost: int
    quiet_p99_us: float
    beside_p99_us: float
    filtered_p99_us: float | None  # beside what the packet filter drops
    left_over: int  # allocations that nobody real has
    came_in: int  # as the host's network counts it

    def what_is_wrong(self) -> list[str]:
        wrong = []
        if self.came_in < self.sent:
            wrong.append(f"{self.came_in:,} have come in: it says nothing")
        if self.grown_kib > MOST_GROWTH_KIB and not is_sanitized():
            wrong.append(f"the server grew by {self.grown_kib} KiB")
        if self.calls_lost or not self.calls_sent:
            wrong.append(f"calls lost {self.calls_lost} of {self.calls_sent} packets")
        if self.left_over:
            wrong.append(f"{self.left_over} allocations came of it")
        return wrong


class Faults:
    def __init__(self, arguments: argparse.Namespace, directory: Path):
        self._arguments = arguments
        self._site = site = Site()
        # Answers to strangers leave, and end at the client's host.
        site.server.ip(f"route add {forged.STRANGERS} via {CLIENT}")
        site.client.ip(f"route add blackhole {forged.STRANGERS}")
        settings = settings_of(arguments.datapath, PORT, shards=2, limits={"challenges_per_source": None})
        settings["listeners"].append({"transport": "dtls", "address": SERVER, "port": DTLS_PORT})
        settings["tls"] = {"certificates": [server_certificate().setting]}
        self._server = HostedServer(site.server, directory / "server", settings)
        self._links = {"client": site.server.link_address("clients"), "peer": site.server.link_address("peers")}

    def close(self) -> str:
        """What was wrong with the server's end; empty: nothing."""
        try:
            self._server.stop()  # which looks at its exit code, and at what it has said
        except AssertionError as failure:
            return str(failure)[-2000:]
        finally:
            self._site.close()
        return ""

    def execute(self) -> Iterator[Row]:
        self._server.start()

        def a_client() -> UdpTransport:
            with self._site.client.inside():
                return UdpTransport((SERVER, PORT))

        kinds = forged.kinds(PORT, DTLS_PORT, a_client)
        chosen = [kind for kind in kinds if self._arguments.kind in kind.name]
        assert chosen, f"no such kind; there are: {', '.join(kind.name for kind in kinds)}"
        for kind in chosen:
            row = self._suffer(kind)
            print(f"{row.kind}: {row.sent:,} in {row.seconds:.0f} s, {row.grown_kib:+} KiB, calls lost {row.calls_lost} of "
                  f"{row.calls_sent:,}, p99 {round_trips(row)}", file=sys.stderr, flush=True)  # fmt: skip
            yield row

    def _suffer(self, kind: forged.Kind) -> Row:
        packets, rate, turns = self._arguments.packets, self._arguments.rate, self._arguments.turns
        host = self._site.client if kind.sender == "client" else self._site.peer
        flood = forged.Flood(host, self._links[kind.sender], kind, self._arguments.burst)
        row = Row(kind.name, 0, 0.0, 0, 0, 0, 0.0, 0.0, None, 0, 0)
        memory: list[int] = []
        alone, beside, filtered = [], [], []

        def the_whole() -> None:
            if not memory:
                flood.send(max(BEFORE_COUNTING, packets // 50), rate)
                memory.append(self._server.resident_kib())
            came_in = self._came_in()
            row.seconds += flood.send(packets // turns, rate)
            row.sent += packets // turns
            memory.append(self._server.resident_kib())
            row.came_in += self._came_in() - came_in
            row.left_over += int(self._server.metric("senso_turn_allocations")) - CALLS

        def a_part() -> None:
            before, part = self._came_in(), packets // turns // FILTERED_PART
            flood.send(part, rate)
            assert self._came_in() - before < part, "the packet filter has let the flood pass"

        try:
            for _ in range(turns):
                alone.append(self._calls_during(lambda: time.sleep(QUIET_SECONDS), row))
                beside.append(self._calls_during(the_whole, row))
                if HAS_FILTER:
                    with self._site.server.packet_filter(WITHOUT_STRANGERS):
                        filtered.append(self._calls_during(a_part, row))
        finally:
            flood.close()
        row.grown_kib = memory[-1] - memory[0]
        row.quiet_p99_us, row.beside_p99_us = statistics.median(alone), statistics.median(beside)
        row.filtered_p99_us = statistics.median(filtered) if filtered else None
        return row

    def _calls_during(self, what: Callable[[], None], row: Row) -> float:
        """The p99 of their round trips, in microseconds; the row has what they have sent and lost."""
        calls = SiteLoad(self._site, "--allocations", str(CALLS), "--rate", str(CALLS * PACKETS_PER_CALL), "--direction", "echo",
                         port=PORT)  # fmt: skip
        try:
            assert eventually(lambda: self._server.metric("senso_turn_allocations") == CALLS)
            what()
            report = calls.finish()
        finally:
            calls.kill()
        assert not report["problems"], report["problems"]
        assert eventually(lambda: self._server.metric("senso_turn_allocations") == 0)
        echo = report["traffic"]["echo"]
        row.calls_sent += echo["sent"]
        row.calls_lost += echo["lost"]
        return echo["latency_us"]["p99"]

    def _came_in(self) -> int:
        """Datagrams and ICMP messages that the server's host took for its own, whether anybody listened or not."""
        counted = 0
        lines = [line.split() for line in self._site.server.run("cat", "/proc/net/snmp").splitlines()]
        for names, values in zip(lines[::2], lines[1::2]):
            figures = dict(zip(names[1:], values[1:]))
            wanted = {"Udp:": ("InDatagrams", "NoPorts", "InErrors"), "Icmp:": ("InMsgs",)}.get(names[0], ())
            counted += sum(int(figures[name]) for name in wanted)
        return counted


def round_trips(row: Row) -> str:
    filtered = "not measured, without nft" if row.filtered_p99_us is None else f"{row.filtered_p99_us:.0f} µs"
    return f"{row.quiet_p99_us:.0f} µs, {row.beside_p99_us:.0f} µs, {filtered}"


def as_table(rows: list[Row]) -> str:
    lines = ["| Forged packets | Memory | Calls lost | p99 of the calls: alone, beside it, beside it in the packet filter |",
             "|---|---|---|---|"]  # fmt: skip
    lines += [f"| {row.sent:,} {row.kind} in {row.seconds:.0f} s | {row.grown_kib:+} KiB | {row.calls_lost} of {row.calls_sent:,} | "
              f"{round_trips(row)} |" for row in rows]  # fmt: skip
    return "\n".join(lines) + "\n"


def write(rows: list[Row], folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "faults.json").write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
    (folder / "faults.md").write_text(as_table(rows))


def main() -> int:
    parser = argparse.ArgumentParser(prog="tests/faults/run", description=__doc__.split("\n")[0])
    parser.add_argument("--packets", type=int, default=1_000_000, help="of each kind (default: 1000000)")
    parser.add_argument("--rate", type=float, default=30_000, help="a second, at most (default: 30000)")
    parser.add_argument("--burst", type=int, default=5, help="so many in one go (default: 5)")
    parser.add_argument("--turns", type=int, default=1, help="in so many parts, with the calls alone between them (default: 1)")
    parser.add_argument("--datapath", choices=("userspace", "tc"), default="userspace")
    parser.add_argument("--kind", default="", help="only those whose name has this in it, such as ChannelData")
    parser.add_argument("--output", type=Path, default=ROOT / "build" / "faults", help="folder of faults.json and faults.md")
    arguments = parser.parse_args()
    if arguments.rate <= 0 or arguments.burst < 1 or arguments.turns < 1 or arguments.packets < 1000 * arguments.turns:
        parser.error("each turn of a flood has a thousand packets at least, and a pace")
    with tempfile.TemporaryDirectory(prefix="senso-turn-faults-") as directory:
        faults = Faults(arguments, Path(directory))
        rows: list[Row] = []
        try:
            rows.extend(faults.execute())
        finally:
            problem = faults.close()
            write(rows, arguments.output)  # what there is, also if it was interrupted
    print(as_table(rows))
    failed = int(bool(problem))
    print(f"FAIL the server's end: {problem}" if problem else "PASS the server's end")
    for row in rows:
        wrong = row.what_is_wrong()
        failed += bool(wrong)
        print(f"FAIL {row.kind}: {'; '.join(wrong)}" if wrong else f"PASS {row.kind}")
    print(f"{len(rows) + 1 - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
