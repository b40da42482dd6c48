#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/turn/addresses.h"

namespace turn {

// One relay address of this server: `internal` is what sockets bind to, `external` what the world
// sees (the same unless there is 1:1 NAT). Both are of one family.
struct RelayAddress {
  base::IpAddress internal;
  base::IpAddress external;
};

// The IPv4 address that an IPv6 address spells, if any: IPv4-compatible, NAT64 (well-known and
// local-use), 6to4, Teredo (the client's), ISATAP. IPv4-mapped needs no translation, since
// IpAddress holds both alike.
std::optional<base::IpAddress> EmbeddedIpv4(const base::IpAddress& address);

// Which peers may be reached: one function for every path (permission, channel, connect, send), on
// canonical addresses.
class PeerPolicy {
 public:
  struct Rules {
    std::vector<base::Endpoint>
        own_sockets;  // listeners, metrics, admin; address "::" or "0.0.0.0": on every own address
    std::vector<base::IpAddress> own_addresses;  // every address of the host's interfaces
    std::vector<base::Endpoint> backends;        // Redis, issuers' proxies: port 0 means every port
    std::vector<RelayAddress> relay_addresses;
    std::vector<base::IpPrefix> deny;
    std::vector<base::IpPrefix> allow;
  };
  explicit PeerPolicy(Rules rules);

  enum class Verdict : std::uint8_t {
    kAllowed,
    kDenied,
    kOwnRelay,  // an address of this server's relays, internal or external: permissions are
                // granted, data and channels need a live relay port
  };

  // For CreatePermission, which knows no port. Own sockets and backends that name a port do not
  // decide here, unless the address has no other use (a backend is denied whole).
  Verdict JudgeAddress(const base::IpAddress& peer) const;
  // For everything that names a port.
  Verdict Judge(const PeerAddress& peer) const;

  // Where a datagram for `peer` goes on the wire: an external relay address becomes the internal
  // one.
  PeerAddress ToWire(const PeerAddress& peer) const;
  // The reverse, for the source of a datagram that came from one of our own live relay ports.
  PeerAddress FromWire(const PeerAddress& peer) const;

  const Rules& rules() const { return rules_; }

  // What is denied when nothing else is said: every special-purpose, private, multicast and
  // translation range.
  static std::span<const base::IpPrefix> BuiltInDenials();

 private:
  Rules rules_;
};

}  // namespace turn
