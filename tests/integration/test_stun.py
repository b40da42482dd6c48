"""STUN base rules (RFC 8489), black-box. Each test names its row of the compliance matrix."""

import os
import socket
import struct

import pytest

from server_fixture import ALICE, LISTENER, LISTENER_V6, REALM, listeners, needs_ipv6
from stun_message import (
    UDP,
    Attribute,
    Builder,
    Class,
    MalformedMessage,
    Message,
    Method,
    decode_address,
    encode_address,
    encode_xor_address,
    stream_channel_data,
)
from transports import listener_of, open_transport
from turn_client import Credentials, TurnClient, UdpTransport


def binding(**options) -> Builder:
    return Builder(Method.BINDING, **options)


def test_STUN_01_two_top_bits_set_is_not_stun(connect, datagram_transport):
    for first in (0x80, 0x40, 0xC0):
        octets = bytearray(binding().build())
        octets[0] = first
        connect(datagram_transport).assert_ignores(bytes(octets))


def test_STUN_02_wrong_cookie_is_discarded(connect, datagram_transport):
    client = connect(datagram_transport)
    builder = Builder(Method.ALLOCATE, cookie=0x2112A443).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
    client.assert_ignores(builder.build())
    assert client.try_allocate().is_success, "the discarded request left state behind"


@pytest.mark.parametrize("length", [0x0002, 0x0008, 0xFFFC])
def test_STUN_03_length_that_does_not_fit_is_discarded(connect, datagram_transport, length):
    connect(datagram_transport).assert_ignores(binding().build(length=length))


def test_STUN_04_surplus_octets_are_never_parsed(connect, datagram_transport):
    client = connect(datagram_transport)
    octets = binding().build() + struct.pack(">HH", 0x7F00, 0)
    client.send_raw(octets)
    try:
        answer = client.wait_for_response(octets[8:20], 0.3)
    except AssertionError:
        client.assert_silence()  # the preferred answer
    else:
        assert answer.is_success, "the surplus was read as an attribute"


def test_STUN_05_unsupported_method_is_discarded(client):
    for method in (0x00F, 0x080, 0x0FF):
        client.assert_ignores(Builder(method).build())


def test_STUN_05_methods_that_other_protocols_would_be_taken_for_are_discarded(connect, datagram_transport):
    # RFC 7983 reserves 0x100 to 0xFFF: their first octet is one of DTLS and others. A stream may end over them.
    for method in (0x100, 0xFFF):
        connect(datagram_transport).assert_ignores(Builder(method).build())


@pytest.mark.parametrize(
    "method, message_class",
    [
        (Method.SEND, Class.REQUEST),
        (Method.DATA, Class.REQUEST),
        (Method.ALLOCATE, Class.INDICATION),
        (Method.REFRESH, Class.INDICATION),
        (Method.CHANNEL_BIND, Class.INDICATION),
        (Method.CREATE_PERMISSION, Class.INDICATION),
    ],
)
def test_STUN_06_class_that_the_method_lacks_is_discarded(client, method, message_class):
    client.assert_ignores(Builder(method, message_class).build())


@pytest.mark.parametrize("message_class", [Class.SUCCESS, Class.ERROR])
def test_STUN_07_responses_to_nothing_are_discarded(client, message_class):
    for method in (Method.BINDING, Method.ALLOCATE):
        client.assert_ignores(Builder(method, message_class).build())


def test_STUN_08_responses_carry_the_transaction_id(client):
    client.allocate()
    for number in range(250):
        assert client.binding().is_success
        assert client.binding(lambda m: m.add(0x7F00)).error == 420
        assert client.transact(Builder(Method.REFRESH).build()).error == 401
        response = client.transact(client.signed(Method.CREATE_PERMISSION, transaction_id=os.urandom(12)).build())
        assert response.error == 400, number


def test_STUN_09_response_method_equals_request_method(client):
    client.allocate()
    assert client.binding().type == 0x0101
    assert client.transact(Builder(Method.ALLOCATE).build()).type == 0x0113
    assert client.request(Method.CHANNEL_BIND).type == 0x0119
    assert client.request(Method.CREATE_PERMISSION).type == 0x0118
    assert client.refresh().type == 0x0104


def test_STUN_10_lengths_exclude_padding_and_padding_is_zero(client):
    # The parser refuses padding other than zero. The realm has an odd number of octets, on purpose.
    assert len(REALM) % 4 != 0
    response = client.challenge()
    assert response.find(Attribute.REALM) == REALM.encode()
    assert len(response.raw) % 4 == 0
    for error in (response, client.binding(lambda m: m.add(0x7F00)), client.request(Method.CHANNEL_BIND)):
        assert error.error in (400, 401, 420, 437)


