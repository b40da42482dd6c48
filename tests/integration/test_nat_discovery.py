"""NAT behaviour discovery (RFC 5780), black-box. Each test names its row of the compliance matrix."""

from __future__ import annotations

import socket
import struct

import pytest

from server_fixture import (
    LISTENER,
    LISTENER_V6,
    Server,
    ServerFailed,
    free_port,
    hold_port,
    needs_ipv6,
    run_command,
)
from stun_message import (
    UDP,
    Attribute,
    Builder,
    Class,
    Endpoint,
    Message,
    Method,
    channel_data,
    decode_address,
)
from transports import needs_dtls, open_transport
from turn_client import TurnClient, UdpTransport, endpoint_of, socket_family

ALTERNATE = "127.0.0.5"
ALTERNATE_V6 = "fd00:1::5"
CHANGE_ADDRESS = 0x04
CHANGE_PORT = 0x02
FLAGS = (0, CHANGE_PORT, CHANGE_ADDRESS, CHANGE_ADDRESS | CHANGE_PORT)

AT_MOST = 5
ANSWER_SECONDS = 5.0


def free_everywhere(*addresses: str) -> int:
    """A port that is free at every address, outside the relay range."""
    for _ in range(200):
        port = free_port(addresses[0])
        try:
            for address in addresses[1:]:
                hold_port((address, port)).close()
        except OSError:
            continue
        return port
    raise RuntimeError(f"no port is free at {addresses}")


def discovery_settings(first: str = LISTENER, other: str = ALTERNATE, **switches) -> dict:
    """Listeners of every transport on one address, of which the first one over UDP has NAT discovery."""
    first_port, other_port = free_everywhere(first, other), free_everywhere(first, other)
    secure = free_port(first)
    return {
        "listeners": [
            {"transport": "udp", "address": first, "port": first_port},
            {"transport": "tcp", "address": first, "port": first_port},
            {"transport": "tls", "address": first, "port": secure},
            {"transport": "dtls", "address": first, "port": secure},
            {"transport": "edge", "address": first, "port": free_port(first)},
            {"transport": "udp", "address": first, "port": free_port(first)},
        ],
        "protocol": {"nat_discovery": {"alternate_address": other, "alternate_port": other_port, **switches}},
    }


class Sockets:
    """The four of a server, as it was configured."""

    def __init__(self, server: Server):
        listener = server.settings["listeners"][0]
        discovery = server.settings["protocol"]["nat_discovery"]
        self.addresses = (listener["address"], discovery["alternate_address"])
        self.ports = (listener["port"], discovery["alternate_port"])
        self.all = [(address, port) for address in self.addresses for port in self.ports]

    def changed(self, asked: Endpoint, flags: int) -> Endpoint:
        """RFC 5780 table 1."""
        address = self.addresses.index(asked[0]) ^ bool(flags & CHANGE_ADDRESS)
        port = self.ports.index(asked[1]) ^ bool(flags & CHANGE_PORT)
        return self.addresses[address], self.ports[port]


class Observer:
    """A socket that hears everybody, and says who spoke."""

    def __init__(self, address: str):
        self.socket = socket.socket(socket_family(address), socket.SOCK_DGRAM)
        self.socket.bind((address, 0))

    @property
    def local(self) -> Endpoint:
        return endpoint_of(self.socket.getsockname())

    def ask(self, request: Builder, to: Endpoint) -> tuple[Message, Endpoint]:
        octets = request.build()
        self.socket.sendto(octets, to)
        answer = self.receive(ANSWER_SECONDS)
        assert answer is not None, f"no answer from {to}"
        message = Message.parse(answer[0])
        assert message.transaction_id == octets[8:20]
        return message, answer[1]

    def receive(self, seconds: float) -> tuple[bytes, Endpoint] | None:
        self.socket.settimeout(seconds)
        try:
            octets, source = self.socket.recvfrom(65536)
        except TimeoutError:
            return None
        return octets, endpoint_of(source)

    def assert_silence(self, seconds: float = 0.2) -> None:
        assert (heard := self.receive(seconds)) is None, f"{heard[0].hex()} from {heard[1]}"

    def close(self) -> None:
        self.socket.close()


