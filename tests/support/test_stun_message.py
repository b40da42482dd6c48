"""The codec against the vectors of RFC 5769 and of appendix B.1 of RFC 8489."""

import hashlib
import hmac

import pytest

from stun_message import (
    IPV6,
    SHA256,
    Attribute,
    Builder,
    Class,
    MalformedMessage,
    Message,
    Method,
    decode_type,
    encode_type,
    encode_xor_address,
    fingerprint_of,
    long_term_key,
    userhash_of,
)

TRANSACTION = bytes.fromhex("b7e7a701bc34d686fa87dfae")
LONG_TERM_TRANSACTION = bytes.fromhex("78ad3433c6ad72c029da412e")
ICE_KEY = b"VOkJxbRl1RmTxUk/WvJxBt"
MATRIX_USER = "\u30de\u30c8\u30ea\u30c3\u30af\u30b9"

REQUEST = bytes.fromhex(
    "000100582112a442b7e7a701bc34d686fa87dfae"
    "802200105354554e207465737420636c69656e74"
    "002400046e0001ff80290008932ff9b151263b36"
    "000600096576746a3a68367659202020"
    "000800149aeaa70cbfd8cb56781ef2b5b2d3f249c1b571a2"
    "80280004e57a3bcf"
)
RESPONSE_IPV4 = bytes.fromhex(
    "0101003c2112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000080001a147e112a643"
    "000800142b91f599fd9e90c38c7489f92af9ba53f06be7d7"
    "80280004c07d4c96"
)
RESPONSE_IPV6 = bytes.fromhex(
    "010100482112a442b7e7a701bc34d686fa87dfae"
    "8022000b7465737420766563746f7220"
    "002000140002a1470113a9faa5d3f179bc25f4b5bed2b9d9"
    "00080014a382954e4be67bf11784c97c8292c275bfe3ed41"
    "80280004c8fb0b4c"
)
LONG_TERM = bytes.fromhex(
    "000100602112a44278ad3433c6ad72c029da412e"
    "00060012e3839ee38388e383aae38383e382afe382b90000"
    "0015001c662f2f3439396b39353464364f4c33346f4c39465354767936347341"
    "0014000b6578616d706c652e6f726700"
    "00080014f67024656dd64a3e02b8e0712e85c9a28ca89666"
)
LONG_TERM_SHA256 = bytes.fromhex(
    "0001009c2112a44278ad3433c6ad72c029da412e"
    "001e00204a3cf38fef6992bda952c6780417da0f24819415569e60b205c46e41407f1704"
    "001500296f624d61744a6f733241414143662f2f3439396b39353464364f4c33346f4c39465354767936347341000000"
    "0014000b6578616d706c652e6f726700"
    "001c0020e4686c8f0edeb59013e07090010a93efccbccc544c0a45d9f830aa6d6f735a01"
)


def relaxed(octets: bytes) -> Message:
    """The vectors pad with spaces, which the parser refuses in what a server sends."""
    return Message.parse(octets.replace(b"vector ", b"vector\0").replace(b"h6vY   ", b"h6vY\0\0\0"))


def test_sample_request_is_reproduced():
    builder = Builder(Method.BINDING, transaction_id=TRANSACTION)
    builder.add_text(Attribute.SOFTWARE, "STUN test client")
    builder.add_u32(0x0024, 0x6E0001FF)
    builder.add(0x8029, bytes.fromhex("932ff9b151263b36"))
    builder.add_text(Attribute.USERNAME, "evtj:h6vY", pad=0x20)
    assert builder.integrity(ICE_KEY).fingerprint().build() == REQUEST


@pytest.mark.parametrize(
    "vector, endpoint",
    [(RESPONSE_IPV4, ("192.0.2.1", 32853)), (RESPONSE_IPV6, ("2001:db8:1234:5678:11:2233:4455:6677", 32853))],
)
def test_sample_responses_are_reproduced(vector, endpoint):
    builder = Builder(Method.BINDING, Class.SUCCESS, transaction_id=TRANSACTION)
    builder.add_text(Attribute.SOFTWARE, "test vector", pad=0x20)
    builder.add_xor_address(Attribute.XOR_MAPPED_ADDRESS, endpoint)
    assert builder.integrity(ICE_KEY).fingerprint().build() == vector


