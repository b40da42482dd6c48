"""TRANSACTION-TRANSMIT-COUNTER (RFC 7982), black-box: Req comes back, and a server that counts nothing says so."""

import pytest

from stun_message import UDP, Attribute, Builder, Method
from transports import ALL

TRANSPORTS = ALL
AT_MOST = 5


def counted(builder: Builder, value: bytes = bytes([0, 0, 3, 0])) -> Builder:
    return builder.add(Attribute.TRANSACTION_TRANSMIT_COUNTER, value)


def counter_of(message) -> bytes | None:
    return message.find(Attribute.TRANSACTION_TRANSMIT_COUNTER)


def test_MISC_01_binding_repeats_req_and_counts_nothing(client):
    response = client.binding(counted)
    assert response.is_success
    assert counter_of(response) == bytes([0, 0, 3, 0])


def test_MISC_01_reserved_octets_and_resp_are_not_repeated(client):
    response = client.binding(lambda m: counted(m, bytes([0xFF, 0xFF, 7, 9])))
    assert counter_of(response) == bytes([0, 0, 7, 0])


def test_MISC_01_challenge_and_refusal_repeat_req(client):
    asked = Builder(Method.ALLOCATE).add(Attribute.REQUESTED_TRANSPORT, bytes([UDP, 0, 0, 0]))
    challenge = client.transact(counted(asked, bytes([0, 0, 1, 0])).build())
    assert challenge.error == 401
    assert counter_of(challenge) == bytes([0, 0, 1, 0])
    refusal = client.request(Method.REFRESH, lambda m: counted(m, bytes([0, 0, 2, 0])))
    assert refusal.error == 437
    assert counter_of(refusal) == bytes([0, 0, 2, 0])
    assert client.allocate(fill=lambda m: counted(m, bytes([0, 0, 4, 0]))).is_success
    assert counter_of(client.allocation) == bytes([0, 0, 4, 0])


def test_MISC_01_nobody_who_did_not_ask_is_told(client):
    assert counter_of(client.binding()) is None
    client.allocate()
    assert counter_of(client.allocation) is None


@pytest.mark.parametrize("octets", [0, 1, 2, 3, 5, 8])
def test_MISC_02_counter_of_another_length_is_ignored(client, octets):
    response = client.binding(lambda m: counted(m, bytes(octets)))
    assert response.is_success
    assert counter_of(response) is None


@pytest.mark.parametrize("method", [Method.BINDING, Method.ALLOCATE, Method.REFRESH, Method.CREATE_PERMISSION])
def test_MISC_01_counter_makes_no_amplifier(connect, transport, method):
    client = connect(transport, credentials=None)
    request = counted(Builder(method)).build()
    client.send_raw(request)
    marker = Builder(Method.BINDING).build()
    client.send_raw(marker)
    received = 0
    while (octets := client.transport.receive(5))[8:20] != marker[8:20]:
        received += len(octets)
    assert received <= AT_MOST * len(request)