def test_STUN_11_received_padding_may_have_any_value(client):
    client.challenge()
    builder = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
    builder.add_text(Attribute.SOFTWARE, "x", pad=0xFF)
    client.add_credentials(builder, pad=0xFF)
    assert client.transact(client.add_integrity(builder).build()).is_success
    client.refresh(0)


def test_STUN_12_first_of_repeated_attributes_counts(allocated, peer, make_peer):
    other = make_peer()
    response = allocated.request(
        Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 700).add_u32(Attribute.LIFETIME, 3000)
    )
    assert response.lifetime == 700
    allocated.create_permission(peer.endpoint)
    allocated.send_indication(peer.endpoint, b"once", lambda m: m.add_peer(other.endpoint).add(Attribute.DATA, b"no"))
    assert peer.receive() == b"once"
    other.assert_silence()


def test_STUN_13_unknown_optional_attributes_are_ignored(client):
    assert client.binding(lambda m: m.add(0xFFF0, b"abcd")).is_success
    assert client.binding(lambda m: m.add(0xC001).add(0xFFFF, b"abc", pad=0xEE)).is_success


def test_STUN_14_unknown_required_attribute_is_420(client):
    response = client.binding(lambda m: m.add(0x7F00))
    assert response.type == 0x0111
    assert response.error == 420
    assert response.unknown_attributes == [0x7F00]


def test_STUN_15_all_unknown_attributes_are_listed_with_zero_padding(client):
    response = client.binding(lambda m: m.add(0x7F00).add(0x7F01, b"four").add(0x7F02))
    assert response.error == 420
    value = response.find(Attribute.UNKNOWN_ATTRIBUTES)
    assert value is not None and len(value) == 6, "the padding belongs to no value"
    assert response.unknown_attributes == [0x7F00, 0x7F01, 0x7F02]


def test_STUN_15_STUN_40_long_list_of_unknown_attributes_stays_small(connect, datagram_transport):
    """A stranger could otherwise have a server send much: the list may be cut, the packet may not grow."""
    request = binding()
    for number in range(300):
        request.add(0x4000 + number)
    response = connect(datagram_transport).transact(request.build())
    assert response.error == 420
    assert len(response.raw) <= 548
    assert set(response.unknown_attributes) <= {0x4000 + number for number in range(300)}


def test_STUN_16_authentication_comes_before_unknown_attributes(client):
    unsigned = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0])).add(0x7F00)
    assert client.transact(unsigned.build()).error == 401
    response = client.try_allocate(fill=lambda m: m.add(0x7F00))
    assert response.error == 420
    assert response.unknown_attributes == [0x7F00]
    assert Attribute.MESSAGE_INTEGRITY in response


def test_STUN_17_known_but_unexpected_attributes_are_ignored(client):
    response = client.binding(
        lambda m: m.add_u32(Attribute.LIFETIME, 600).add(Attribute.CHANNEL_NUMBER, bytes.fromhex("40000000"))
    )
    assert response.is_success


def test_STUN_18_indication_with_unknown_required_attribute_is_dropped(allocated, peer):
    allocated.create_permission(peer.endpoint)
    allocated.send_indication(peer.endpoint, b"dropped", lambda m: m.add(0x7F00))
    allocated.send_indication(peer.endpoint, b"first")
    assert peer.receive() == b"first"
    allocated.assert_silence()


def test_STUN_19_indications_get_no_response(allocated, peer):
    allocated.assert_ignores(Builder(Method.BINDING, Class.INDICATION).build())
    allocated.assert_ignores(Builder(Method.BINDING, Class.INDICATION).add(0x7F00).build())
    allocated.send_indication(peer.endpoint, b"no permission")
    allocated.assert_silence()
    peer.assert_silence(0.05)


def test_STUN_20_error_code_is_encoded_as_the_rfc_says(allocated):
    # Message.error refuses reserved bits, classes outside 3-6, numbers above 99 and long or broken reasons.
    response = allocated.binding(lambda m: m.add(0x7F00))
    value = response.find(Attribute.ERROR_CODE)
    assert value is not None and value[:4] == bytes.fromhex("00000414")
    for error in (
        allocated.transact(Builder(Method.REFRESH).build()),
        allocated.request(Method.CREATE_PERMISSION),
        allocated.try_allocate(),
    ):
        assert error.error in (400, 401, 437)


def test_STUN_21_udp_binding_reports_the_source(connect, datagram_transport):
    client = connect(datagram_transport)
    assert client.binding().mapped == client.local


