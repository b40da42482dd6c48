#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "protocol/base/time.h"

namespace relay {

// Limits of one allocation in one direction (RFC 8656 section 5). 0: unlimited.
struct RateLimits {
  std::uint64_t bytes_per_second = 0;
  std::uint64_t packets_per_second = 0;
};

// Two leaky buckets, each held as the time at which it would be empty again: 16 octets, no timer. A
// second's worth may come at once. What does not fit is dropped by the caller; the allocation
// stays.
class RateMeter {
 public:
  // False: over a limit, and nothing was charged.
  bool Admit(const RateLimits& limits, std::size_t bytes, base::MonotonicTime now);
  // Whether everything has leaked away, so that a new meter would do as well.
  bool IsEmpty(base::MonotonicTime now) const {
    return bytes_empty_at_ <= now && packets_empty_at_ <= now;
  }

 private:
  base::MonotonicTime bytes_empty_at_{};
  base::MonotonicTime packets_empty_at_{};
};

}  // namespace relay