def binding(flags: int | None = None) -> Builder:
    request = Builder(Method.BINDING)
    return request if flags is None else request.add_u32(Attribute.CHANGE_REQUEST, flags)


def address_in(message: Message, attribute: int) -> Endpoint | None:
    value = message.find(attribute)
    return None if value is None else decode_address(value)


@pytest.fixture(scope="module")
def discovery(launch) -> Server:
    return launch(**discovery_settings())


@pytest.fixture(scope="module")
def permissive(launch) -> Server:
    """With everything on that an operator can switch on."""
    return launch(**discovery_settings(padding=True, response_port=True))


@pytest.fixture(scope="module")
def discovery_v6(launch) -> Server:
    return launch(**discovery_settings(LISTENER_V6, ALTERNATE_V6))


@pytest.fixture
def observer():
    made = Observer(LISTENER)
    yield made
    made.close()


@pytest.fixture
def observer_v6():
    made = Observer(LISTENER_V6)
    yield made
    made.close()


# -- what is refused ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("octets", [b"", bytes(2), bytes(8)])
def test_B88_change_request_of_a_wrong_length_is_400_from_where_it_arrived(discovery, observer, octets):
    for asked in Sockets(discovery).all:
        answer, source = observer.ask(Builder(Method.BINDING).add(Attribute.CHANGE_REQUEST, octets), asked)
        assert answer.error == 400
        assert source == asked


def test_STUN_14_unknown_attribute_beside_change_request_is_420_from_where_it_arrived(discovery, observer):
    for asked in Sockets(discovery).all:
        answer, source = observer.ask(binding(6).add(0x7F00), asked)
        assert answer.error == 420
        assert answer.unknown_attributes == [0x7F00]
        assert source == asked


@pytest.mark.parametrize("transport", ["tcp", "tls", pytest.param("dtls", marks=needs_dtls), "wss"])
def test_NBD_13_change_request_over_a_connection_is_420_and_there_is_no_other_address(connect, discovery, transport):
    client = connect(transport, at=discovery)
    for flags in FLAGS:
        answer = client.binding(lambda m, flags=flags: m.add_u32(Attribute.CHANGE_REQUEST, flags))
        assert answer.error == 420
        assert answer.unknown_attributes == [Attribute.CHANGE_REQUEST]
    answer = client.binding()
    assert answer.mapped == client.local
    assert Attribute.OTHER_ADDRESS not in answer


def test_NBD_02_another_udp_listener_knows_nothing_of_it(discovery, observer):
    other = discovery.settings["listeners"][-1]
    asked = (other["address"], other["port"])
    answer, _ = observer.ask(binding(6), asked)
    assert answer.error == 420
    assert answer.unknown_attributes == [Attribute.CHANGE_REQUEST]
    assert Attribute.OTHER_ADDRESS not in observer.ask(binding(), asked)[0]


@pytest.mark.parametrize("attribute", [Attribute.RESPONSE_PORT, Attribute.PADDING])
def test_NBD_09_NBD_11_padding_and_response_port_are_420_by_default(discovery, observer, attribute):
    for asked in Sockets(discovery).all:
        answer, source = observer.ask(binding(6).add_u32(attribute, 0x12340000), asked)
        assert answer.error == 420
        assert answer.unknown_attributes == [attribute]
        assert source == asked


def test_NBD_10_response_port_and_padding_together_are_400(permissive, observer):
    other = Observer(LISTENER)
    request = binding().add(Attribute.RESPONSE_PORT, struct.pack(">HH", other.local[1], 0))
    answer, _ = observer.ask(request.add(Attribute.PADDING, bytes(1000)), Sockets(permissive).all[0])
    assert answer.error == 400
    other.assert_silence()
    other.close()


