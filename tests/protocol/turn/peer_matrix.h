#pragma once

#include <array>
#include <string_view>

// Peers that no client may reach unless the operator says so: one or more of each kind of abuse,
// and each IPv6 spelling of an IPv4 address. The same list is tried on every path.
namespace turn {

inline constexpr std::array<std::string_view, 74> kForbiddenPeers = {
    // loopback
    "127.0.0.1",
    "127.255.255.254",
    "::1",
    // this host
    "0.0.0.0",
    "0.1.2.3",
    "::",
    // link-local and cloud metadata
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fd00:ec2::254",
    "100.100.100.200",
    "168.63.129.16",
    // private
    "10.0.0.1",
    "10.255.255.255",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.0.1",
    "192.168.255.255",
    "100.64.0.1",
    "100.127.255.255",
    "fc00::1",
    "fdff:ffff::1",
    // special ranges
    "192.0.0.1",
    "192.0.2.77",
    "192.88.99.1",
    "198.18.0.1",
    "198.19.255.255",
    "198.51.100.1",
    "203.0.113.1",
    "240.0.0.1",
    "100::1",
    "fec0::1",
    "2001:db8::77",
    "3fff::1",
    "5f00::1",
    // multicast and broadcast
    "224.0.0.1",
    "239.255.255.255",
    "255.255.255.255",
    "ff02::1",
    "ff0e::1",
    // IPv4-compatible
    "::127.0.0.1",
    "::10.0.0.1",
    "::169.254.169.254",
    "::8.8.8.8",
    // IPv4-translated
    "::ffff:0:127.0.0.1",
    "::ffff:0:10.0.0.1",
    // NAT64
    "64:ff9b::127.0.0.1",
    "64:ff9b::10.0.0.1",
    "64:ff9b::169.254.169.254",
    "64:ff9b::8.8.8.8",
    "64:ff9b:1::127.0.0.1",
    "64:ff9b:1:7f00:0:100::",
    // 6to4
    "2002:7f00:1::",
    "2002:a00:1::1",
    "2002:a9fe:a9fe::",
    "2002:808:808::1",
    // Teredo
    "2001:0:4136:e378:8000:63bf:80ff:fffe",
    "2001::1",
    "2001:0:ffff::",
    // ORCHID and benchmarking
    "2001:10::1",
    "2001:2::1",
    // ISATAP
    "2600::5efe:127.0.0.1",
    "2600::200:5efe:10.0.0.1",
    "2600::5efe:169.254.169.254",
    // never assigned
    "11:100:464:6174:203:616f:624d:6174",
    "1fff:ffff::1",
    "4000::1",
    "dead:beef::1",
    "e000::1",
    "f000::1",
    "f800::1",
    "fbff:ffff::1",
    "fe00::1",
    "fe7f:ffff::1",
};

inline constexpr std::array<std::string_view, 10> kOrdinaryPeers = {
    "8.8.8.8",     "1.1.1.1",         "9.255.255.255", "11.0.0.0",     "172.32.0.1",
    "100.128.0.1", "223.255.255.255", "2600::1",       "2a00:1450::1", "2600::5efe:8.8.8.8",
};

}  // namespace turn
