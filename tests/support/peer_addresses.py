"""Addresses that no client may reach, and the spellings in which IPv6 writes those of IPv4 (security rows A1 to A10)."""

from __future__ import annotations

import ipaddress

FORBIDDEN_V4 = {
    "A1 loopback": ["127.0.0.1", "127.0.0.3", "127.255.255.254", "127.255.255.255"],
    "A2 this host": ["0.0.0.0", "0.1.2.3", "0.255.255.255"],
    "A4 metadata": ["169.254.169.254", "169.254.0.1", "100.100.100.200"],
    "A5 private": ["10.0.0.1", "10.255.255.255", "172.16.0.1", "172.31.255.254", "192.168.0.1", "192.168.255.254"],
    "A5 carrier": ["100.64.0.1", "100.127.255.254"],
    "A6 special": [
        "192.0.0.1",
        "192.0.0.170",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.19.255.254",
        "198.51.100.1",
        "203.0.113.1",
    ],
    "A7 multicast": ["224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.254", "255.255.255.255"],
}

FORBIDDEN_V6 = {
    "A1 loopback": ["::1"],
    "A2 unspecified": ["::"],
    "A4 metadata": ["fd00:ec2::254", "fe80::1", "fe80::a9fe:a9fe"],
    "A5 private": ["fc00::1", "fd00:1::3", "fdff:ffff::1"],
    "A6 special": ["100::1", "fec0::1", "2001:db8::1", "5f00::1", "3fff::1", "febf::1"],
    "A7 multicast": ["ff00::1", "ff02::1", "ff0e::1", "ffff:ffff::1"],
    "A10 tunnels": ["2002::1", "2002:808:808::1", "2001::1", "2001:0:808:808::1"],
}


def spellings_of(address: str) -> dict[str, str]:
    """The IPv6 addresses that lead, or once led, to an IPv4 address."""
    octets = ipaddress.IPv4Address(address).packed
    inverted = bytes(octet ^ 0xFF for octet in octets)

    def v6(*parts: bytes) -> str:
        return str(ipaddress.IPv6Address(b"".join(parts)))

    return {
        "mapped": v6(bytes(10), b"\xff\xff", octets),
        "compatible": v6(bytes(12), octets),
        "nat64": v6(bytes.fromhex("0064ff9b"), bytes(8), octets),
        "nat64 local, /96": v6(bytes.fromhex("0064ff9b0001"), bytes(6), octets),
        "nat64 local, /48": v6(bytes.fromhex("0064ff9b0001"), octets[:2], b"\0", octets[2:], bytes(5)),
        "6to4": v6(b"\x20\x02", octets, bytes(10)),
        "6to4 with a host": v6(b"\x20\x02", octets, bytes(9), b"\1"),
        "teredo": v6(bytes.fromhex("20010000"), bytes.fromhex("41363e78"), bytes(2), bytes(2), inverted),
        "translated": v6(bytes(8), b"\xff\xff\0\0", octets),
        "isatap": v6(bytes.fromhex("2a000001"), bytes(4), bytes.fromhex("00005efe"), octets),
        "isatap, global": v6(bytes.fromhex("2a000001"), bytes(4), bytes.fromhex("02005efe"), octets),
        "isatap, link": v6(bytes.fromhex("fe800000"), bytes(4), bytes.fromhex("00005efe"), octets),
    }


# Those of which every spelling is tried.
SPELLED = ("127.0.0.1", "10.0.0.1", "169.254.169.254", "0.0.0.0", "192.168.1.1", "100.64.0.1", "255.255.255.255")


def forbidden_addresses() -> list[str]:
    """Every address in every spelling, once."""
    tables = [*FORBIDDEN_V4.values(), *FORBIDDEN_V6.values(), *(spellings_of(one).values() for one in SPELLED)]
    return list(dict.fromkeys(address for table in tables for address in table))