@pytest.mark.parametrize("octets", [b"", bytes(2), bytes(4), bytes(8)])
def test_B88_response_port_without_a_port_is_400_to_the_source(permissive, observer, octets):
    answer, _ = observer.ask(binding().add(Attribute.RESPONSE_PORT, octets), Sockets(permissive).all[0])
    assert answer.error == 400


def test_NBD_01_further_sockets_serve_nothing_but_binding(discovery, observer):
    sockets = Sockets(discovery)
    allocate = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
    assert observer.ask(allocate, sockets.all[0])[0].error == 401
    for asked in sockets.all[1:]:
        for octets in (
            Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).build(),
            Builder(Method.REFRESH).build(),
            Builder(Method.SEND, Class.INDICATION).build(),
            channel_data(0x4000, b"data"),
        ):
            observer.socket.sendto(octets, asked)
        observer.assert_silence()
        assert observer.ask(binding(), asked)[0].is_success


@needs_dtls
def test_NBD_01_further_sockets_do_not_speak_dtls(discovery):
    sockets = Sockets(discovery)
    open_transport("dtls", sockets.all[0]).close()
    for asked in sockets.all[1:]:
        with pytest.raises((OSError, AssertionError)):
            open_transport("dtls", asked)


def test_NBD_01_further_sockets_are_no_peers(connect, discovery):
    client = connect("udp", at=discovery)
    client.allocate()
    for address, port in Sockets(discovery).all:
        assert client.try_channel_bind(0x4000, (address, port)).error == 403


# -- what is answered --------------------------------------------------------------------------------------------------


def test_NBD_01_NBD_03_four_sockets_answer_with_both_forms_of_the_address(discovery, observer):
    for asked in Sockets(discovery).all:
        answer, source = observer.ask(binding(), asked)
        assert source == asked
        assert answer.mapped == observer.local
        assert address_in(answer, Attribute.MAPPED_ADDRESS) == observer.local


@pytest.mark.parametrize("flags", FLAGS)
def test_NBD_04_response_origin_is_where_the_answer_comes_from(discovery, observer, flags):
    for asked in Sockets(discovery).all:
        answer, source = observer.ask(binding(flags), asked)
        assert address_in(answer, Attribute.RESPONSE_ORIGIN) == source


@pytest.mark.parametrize("flags", (None, *FLAGS))
def test_NBD_05_other_address_is_the_opposite_of_where_the_request_arrived(discovery, observer, flags):
    sockets = Sockets(discovery)
    for asked in sockets.all:
        answer, _ = observer.ask(binding(flags), asked)
        assert address_in(answer, Attribute.OTHER_ADDRESS) == sockets.changed(asked, CHANGE_ADDRESS | CHANGE_PORT)


def changes(server: Server, observer: Observer, flags: int) -> None:
    sockets = Sockets(server)
    for asked in sockets.all:
        _, source = observer.ask(binding(flags), asked)
        assert source == sockets.changed(asked, flags), f"asked at {asked}"


def test_NBD_06_the_address_alone_is_changed(discovery, observer):
    changes(discovery, observer, CHANGE_ADDRESS)


def test_NBD_07_the_port_alone_is_changed(discovery, observer):
    changes(discovery, observer, CHANGE_PORT)


def test_NBD_08_both_are_changed_or_neither(discovery, observer):
    changes(discovery, observer, CHANGE_ADDRESS | CHANGE_PORT)
    changes(discovery, observer, 0)
    sockets = Sockets(discovery)
    _, source = observer.ask(binding(0xFFFFFFF9), sockets.all[0])  # nothing but reserved bits
    assert source == sockets.all[0]


def test_NBD_08_every_shard_changes_for_its_clients(discovery):
    """Clients fall to shards by their ports."""
    sockets = Sockets(discovery)
    for _ in range(16):
        observer = Observer(LISTENER)
        assert observer.ask(binding(6), sockets.all[0])[1] == sockets.all[3]
        observer.close()


def test_NBD_12_no_alternate_server_beside_these_attributes(discovery, observer):
    for asked in Sockets(discovery).all:
        for flags in (None, *FLAGS):
            assert Attribute.ALTERNATE_SERVER not in observer.ask(binding(flags), asked)[0]


