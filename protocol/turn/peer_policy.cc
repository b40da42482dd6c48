#include "protocol/turn/peer_policy.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "protocol/base/check.h"

namespace turn {
namespace {

// Special-purpose registries of IANA, the translation and tunnel prefixes in which an IPv4 address
// can hide, and addresses at which clouds serve their hosts.
constexpr std::array<std::string_view, 39> kBuiltInDenials = {
    "0.0.0.0/8",         // this host
    "10.0.0.0/8",        // private
    "100.64.0.0/10",     // carrier-grade NAT; cloud metadata
    "127.0.0.0/8",       // loopback
    "168.63.129.16/32",  // cloud host services
    "169.254.0.0/16",    // link-local; cloud metadata
    "172.16.0.0/12",     // private
    "192.0.0.0/24",      // protocol assignments
    "192.0.2.0/24",      // documentation
    "192.88.99.0/24",    // 6to4 relay anycast
    "192.168.0.0/16",    // private
    "198.18.0.0/15",     // benchmarking
    "198.51.100.0/24",   // documentation
    "203.0.113.0/24",    // documentation
    "224.0.0.0/4",       // multicast
    "240.0.0.0/4",       // reserved; limited broadcast
    "::/96",             // unspecified, loopback, IPv4-compatible
    "::ffff:0:0:0/96",   // IPv4-translated
    "64:ff9b::/96",      // NAT64
    "64:ff9b:1::/48",    // NAT64, local use
    "100::/64",          // discard-only
    "100:0:0:1::/64",    // dummy
    "2001::/32",         // Teredo
    "2001::/23",         // protocol assignments
    "2001:db8::/32",     // documentation
    "2002::/16",         // 6to4
    "3fff::/20",         // documentation
    "5f00::/16",         // segment routing
    "fc00::/7",          // unique local; cloud metadata
    "fe80::/10",         // link-local
    "fec0::/10",         // site-local
    "ff00::/8",          // multicast
    "4000::/2",          // not assigned to anyone
    "8000::/2",          // not assigned to anyone
    "c000::/3",          // not assigned to anyone
    "e000::/4",          // not assigned to anyone
    "f000::/5",          // not assigned to anyone
    "f800::/6",          // not assigned to anyone
    "fe00::/9",          // not assigned to anyone
};

std::vector<base::IpPrefix> ParseBuiltInDenials() {
  std::vector<base::IpPrefix> prefixes;
  for (const std::string_view text : kBuiltInDenials) {
    const std::optional<base::IpPrefix> prefix = base::IpPrefix::Parse(text);
    CHECK(prefix.has_value());
    prefixes.push_back(*prefix);
  }
  return prefixes;
}

bool ContainsAddress(std::span<const base::IpPrefix> prefixes, const base::IpAddress& address) {
  return std::any_of(prefixes.begin(), prefixes.end(),
                     [&](const base::IpPrefix& prefix) { return prefix.Contains(address); });
}

// The rest of ::/3, in which the prefixes above have names. As a prefix it would be that of every
// IPv4 address, too, which is kept as ::ffff:a.b.c.d.
bool IsBelowUnicastV6(const base::IpAddress& address) {
  return !address.is_v4() && address.octets()[0] < 0x20;
}

bool IsLoopback(const base::IpAddress& address) {
  if (address.is_v4()) return address.v4_octets()[0] == 127;
  std::array<std::uint8_t, 16> loopback{};
  loopback[15] = 1;
  return address.octets() == loopback;
}

bool IsRelayAddress(const PeerPolicy::Rules& rules, const base::IpAddress& address) {
  return std::any_of(rules.relay_addresses.begin(), rules.relay_addresses.end(),
                     [&](const RelayAddress& relay) {
                       return relay.internal == address || relay.external == address;
                     });
}

// An address at which this host itself answers.
bool IsOwnAddress(const PeerPolicy::Rules& rules, const base::IpAddress& address) {
  return IsLoopback(address) || address.is_unspecified() || IsRelayAddress(rules, address) ||
         std::find(rules.own_addresses.begin(), rules.own_addresses.end(), address) !=
             rules.own_addresses.end();
}

base::IpAddress InternalOf(const PeerPolicy::Rules& rules, const base::IpAddress& address) {
  for (const RelayAddress& relay : rules.relay_addresses) {
    if (relay.external == address) return relay.internal;
  }
  return address;
}

bool IsOwnSocket(const PeerPolicy::Rules& rules, const base::Endpoint& peer) {
  const base::IpAddress internal = InternalOf(rules, peer.address);
  return std::any_of(rules.own_sockets.begin(), rules.own_sockets.end(),
                     [&](const base::Endpoint& socket) {
                       if (socket.port != peer.port) return false;
                       if (socket.address.is_unspecified())
                         return IsOwnAddress(rules, peer.address);
                       return socket.address == peer.address || socket.address == internal;
                     });
}

// A backend elsewhere has no other use as a peer and is denied whole; one on this host shares its
// address with relays and with allowed services, so there only its port is denied.
bool IsBackend(const PeerPolicy::Rules& rules, const base::IpAddress& address,
               std::optional<std::uint16_t> port) {
  return std::any_of(rules.backends.begin(), rules.backends.end(),
                     [&](const base::Endpoint& backend) {
                       if (backend.address != address) return false;
                       if (backend.port == 0 || backend.port == port) return true;
                       return !IsOwnAddress(rules, address);
                     });
}

base::IpAddress V4At(const std::array<std::uint8_t, 16>& octets, std::size_t position) {
  return base::IpAddress::FromV4(
      {octets[position], octets[position + 1], octets[position + 2], octets[position + 3]});
}

PeerPolicy::Verdict JudgeWith(const PeerPolicy::Rules& rules, const base::IpAddress& address,
                              std::optional<std::uint16_t> port) {
  using enum PeerPolicy::Verdict;
  if (address.is_unspecified()) return kDenied;
  const std::optional<base::IpAddress> embedded = EmbeddedIpv4(address);

  // (1) own sockets and backends
  if (port && IsOwnSocket(rules, {address, *port})) return kDenied;
  if (IsBackend(rules, address, port)) return kDenied;
  if (embedded) {
    if (port && IsOwnSocket(rules, {*embedded, *port})) return kDenied;
    if (IsBackend(rules, *embedded, port)) return kDenied;
  }
  // (2) own relay addresses, only in their plain spelling
  if (IsRelayAddress(rules, address)) return kOwnRelay;
  if (embedded && IsRelayAddress(rules, *embedded)) return kDenied;
  // (3)
  if (ContainsAddress(rules.deny, address)) return kDenied;
  if (embedded && ContainsAddress(rules.deny, *embedded)) return kDenied;
  // (4)
  if (ContainsAddress(rules.allow, address)) return kAllowed;
  // (5) and the host itself, of which nobody said that it may be reached
  const std::span<const base::IpPrefix> built_in = PeerPolicy::BuiltInDenials();
  if (ContainsAddress(built_in, address) || IsBelowUnicastV6(address)) return kDenied;
  if (embedded && ContainsAddress(built_in, *embedded)) return kDenied;
  if (IsOwnAddress(rules, address)) return kDenied;
  if (embedded && IsOwnAddress(rules, *embedded)) return kDenied;
  return kAllowed;
}

}  // namespace

std::optional<base::IpAddress> EmbeddedIpv4(const base::IpAddress& address) {
  if (address.is_v4()) return std::nullopt;
  const std::array<std::uint8_t, 16>& octets = address.octets();
  const auto starts_with = [&](std::initializer_list<std::uint8_t> prefix) {
    return std::equal(prefix.begin(), prefix.end(), octets.begin());
  };
  const auto is_zero = [&](std::size_t from, std::size_t to) {
    return std::all_of(octets.begin() + static_cast<std::ptrdiff_t>(from),
                       octets.begin() + static_cast<std::ptrdiff_t>(to),
                       [](std::uint8_t octet) { return octet == 0; });
  };

  // IPv4-compatible; "::" and "::1" are not.
  if (is_zero(0, 12) && !(is_zero(12, 15) && octets[15] <= 1)) return V4At(octets, 12);
  // IPv4-translated, ::ffff:0:a.b.c.d.
  if (is_zero(0, 8) && octets[8] == 0xff && octets[9] == 0xff && is_zero(10, 12))
    return V4At(octets, 12);
  if (starts_with({0x00, 0x64, 0xff, 0x9b}) && is_zero(4, 12)) return V4At(octets, 12);
  if (starts_with({0x00, 0x64, 0xff, 0x9b, 0x00, 0x01})) {
    // RFC 6052 section 2.2: a 48-bit prefix puts the address around octet 8, a 96-bit one last.
    if (octets[8] == 0 && is_zero(11, 16))
      return base::IpAddress::FromV4({octets[6], octets[7], octets[9], octets[10]});
    return V4At(octets, 12);
  }
  if (starts_with({0x20, 0x02})) return V4At(octets, 2);
  if (starts_with({0x20, 0x01, 0x00, 0x00})) {
    std::array<std::uint8_t, 4> client;
    for (std::size_t i = 0; i < client.size(); ++i)
      client[i] = static_cast<std::uint8_t>(octets[12 + i] ^ 0xff);
    return base::IpAddress::FromV4(client);
  }
  // ISATAP (RFC 5214 section 6.1): the universal/local bit may be either.
  if ((octets[8] & 0xfd) == 0 && octets[9] == 0 && octets[10] == 0x5e && octets[11] == 0xfe)
    return V4At(octets, 12);
  return std::nullopt;
}

PeerPolicy::PeerPolicy(Rules rules) : rules_(std::move(rules)) {}

PeerPolicy::Verdict PeerPolicy::JudgeAddress(const base::IpAddress& peer) const {
  return JudgeWith(rules_, peer, std::nullopt);
}

PeerPolicy::Verdict PeerPolicy::Judge(const PeerAddress& peer) const {
  return JudgeWith(rules_, peer.endpoint.address, peer.endpoint.port);
}

PeerAddress PeerPolicy::ToWire(const PeerAddress& peer) const {
  return PeerAddress{{InternalOf(rules_, peer.endpoint.address), peer.endpoint.port}};
}

PeerAddress PeerPolicy::FromWire(const PeerAddress& peer) const {
  for (const RelayAddress& relay : rules_.relay_addresses) {
    if (relay.internal == peer.endpoint.address)
      return PeerAddress{{relay.external, peer.endpoint.port}};
  }
  return peer;
}

std::span<const base::IpPrefix> PeerPolicy::BuiltInDenials() {
  static const std::vector<base::IpPrefix> prefixes = ParseBuiltInDenials();
  return prefixes;
}

}  // namespace turn
