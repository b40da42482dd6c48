"""aiortc: two RTCPeerConnections through relays only, and a megabyte over a data channel: call.py ORDER.json"""

import asyncio
import functools
import hashlib
import json
import os
import sys
from pathlib import Path

import aioice
import aiortc
from aiortc import rtcicetransport

OCTETS = 1_000_000
CHUNK = 16_384

# aiortc has no iceTransportPolicy of its own yet; the library below has.
rtcicetransport.Connection = functools.partial(aioice.Connection, transport_policy=aioice.TransportPolicy.RELAY)


async def call(order: dict) -> None:
    server = aiortc.RTCIceServer(urls=[order["url"]], username=order["username"], credential=order["credential"])
    one, other = (aiortc.RTCPeerConnection(aiortc.RTCConfiguration([server])) for _ in range(2))
    received = bytearray()
    arrived = asyncio.Event()

    @other.on("datachannel")
    def on_channel(channel: aiortc.RTCDataChannel) -> None:
        @channel.on("message")
        def on_message(message: bytes) -> None:
            received.extend(message)
            if len(received) >= OCTETS:
                arrived.set()

    try:
        sending = one.createDataChannel("bulk")
        is_open = asyncio.Event()
        sending.on("open", is_open.set)
        await one.setLocalDescription(await one.createOffer())
        candidates = [line for line in one.localDescription.sdp.splitlines() if line.startswith("a=candidate:")]
        assert candidates and all(" typ relay" in line for line in candidates), f"the candidates are {candidates}"
        await other.setRemoteDescription(one.localDescription)
        await other.setLocalDescription(await other.createAnswer())
        await one.setRemoteDescription(other.localDescription)
        await is_open.wait()
        sent = os.urandom(OCTETS)
        for at in range(0, OCTETS, CHUNK):
            sending.send(sent[at:at + CHUNK])
        await arrived.wait()
        assert hashlib.sha256(received).digest() == hashlib.sha256(sent).digest(), "the checksums differ"
    finally:
        await asyncio.gather(one.close(), other.close())


async def main() -> None:
    order = json.loads(Path(sys.argv[1]).read_text())
    await asyncio.wait_for(call(order), order["seconds"])


asyncio.run(main())
print("done")
