#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "protocol/base/time.h"

namespace relay {

// What a tenant has used of this node in a stretch of time: for billing, not for metrics.
struct UsageRecord {
  std::string tenant;  // empty: of nobody's
  base::WallTime from;
  base::WallTime until;
  std::uint64_t allocations = 0;  // that began in it, one for each relayed transport address
  std::chrono::nanoseconds allocation_time{0};  // of all of them together
  // Payload, without any header.
  std::uint64_t bytes_to_peers = 0;
  std::uint64_t bytes_to_clients = 0;

  friend bool operator==(const UsageRecord&, const UsageRecord&) = default;
};

}  // namespace relay