@needs_ipv6
def test_NBD_01_NBD_05_NBD_08_ipv6(discovery_v6, observer_v6):
    sockets = Sockets(discovery_v6)
    for asked in sockets.all:
        for flags in FLAGS:
            answer, source = observer_v6.ask(binding(flags), asked)
            assert source == sockets.changed(asked, flags)
            assert answer.mapped == observer_v6.local
            assert address_in(answer, Attribute.MAPPED_ADDRESS) == observer_v6.local
            assert address_in(answer, Attribute.OTHER_ADDRESS) == sockets.changed(asked, 6)


def test_STUN_45_classic_change_request_is_served(discovery, observer):
    sockets = Sockets(discovery)
    request = struct.pack(">HH", 1, 8) + b"\x01" + bytes(15) + struct.pack(">HHI", 3, 4, 6)
    observer.socket.sendto(request, sockets.all[0])
    octets, source = observer.receive(ANSWER_SECONDS)
    assert source == sockets.all[3]
    assert octets[:2] == bytes.fromhex("0101") and octets[4:20] == request[4:20]
    attributes = {}
    offset = 20
    while offset < len(octets):
        kind, size = struct.unpack(">HH", octets[offset : offset + 4])
        attributes[kind] = decode_address(octets[offset + 4 : offset + 4 + size])
        offset += 4 + size
    # MAPPED-ADDRESS, SOURCE-ADDRESS, CHANGED-ADDRESS
    assert attributes == {1: observer.local, 4: sockets.all[3], 5: sockets.all[3]}


def test_NBD_09_response_port_is_honoured_where_it_is_on(permissive, observer):
    other = Observer(LISTENER)
    sockets = Sockets(permissive)
    for flags in FLAGS:
        request = binding(flags).add(Attribute.RESPONSE_PORT, struct.pack(">HH", other.local[1], 0)).build()
        observer.socket.sendto(request, sockets.all[0])
        octets, source = other.receive(ANSWER_SECONDS)
        answer = Message.parse(octets)
        assert answer.transaction_id == request[8:20]
        assert answer.mapped == observer.local
        assert source == sockets.changed(sockets.all[0], flags)
    observer.assert_silence()
    other.close()


def test_NBD_09_error_goes_to_the_source_and_not_to_the_response_port(permissive, observer):
    other = Observer(LISTENER)
    request = binding().add(Attribute.RESPONSE_PORT, struct.pack(">HH", other.local[1], 0)).add(0x7F00)
    assert observer.ask(request, Sockets(permissive).all[0])[0].error == 420
    other.assert_silence()
    other.close()


def test_NBD_11_padding_is_answered_with_as_much_as_a_packet_holds(permissive, observer):
    sockets = Sockets(permissive)
    for flags in FLAGS:
        answer, source = observer.ask(binding(flags).add(Attribute.PADDING, b"x" * 1500), sockets.all[0])
        assert answer.is_success
        assert source == sockets.changed(sockets.all[0], flags)
        assert len(answer.find(Attribute.PADDING)) == 1500  # so that the datagram has to be cut
        assert len(answer.raw) < 2048
    assert Attribute.PADDING not in observer.ask(binding(), sockets.all[0])[0]


@pytest.mark.parametrize("octets", [0, 1, 4, 100, 300, 60000])
def test_NBD_11_D1_answer_to_a_padded_request_stays_under_five_times(permissive, observer, octets):
    request = binding().add(Attribute.PADDING, bytes(octets))
    answer, _ = observer.ask(request, Sockets(permissive).all[0])
    assert Attribute.PADDING in answer
    assert len(answer.raw) <= AT_MOST * len(request.build())


def test_D1_answer_of_nat_discovery_is_small(discovery, observer):
    for request in (binding(), binding(6), binding().fingerprint(), binding().add_u32(Attribute.PADDING, 0)):
        answer, _ = observer.ask(request, Sockets(discovery).all[0])
        assert len(answer.raw) <= AT_MOST * len(request.build())


