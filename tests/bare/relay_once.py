#!/usr/bin/env python3
"""Takes the iceServers that a server printed at its start and relays a message: relay_once.py LOG

Two clients with an allocation each, and a message from one relayed address to the other: what two browsers do.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from turn_client import Credentials, TurnClient, UdpTransport  # noqa: E402


def main() -> int:
    text = Path(sys.argv[1]).read_text(errors="replace")
    printed, _ = json.JSONDecoder().raw_decode(text[text.rindex('{"iceServers"'):])
    server = next(entry for entry in printed["iceServers"] if "credential" in entry)
    url = next(url for url in server["urls"] if url.endswith("transport=udp"))
    host, port = re.fullmatch(r"turn:\[?([^\]]*?)\]?:(\d+)\?transport=udp", url).groups()

    credentials = Credentials(server["username"], server["credential"])
    one, other = (TurnClient(UdpTransport((host, int(port))), credentials) for _ in range(2))
    for client in (one, other):
        client.challenge()
        client.allocate()
    one.create_permission(other.relayed)
    other.create_permission(one.relayed)
    one.send_indication(other.relayed, b"hello")
    data = other.receive_data()
    assert (data.data, data.peer) == (b"hello", one.relayed), f"{data} came"
    for client in (one, other):
        client.refresh(0)
        client.close()
    print(f"relayed through {url}: {one.relayed} to {other.relayed}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
