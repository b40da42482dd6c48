"""libnice, by way of GObject introspection: two agents through relays only, messages both ways: agents.py ORDER.json

Introspection knows no way to receive a datagram, so that the agents are those with libnice's own TCP inside.
"""

import json
import sys
from pathlib import Path

import gi

gi.require_version("Nice", "0.1")
from gi.repository import GLib, Nice  # noqa: E402

MESSAGES = 100


class Agent:
    def __init__(self, context: GLib.MainContext, order: dict, is_controlling: bool):
        self.agent = Nice.Agent.new_reliable(context, Nice.Compatibility.RFC5245)
        self.agent.props.controlling_mode = is_controlling
        self.agent.props.force_relay = True
        self.agent.props.upnp = False
        self.received = bytearray()
        self.is_gathered = False
        self.state = Nice.ComponentState.DISCONNECTED
        self.stream = self.agent.add_stream(1)
        self.agent.set_stream_name(self.stream, "text")
        kind = {"udp": Nice.RelayType.UDP, "tcp": Nice.RelayType.TCP}[order["transport"]]
        assert self.agent.set_relay_info(self.stream, 1, order["address"], order["port"], order["username"],
                                         order["credential"], kind)
        self.agent.connect("candidate-gathering-done", self._on_gathered)
        self.agent.connect("component-state-changed", self._on_state)
        # Nobody but a reader makes the agent look at its sockets.
        streams = self.agent.get_io_stream(self.stream, 1)
        self.input, self.output = streams.get_input_stream(), streams.get_output_stream()
        self._read()
        assert self.agent.gather_candidates(self.stream), "gathering does not begin"

    def _on_gathered(self, _agent, _stream) -> None:
        self.is_gathered = True

    def _on_state(self, _agent, _stream, _component, state) -> None:
        self.state = Nice.ComponentState(state)

    def _read(self) -> None:
        self.input.read_bytes_async(65536, GLib.PRIORITY_DEFAULT, None, self._on_read)

    def _on_read(self, stream, result) -> None:
        self.received += stream.read_bytes_finish(result).get_data()
        self._read()

    def send(self, message: bytes) -> None:
        self.output.write_bytes_async(GLib.Bytes.new(message), GLib.PRIORITY_DEFAULT, None, self._on_sent, len(message))

    def _on_sent(self, stream, result, length) -> None:
        assert stream.write_bytes_finish(result) == length, "a message was not taken whole"


def main() -> None:
    order = json.loads(Path(sys.argv[1]).read_text())
    context = GLib.MainContext.default()
    has_time = True

    def on_deadline() -> bool:
        nonlocal has_time
        has_time = False
        return GLib.SOURCE_REMOVE

    GLib.timeout_add_seconds(order["seconds"], on_deadline)

    def until(what: str, condition) -> None:
        while not condition():
            context.iteration(True)
            if not has_time:
                sys.exit(f"{what}: it took too long; states {[agent.state for agent in agents]}")

    agents = [Agent(context, order, True), Agent(context, order, False)]
    until("gathering", lambda: all(agent.is_gathered for agent in agents))
    descriptions = [agent.agent.generate_local_sdp() for agent in agents]
    for description in descriptions:
        print(description)
        candidates = [line for line in description.splitlines() if line.startswith("a=candidate:")]
        assert candidates and all(" typ relay" in line for line in candidates), "not relay candidates alone"
    for agent, description in zip(agents, reversed(descriptions)):
        assert agent.agent.parse_remote_sdp(description) >= 0, "the other's description is not understood"
    until("connecting", lambda: all(agent.state == Nice.ComponentState.READY for agent in agents))
    for here, there in (agents, reversed(agents)):
        for number in range(MESSAGES):
            message = f"message {number} ".encode() * (1 + number % 50)
            here.send(message)
            until(f"message {number}", lambda: len(there.received) >= len(message))
            assert there.received == message, f"message {number} arrived as another"
            there.received.clear()
    print("done")


main()
