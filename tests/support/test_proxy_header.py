"""The headers of the PROXY protocol, octet by octet."""

import proxy_header

SOURCE = ("203.0.113.7", 56324)
DESTINATION = ("192.0.2.1", 443)


def test_version_1_is_a_line_of_text():
    assert proxy_header.version_1(SOURCE, DESTINATION) == b"PROXY TCP4 203.0.113.7 192.0.2.1 56324 443\r\n"
    assert proxy_header.version_1(("2001:db8::1", 1), ("::1", 2)) == b"PROXY TCP6 2001:db8::1 ::1 1 2\r\n"
    assert proxy_header.version_1_unknown() == b"PROXY UNKNOWN\r\n"


def test_version_2_carries_addresses_in_binary():
    header = proxy_header.version_2(SOURCE, DESTINATION)
    assert header == bytes.fromhex("0d0a0d0a000d0a515549540a 21 11 000c cb007107 c0000201 dc04 01bb")
    datagram = proxy_header.version_2(SOURCE, DESTINATION, protocol=proxy_header.DATAGRAM)
    assert datagram[12:16] == bytes.fromhex("2112000c")


def test_version_2_of_ipv6_has_36_octets_of_addresses():
    header = proxy_header.version_2(("2001:db8::1", 1), ("::1", 2))
    assert header[12:16] == bytes.fromhex("21210024") and len(header) == 16 + 36


def test_extras_follow_the_addresses_and_count():
    extra = proxy_header.tlv(proxy_header.TLV_ALPN, b"h2")
    assert extra == bytes.fromhex("0100026832")
    header = proxy_header.version_2(SOURCE, DESTINATION, tlvs=extra)
    assert header[14:16] == bytes.fromhex("0011") and header.endswith(extra)


def test_local_has_no_addresses():
    assert proxy_header.version_2_local()[12:] == bytes.fromhex("20000000")
