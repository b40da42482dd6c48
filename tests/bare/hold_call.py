#!/usr/bin/env python3
"""A call that lasts, through a server of which it gets the iceServers: hold_call.py LOG SERVER PEER

It says "up", and for each line that it reads, how many of fifty packets came through there and back. At the end of its
input it hangs up. SERVER: the address to send to instead of the printed one. PEER: the address of the other end, here."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "support"))
from turn_client import Credentials, Peer, TurnClient, UdpTransport  # noqa: E402

CHANNEL, PACKETS = 0x4000, 50


def exchange(client: TurnClient, peer: Peer) -> int:
    passed = 0
    for number in range(PACKETS):
        payload = number.to_bytes(2) + bytes(158)
        client.send_channel(CHANNEL, payload)
        if (found := peer.receive_from(2.0)) is None or found[0] != payload:
            continue
        peer.send(payload, client.relayed)
        back = client.receive(2.0)
        passed += back is not None and getattr(back, "payload", None) == payload
    return passed


def main() -> int:
    log, server, peer_address = sys.argv[1:]
    text = Path(log).read_text(errors="replace")
    printed, _ = json.JSONDecoder().raw_decode(text[text.rindex('{"iceServers"'):])
    entry = next(entry for entry in printed["iceServers"] if "credential" in entry)
    url = next(url for url in entry["urls"] if url.endswith("transport=udp"))
    port = int(re.fullmatch(r"turn:\[?([^\]]*?)\]?:(\d+)\?transport=udp", url)[2])

    client = TurnClient(UdpTransport((server, port)), Credentials(entry["username"], entry["credential"]))
    peer = Peer(peer_address)
    client.challenge()
    client.allocate()
    client.channel_bind(CHANNEL, peer.endpoint)
    print("up", flush=True)
    for _ in sys.stdin:
        print(exchange(client, peer), flush=True)
    client.refresh(0)
    client.close()
    peer.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
