"""The load generators of a soak: who they are, and what they say at the end."""

from __future__ import annotations

from dataclasses import dataclass

from figures import LoadResult
from relay_site import Site
from site_load import FOR_EVER, SiteLoad

LANES = ("up", "down", "echo", "across")


@dataclass(frozen=True)
class Kind:
    name: str
    share: float  # of the allocations, and of the packets
    arguments: tuple[str, ...]
    churns: float = 0.0  # a second, as a share of its allocations
    survives_handover: bool = True  # TLS stays with the process before


KINDS = (
    Kind("held, UDP", 0.60, ("--transport", "udp", "--direction", "both")),
    Kind("coming and going, UDP", 0.10, ("--transport", "udp", "--direction", "both"), churns=0.02),
    Kind("Send and Data indications", 0.10, ("--transport", "udp", "--mode", "send", "--direction", "both")),
    Kind("relay to relay", 0.10, ("--transport", "udp", "--mode", "relay-to-relay")),
    Kind("held, TCP", 0.05, ("--transport", "tcp", "--direction", "both")),
    Kind("held, TLS", 0.05, ("--transport", "tls", "--direction", "both"), survives_handover=False),
)


def result_of(name: str, report: dict) -> LoadResult:
    result = LoadResult(name, set_up=report["setup"]["succeeded"] + report.get("churn", {}).get("set_up", 0),
                        refreshed=report["keep"]["refreshed"], problems=report["problems"])  # fmt: skip
    for lane in (report["traffic"][lane] for lane in LANES if lane in report["traffic"]):
        result.sent += lane["sent"]
        result.not_sent += lane["not_sent"]
        result.lost += lane["lost"]
        result.corrupt += lane["corrupt"]
        result.duplicated += lane["duplicated"]
    return result


def start(site: Site, kind: Kind, ports: dict[str, int], allocations: int, rate: float, seconds: float = FOR_EVER) -> SiteLoad:
    own = max(2, round(allocations * kind.share) // 2 * 2)  # pairs, where two belong together
    arguments = kind.arguments + (("--churn", f"{own * kind.churns:.3f}") if kind.churns else ())
    port = ports["tls"] if "tls" in kind.arguments else ports["plain"]
    return SiteLoad(site, "--allocations", str(own), "--rate", f"{rate * kind.share:.3f}", "--setup-rate", "500",
                    "--peers", "4", "--refresh", "60", *arguments, port=port, seconds=seconds)  # fmt: skip