def test_STUN_22_binding_on_a_stream_reports_the_remote_address(connect, stream_transport):
    client = connect(stream_transport)
    assert client.binding().mapped == client.local


def test_STUN_23_ipv4_xor_mapped_address(client):
    assert encode_xor_address(("192.0.2.1", 32853), bytes(12)).hex() == "0001a147e112a643"
    response = client.binding()
    value = response.find(Attribute.XOR_MAPPED_ADDRESS)
    assert value is not None and len(value) == 8 and value[:2] == b"\x00\x01"
    assert value == encode_xor_address(client.local, response.transaction_id)


@needs_ipv6
def test_STUN_24_ipv6_xor_mapped_address_depends_on_the_transaction(connect, transport):
    client = connect(transport, address=LISTENER_V6)
    values = []
    for _ in range(2):
        response = client.binding()
        value = response.find(Attribute.XOR_MAPPED_ADDRESS)
        assert value == encode_xor_address(client.local, response.transaction_id)
        assert len(value) == 20 and value[:2] == b"\x00\x02"
        values.append(value[4:])
    assert values[0] != values[1]


def test_STUN_25_ipv4_client_of_a_dual_stack_socket_is_ipv4(launch, connect, transport):
    at = launch(listeners=listeners("::"))
    client = connect(transport, at=at, address=LISTENER)
    value = client.binding().find(Attribute.XOR_MAPPED_ADDRESS)
    assert value is not None and len(value) == 8 and value[1] == 1
    client.allocate()
    assert client.allocation.mapped == client.local


def test_STUN_26_answer_comes_from_the_address_that_was_asked(launch, connect, datagram_transport, peer):
    at = launch(listeners=listeners("0.0.0.0"))
    for address in (LISTENER, "127.0.0.9", "127.8.8.8"):
        client = connect(datagram_transport, at=at, address=address)  # a connected socket hears that address alone
        assert client.binding().mapped == client.local
        client.allocate()
        client.create_permission(peer.endpoint)
        client.send_indication(peer.endpoint, b"there")
        peer.receive()
        peer.send(b"back", client.relayed)
        assert client.receive_data().data == b"back"
        client.channel_bind(0x4000, peer.endpoint)
        peer.send(b"again", client.relayed)
        assert client.receive_channel_data().payload == b"again"


def test_STUN_27_server_never_connects_back(server, stream_transport):
    stream = open_transport(stream_transport, server.endpoint(listener_of(stream_transport)), (LISTENER, 0))
    local = stream.local
    stream.send(binding().build())
    stream.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stream.close()
    with socket.socket() as listener:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(local)
        listener.listen()
        listener.settimeout(0.3)
        with pytest.raises(TimeoutError):
            listener.accept()


def test_STUN_29_many_requests_in_flight_on_one_connection(connect, stream_transport):
    client = connect(stream_transport)
    requests = [binding().build() for _ in range(50)]
    client.send_raw(b"".join(requests))
    answers = {client.receive().transaction_id for _ in requests}
    assert answers == {octets[8:20] for octets in requests}
    client.assert_silence()


def test_STUN_30_stream_survives_any_segmentation(connect, stream_transport):
    client = connect(stream_transport)
    octets = binding().add(0xFFF0, b"some octets").build()
    for octet in octets:
        client.send_raw(bytes([octet]))
    assert client.wait_for_response(octets[8:20]).is_success
    one, two = binding().build(), binding().add(0xFFF0, b"12345").build()
    client.send_raw(one + two[:15])
    assert client.wait_for_response(one[8:20]).is_success
    client.send_raw(two[15:])
    assert client.wait_for_response(two[8:20]).is_success


def test_STUN_31_binding_demands_no_credentials(client):
    assert client.binding().type == 0x0101


def test_STUN_32_binding_demands_no_fingerprint(client):
    assert client.binding().is_success
    assert client.binding(lambda m: m.fingerprint()).is_success


def test_STUN_33_wrong_fingerprint_is_discarded(client):
    client.assert_ignores(binding().fingerprint(xor=1).build())
    client.assert_ignores(Builder(Method.ALLOCATE).fingerprint(xor=0x80000000).build())


def test_STUN_34_fingerprint_of_answers_is_right_and_last(client):
    # The parser checks value and place of every FINGERPRINT that comes; here the request has one as well.
    for response in (
        client.binding(lambda m: m.fingerprint()),
        client.binding(lambda m: m.add(0x7F00).fingerprint()),
        client.transact(Builder(Method.ALLOCATE).fingerprint().build()),
    ):
        assert response.message_class in (Class.SUCCESS, Class.ERROR)