@needs_ipv6
def test_NBD_03_D1_over_ipv6_a_bare_request_is_told_its_address_in_one_form(discovery_v6, observer_v6):
    answer, _ = observer_v6.ask(binding(), Sockets(discovery_v6).all[0])
    assert len(answer.raw) <= AT_MOST * 20
    assert answer.mapped == observer_v6.local
    assert Attribute.RESPONSE_ORIGIN in answer and Attribute.OTHER_ADDRESS in answer


def test_D1_limit_for_strangers_holds_for_the_four_sockets_together(launch, observer):
    limits = {"challenges_per_source": {"rate": 1, "burst": 3}}
    server = launch(**discovery_settings(), limits=limits, shards=1)
    sockets = Sockets(server)
    for _ in range(5):
        for asked in sockets.all:
            observer.socket.sendto(binding(6).build(), asked)
    heard = 0
    while observer.receive(0.3) is not None:
        heard += 1
    assert heard <= 5


def test_NBD_01_clients_of_the_first_socket_relay_as_ever(connect, discovery, peer):
    client = connect("udp", at=discovery)
    client.allocate()
    client.create_permission(peer.endpoint)
    client.channel_bind(0x4000, peer.endpoint)
    client.send_channel(0x4000, b"there")
    assert peer.receive() == b"there"
    peer.send(b"back", client.relayed)
    assert client.receive_channel_data().payload == b"back"
    assert TurnClient(UdpTransport(Sockets(discovery).all[3])).binding().is_success


# -- what an operator is told ------------------------------------------------------------------------------------------


def test_NBD_01_summary_and_status_show_the_further_sockets(discovery):
    log = discovery.log()
    status = run_command("status", "--socket", discovery.settings["admin"]["socket"]).stdout
    for address, port in Sockets(discovery).all[1:]:
        assert f"udp {address}:{port} (NAT discovery only)" in log
        assert f"udp {address}:{port}" in status


def test_NBD_01_an_alternate_address_of_nobody_ends_the_start(tmp_path):
    settings = discovery_settings()
    settings["protocol"]["nat_discovery"]["alternate_address"] = "203.0.113.9"
    with pytest.raises(ServerFailed) as failure:
        Server(tmp_path / "server", settings).start()
    assert f"NAT discovery cannot listen on udp 203.0.113.9:{settings['listeners'][0]['port']}" in str(failure.value)


def test_NBD_01_a_port_that_another_program_has_ends_the_start(tmp_path):
    settings = discovery_settings()
    taken = (ALTERNATE, settings["protocol"]["nat_discovery"]["alternate_port"])
    with hold_port(taken), pytest.raises(ServerFailed) as failure:
        Server(tmp_path / "server", settings).start()
    assert f"udp {ALTERNATE}:{taken[1]}" in str(failure.value)


@pytest.mark.parametrize(
    "address, discovery_keys, key",
    [
        ("0.0.0.0", {"alternate_address": ALTERNATE}, "alternate_address"),
        (LISTENER, {"alternate_address": LISTENER}, "alternate_address"),
        (LISTENER, {"alternate_address": "::1"}, "alternate_address"),
        (LISTENER, {"alternate_address": ALTERNATE, "alternate_port": 3478}, "alternate_port"),
        (LISTENER, {"alternate_port": 3479}, "nat_discovery"),
    ],
)
def test_NBD_01_check_names_what_is_wrong(tmp_path, address, discovery_keys, key):
    file = tmp_path / "turn.yaml"
    keys = ", ".join(f'{name}: "{value}"' for name, value in discovery_keys.items())
    file.write_text(
        f"listeners: [{{transport: udp, address: {address}, port: 3478}}]\n"
        f"protocol:\n  nat_discovery:\n    {{{keys}}}\n"
    )
    done = run_command("check", str(file))
    assert done.returncode != 0
    assert f"{key}: " in done.stdout + done.stderr