def test_sample_long_term_request_is_reproduced():
    key = long_term_key(MATRIX_USER, "example.org", "TheMatrIX")
    builder = Builder(Method.BINDING, transaction_id=LONG_TERM_TRANSACTION)
    builder.add_text(Attribute.USERNAME, MATRIX_USER)
    builder.add_text(Attribute.NONCE, "f//499k954d6OL34oL9FSTvy64sA")
    builder.add_text(Attribute.REALM, "example.org")
    octets = builder.integrity(key).build()
    assert octets == LONG_TERM
    assert Message.parse(octets).has_valid_integrity(key)


def test_sample_sha256_request_is_reproduced_but_for_its_length():
    """The vector's header length counts the header itself: 20 too many. The HMAC was computed over that length."""
    key = long_term_key(MATRIX_USER, "example.org", "TheMatrIX", SHA256)
    builder = Builder(Method.BINDING, transaction_id=LONG_TERM_TRANSACTION)
    builder.add(Attribute.USERHASH, userhash_of(MATRIX_USER, "example.org"))
    builder.add_text(Attribute.NONCE, "obMatJos2AAACf//499k954d6OL34oL9FSTvy64sA")
    builder.add_text(Attribute.REALM, "example.org")
    covered = builder.build(length=0x9C)
    assert covered == LONG_TERM_SHA256[:-36]
    assert hmac.new(key, covered, hashlib.sha256).digest() == LONG_TERM_SHA256[-32:]


def test_sample_messages_parse():
    request = relaxed(LONG_TERM)
    assert (request.method, request.message_class) == (Method.BINDING, Class.REQUEST)
    assert request.text(Attribute.USERNAME) == MATRIX_USER
    mapped = Message.parse(
        Builder(Method.BINDING, Class.SUCCESS, transaction_id=TRANSACTION)
        .add_xor_address(Attribute.XOR_MAPPED_ADDRESS, ("192.0.2.1", 32853))
        .build()
    )
    assert mapped.mapped == ("192.0.2.1", 32853)


def test_a_wrong_fingerprint_is_refused():
    with pytest.raises(MalformedMessage):
        Message.parse(Builder(Method.BINDING).fingerprint(xor=1).build())


def test_padding_other_than_zero_is_refused():
    with pytest.raises(MalformedMessage):
        Message.parse(Builder(Method.BINDING).add_text(Attribute.SOFTWARE, "abc", pad=0x20).build())


def test_an_attribute_beyond_the_end_is_refused():
    with pytest.raises(MalformedMessage):
        Message.parse(Builder(Method.BINDING).add(Attribute.SOFTWARE, b"abcd", length=8).build())


def test_types_survive_both_ways():
    for method in range(0x1000):
        for message_class in Class:
            assert decode_type(encode_type(method, message_class)) == (method, message_class)
    assert encode_type(Method.ALLOCATE, Class.ERROR) == 0x0113
    assert encode_type(0x080, Class.REQUEST) == 0x0200


def test_known_keys():
    assert long_term_key("user", "realm", "pass").hex() == "8493fbc53ba582fb4c044c456bdc40eb"
    assert userhash_of(MATRIX_USER, "example.org").hex().startswith("4a3cf38fef6992bd")


def test_an_ipv6_address_depends_on_the_transaction():
    one = encode_xor_address(("2001:db8::1", 1), TRANSACTION)
    other = encode_xor_address(("2001:db8::1", 1), LONG_TERM_TRANSACTION)
    assert one[1] == IPV6 and len(one) == 20 and one != other


def test_fingerprint_of_the_sample_request():
    assert fingerprint_of(REQUEST[:-8]) == 0xE57A3BCF