def test_STUN_35_software_can_be_had_and_switched_off(launch, connect, transport):
    always = connect(transport, at=launch(protocol={"software": "always"}))
    for response in (always.binding(), always.challenge(), always.allocate(), always.refresh()):
        software = response.find(Attribute.SOFTWARE)
        assert software, f"{response} lacks SOFTWARE"
        assert len(software.decode()) < 128
    never = connect(transport, at=launch(protocol={"software": "never"}))
    for response in (never.binding(), never.challenge(), never.allocate(), never.refresh(), never.try_allocate()):
        assert Attribute.SOFTWARE not in response


def test_STUN_35_software_is_for_the_authenticated_by_default(client):
    assert Attribute.SOFTWARE not in client.binding()
    assert Attribute.SOFTWARE not in client.challenge()
    assert Attribute.SOFTWARE in client.allocate()


def test_STUN_31_credentials_in_a_binding_do_no_harm(client):
    def credentials(builder: Builder) -> None:
        builder.add_text(Attribute.USERNAME, "a:b").add_text(Attribute.REALM, "elsewhere")
        builder.add_text(Attribute.NONCE, "none").integrity(b"a key that nobody knows")

    assert client.binding(credentials).mapped == client.local
    client.challenge()
    assert client.transact(client.signed(Method.BINDING).build()).mapped == client.local


def test_STUN_29_whole_session_in_one_segment(connect, stream_transport, peer):
    client = connect(stream_transport)
    client.challenge()
    requests = [
        client.signed(Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))).build(),
        client.signed(Method.CREATE_PERMISSION, lambda m: m.add_peer(peer.endpoint)).build(),
        client.signed(
            Method.CHANNEL_BIND,
            lambda m: m.add(Attribute.CHANNEL_NUMBER, bytes.fromhex("40000000")).add_peer(peer.endpoint),
        ).build(),
    ]
    client.send_raw(b"".join(requests) + stream_channel_data(0x4000, b"at once"))
    assert [client.receive().transaction_id for _ in requests] == [octets[8:20] for octets in requests]
    assert peer.receive() == b"at once"
    client.refresh(0)


def test_STUN_36_binding_over_every_transport(client):
    assert client.binding().is_success


@pytest.mark.parametrize("credentials", [ALICE, Credentials.modern(ALICE.username, ALICE.password)])
def test_STUN_38_DTLS_02_retransmitted_requests_have_the_same_outcome(connect, datagram_transport, peer, credentials):
    client = connect(datagram_transport, credentials)
    client.challenge()

    def twice(octets: bytes) -> tuple[Message, Message]:
        return client.transact(octets), client.transact(octets)

    first, second = twice(
        client.signed(
            Method.ALLOCATE, lambda m: m.add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
        ).build()
    )
    assert first.is_success and second.is_success
    assert first.relayed == second.relayed
    client.relayed = first.relayed
    for octets in (
        binding().build(),
        Builder(Method.ALLOCATE).build(),
        client.signed(Method.CREATE_PERMISSION, lambda m: m.add_peer(peer.endpoint)).build(),
        client.signed(
            Method.CHANNEL_BIND,
            lambda m: m.add(Attribute.CHANNEL_NUMBER, bytes.fromhex("40000000")).add_peer(peer.endpoint),
        ).build(),
        client.signed(Method.REFRESH, lambda m: m.add_u32(Attribute.LIFETIME, 900)).build(),
        client.signed(Method.CREATE_PERMISSION).build(),
    ):
        first, second = twice(octets)
        assert (first.type, first.error) == (second.type, second.error)
        assert first.lifetime == second.lifetime
        assert first.mapped == second.mapped


def test_STUN_39_identical_bindings_get_identical_answers(connect, datagram_transport):
    client = connect(datagram_transport)
    octets = binding().build()
    assert client.transact(octets).raw == client.transact(octets).raw


LONG_REALM = ("a" * 60 + ".") * 2 + "tests"


@pytest.mark.parametrize("address, limit", [(LISTENER, 548), pytest.param(LISTENER_V6, 1232, marks=needs_ipv6)])
def test_STUN_40_answers_fit_a_packet_of_the_smallest_mtu(launch, connect, datagram_transport, address, limit):
    assert len(LONG_REALM) == 127
    at = launch(realm=LONG_REALM, protocol={"software": "always"})
    for options in ({"even_port": 0x80}, {"additional_family": 2}):
        client = connect(datagram_transport, Credentials.modern(ALICE.username, ALICE.password), at=at, address=address)
        responses = [client.challenge(), client.allocate(**options)]
        client.nonce = client.nonce[:-1] + ("A" if client.nonce[-1] != "A" else "B")
        responses.append(client.request(Method.REFRESH, retry=False))
        assert responses[-1].error in (401, 438)
        client.learn(responses[-1])
        responses.append(client.try_allocate(fill=lambda m: [m.add(0x7F00 + number) for number in range(40)]))
        for response in responses:
            assert len(response.raw) <= limit, f"{response} has {len(response.raw)} octets"


