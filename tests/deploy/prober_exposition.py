"""What the prober (`senso-turn doctor --watch`) shows to Prometheus, by the names and labels that rules and dashboard
count on."""

from __future__ import annotations

NODE = "eu01.turn.example.test"
TRANSPORTS = ("udp", "tls")
OUTCOMES = ("success", "loss", "failure")
GAUGES = {
    "senso_turn_probe_up": 1,
    "senso_turn_probe_loss_ratio": 0,
    "senso_turn_probe_round_trip_seconds": 0.002,
    "senso_turn_probe_jitter_seconds": 0.0001,
}
RUNS = "senso_turn_probe_runs_total"


def text(runs: int = 0) -> str:
    """`runs`: how many have succeeded so far."""
    lines = []
    for name, value in GAUGES.items():
        lines.append(f"# TYPE {name} gauge")
        lines += [f'{name}{{node="{NODE}",transport="{transport}"}} {value}' for transport in TRANSPORTS]
    lines.append(f"# TYPE {RUNS} counter")
    for transport in TRANSPORTS:
        for outcome in OUTCOMES:
            count = runs if outcome == "success" else 0
            lines.append(f'{RUNS}{{node="{NODE}",transport="{transport}",outcome="{outcome}"}} {count}')
    return "\n".join(lines) + "\n"
