#pragma once

#include <cstdint>

namespace relay {

// Limits in one direction, of one allocation (RFC 8656 section 5) or of several. 0: unlimited.
struct RateLimits {
  std::uint64_t bytes_per_second = 0;
  std::uint64_t packets_per_second = 0;
  bool IsSet() const { return (bytes_per_second | packets_per_second) != 0; }
};

// Limits of several allocations together, in each direction. 0: unlimited.
struct SharedLimits {
  RateLimits user;
  RateLimits total;
  bool IsSet() const { return user.IsSet() || total.IsSet(); }
};

// All limits on what is relayed.
struct TrafficLimits {
  RateLimits allocation;
  SharedLimits shared;
};

}  // namespace relay