def classic_binding(extra: bytes = b"") -> tuple[bytes, bytes]:
    """RFC 3489: sixteen octets of transaction ID and no cookie."""
    transaction_id = b"\x01" + os.urandom(15)
    return struct.pack(">HH", 0x0001, len(extra)) + transaction_id + extra, transaction_id


def classic_attributes(octets: bytes) -> dict[int, bytes]:
    attributes, offset = {}, 20
    while offset < len(octets):
        kind, size = struct.unpack(">HH", octets[offset : offset + 4])
        attributes[kind] = octets[offset + 4 : offset + 4 + size]
        offset += 4 + size + (-size % 4)
    return attributes


def test_STUN_44_classic_binding_gets_a_mapped_address(server):
    transport = UdpTransport(server.udp)
    octets, transaction_id = classic_binding()
    transport.send(octets)
    answer = transport.receive(5)
    assert answer is not None, "a classic Binding was not answered"
    assert answer[:2] == bytes.fromhex("0101")
    assert answer[4:20] == transaction_id
    attributes = classic_attributes(answer)
    assert decode_address(attributes[Attribute.MAPPED_ADDRESS]) == transport.local
    assert Attribute.XOR_MAPPED_ADDRESS not in attributes
    assert Attribute.FINGERPRINT not in attributes
    transport.close()


def test_STUN_44_classic_stun_can_be_switched_off_and_never_reaches_turn(launch, connect, server):
    octets, _ = classic_binding()
    connect("udp", at=launch(protocol={"classic_stun": False})).assert_ignores(octets)
    allocate = b"\x00\x03" + octets[2:]
    connect("udp").assert_ignores(allocate)


def test_STUN_45_classic_response_address_is_refused(server, make_peer):
    victim = make_peer()
    transport = UdpTransport(server.udp)
    value = encode_address(victim.endpoint)
    octets, transaction_id = classic_binding(struct.pack(">HH", 0x0002, len(value)) + value)
    transport.send(octets)
    answer = transport.receive(0.5)
    victim.assert_silence(0.1)
    if answer is not None:
        assert answer[:2] == bytes.fromhex("0111")
        assert answer[4:20] == transaction_id
        assert classic_attributes(answer)[Attribute.ERROR_CODE][2:4] == bytes([4, 20])
    transport.close()
    assert TurnClient(UdpTransport(server.udp)).binding().is_success


def test_STUN_45_NBD_02_change_request_is_420_without_a_second_address(client):
    response = client.binding(lambda m: m.add_u32(Attribute.CHANGE_REQUEST, 6))
    assert response.error == 420
    assert response.unknown_attributes == [Attribute.CHANGE_REQUEST]
    assert Attribute.OTHER_ADDRESS not in client.binding()


@pytest.mark.parametrize("attribute", [Attribute.RESPONSE_PORT, Attribute.PADDING])
def test_NBD_09_B88_attributes_of_nat_discovery_are_420_where_it_is_off(client, attribute):
    response = client.binding(lambda m: m.add_u32(attribute, 0x12340000))
    assert response.error == 420
    assert response.unknown_attributes == [attribute]


def test_STUN_48_first_octet_of_an_address_is_ignored(allocated, peer):
    response = allocated.request(
        Method.CREATE_PERMISSION,
        lambda m: m.add_xor_address(Attribute.XOR_PEER_ADDRESS, peer.endpoint, first_octet=0xFF),
    )
    assert response.is_success
    allocated.send_indication(peer.endpoint, b"x")
    assert peer.receive() == b"x"


@pytest.mark.parametrize("family, octets", [(1, 20), (2, 8), (3, 8), (0, 8), (1, 4), (1, 7), (1, 12)])
def test_STUN_49_family_and_length_must_agree(allocated, family, octets):
    value = (bytes([0, family]) + bytes(18))[:octets]
    response = allocated.request(Method.CREATE_PERMISSION, lambda m: m.add(Attribute.XOR_PEER_ADDRESS, value))
    assert response.error == 400


def test_parser_of_this_suite_refuses_what_servers_must_not_send():
    with pytest.raises(MalformedMessage):
        Message.parse(binding().build() + b"\0")
