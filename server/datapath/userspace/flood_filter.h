#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "protocol/base/ip_address.h"

namespace relay {

// A client over plain UDP, as its datagrams have it.
struct FloodClient {
  base::Endpoint source;
  base::IpAddress server;  // where it sends to
  friend bool operator==(const FloodClient&, const FloodClient&) = default;
};

// Who sends so much to a UDP socket that most of it is refused for a limit.
struct FloodSource {
  // Its ChannelData is meant, and nothing else that it sends. nullopt: whatever arrives.
  std::optional<FloodClient> client;
  std::uint32_t keep = kAll;  // of kAll datagrams, at random
  static constexpr std::uint32_t kAll = 1U << 16;
};

// From now on the system itself throws away what is not to be kept of these, before it wakes
// anybody (SO_ATTACH_FILTER with a classic BPF program, for which no privilege is asked). The
// socket counts it among what it has lost (ReceiveDrops). Replaces an earlier filter; none: it
// takes everything again. False: the system has no room for it, and all is as before.
bool SetFloodFilter(int socket, std::span<const FloodSource> sources);

}  // namespace relay
