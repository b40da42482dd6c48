"""aioice: two ends of a connection that may use nothing but relays, and messages both ways: ice.py ORDER.json"""

import asyncio
import json
import sys
from pathlib import Path

import aioice

MESSAGES = 200
WINDOW = 20


def connection(order: dict, is_controlling: bool) -> aioice.Connection:
    return aioice.Connection(
        ice_controlling=is_controlling, components=1, turn_server=(order["host"], order["port"]),
        turn_username=order["username"], turn_password=order["credential"], turn_ssl=order["ssl"],
        turn_transport=order["transport"], transport_policy=aioice.TransportPolicy.RELAY)


async def exchange(order: dict) -> None:
    ends = [connection(order, True), connection(order, False)]
    try:
        for end in ends:
            await end.gather_candidates()
            kinds = {candidate.type for candidate in end.local_candidates}
            assert kinds == {"relay"}, f"the candidates are {kinds}"
        for here, there in (ends, reversed(ends)):
            for candidate in here.local_candidates:
                await there.add_remote_candidate(candidate)
            await there.add_remote_candidate(None)
            there.remote_username, there.remote_password = here.local_username, here.local_password
        await asyncio.gather(*(end.connect() for end in ends))
        for here, there in (ends, reversed(ends)):
            for start in range(0, MESSAGES, WINDOW):
                sent = [number.to_bytes(2, "big") * (1 + number * 3) for number in range(start, start + WINDOW)]
                for message in sent:
                    await here.send(message)
                received = [await there.recv() for _ in sent]
                # Datagrams may change places.
                assert sorted(received) == sorted(sent), f"other messages arrived than {start} and the next {WINDOW}"
    finally:
        await asyncio.gather(*(end.close() for end in ends))


async def main() -> None:
    order = json.loads(Path(sys.argv[1]).read_text())
    await asyncio.wait_for(exchange(order), order["seconds"])


asyncio.run(main())
print("done")
