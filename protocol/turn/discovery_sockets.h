#pragma once

#include <array>
#include <cstddef>
#include <optional>

#include "protocol/base/ip_address.h"
#include "protocol/turn/addresses.h"

namespace turn {

// A UDP socket that takes part in NAT behaviour discovery.
struct DiscoverySocket {
  base::Endpoint bound;      // as sockets know it
  base::Endpoint announced;  // as the world knows it: another address behind 1:1 NAT
  ClientHandle handle;       // of the clients that send to it
};

// The four sockets of NAT behaviour discovery (RFC 5780 section 6): two addresses with the same two
// ports on each. A value; all functions are const.
class DiscoverySockets {
 public:
  // In this order: first address and port; the same address with the other port; the other address
  // with the first port; the other address with the other port.
  static constexpr std::size_t kCount = 4;
  explicit DiscoverySockets(const std::array<DiscoverySocket, kCount>& sockets)
      : sockets_(sockets) {}

  // Where the client's message came in. nullopt: at none of the four, or over anything but plain
  // UDP, or by way of a proxy.
  std::optional<std::size_t> PositionOf(const Client& client) const {
    if (client.five_tuple.transport != base::Transport::kUdp) return std::nullopt;
    for (std::size_t position = 0; position < kCount; ++position) {
      if (sockets_[position].handle == client.handle) return position;
    }
    return std::nullopt;
  }

  // Seen from `position`: the socket with the other address, the other port, both or neither
  // (RFC 5780 table 1).
  const DiscoverySocket& Seen(std::size_t position, bool other_address, bool other_port) const {
    return sockets_[position ^ (other_address ? 2u : 0u) ^ (other_port ? 1u : 0u)];
  }

 private:
  std::array<DiscoverySocket, kCount> sockets_;
};

}  // namespace turn
