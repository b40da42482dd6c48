#pragma once

#include <cstdint>

namespace relay {

// Limits of one allocation in one direction (RFC 8656 section 5). 0: unlimited.
struct RateLimits {
  std::uint64_t bytes_per_second = 0;
  std::uint64_t packets_per_second = 0;
};

// Limits of several allocations together, in each direction. 0: unlimited.
struct SharedLimits {
  std::uint64_t user_bytes_per_second = 0;
  std::uint64_t total_bytes_per_second = 0;
  bool IsSet() const { return (user_bytes_per_second | total_bytes_per_second) != 0; }
};

// All limits on what is relayed.
struct TrafficLimits {
  RateLimits allocation;
  SharedLimits shared;
};

}  // namespace relay
