"""Hand-made ClientHellos: OpenSSL's server understands them."""

import struct

import client_hello


def test_lengths_nest():
    hello = client_hello.over_tls((client_hello.ECDHE_RSA_AES128_GCM,))
    assert struct.unpack(">H", hello[3:5])[0] == len(hello) - 5
    assert int.from_bytes(hello[6:9], "big") == len(hello) - 9
    datagram = client_hello.over_dtls()
    assert struct.unpack(">H", datagram[11:13])[0] == len(datagram) - 13
    assert int.from_bytes(datagram[14:17], "big") == int.from_bytes(datagram[22:25], "big") == len(datagram) - 25


def test_cookie_of_a_hello_verify_request():
    message = bytes([3, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 7]) + bytes.fromhex("feff 04 01020304".replace(" ", ""))
    assert client_hello.cookie_of(client_hello.dtls_record(message)) == bytes([1, 2, 3, 4])


def test_choice_of_a_server_hello():
    message = bytes([2, 0, 0, 38]) + bytes.fromhex("0303") + bytes(32) + b"\0" + bytes.fromhex("c02f00")
    record = bytes([22, 3, 3]) + struct.pack(">H", len(message)) + message
    assert client_hello.chosen(record) == (0xC02F, 0)
