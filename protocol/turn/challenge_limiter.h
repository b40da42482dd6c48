#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"

namespace turn {

// Caps what strangers get over UDP, so that the server is no use as a reflector: a token bucket per
// source, /32 for IPv4 and /64 for IPv6. The table has a fixed size whatever the number of sources;
// the source that was silent longest gives its place to a new one.
class ChallengeLimiter {
 public:
  ChallengeLimiter();

  // Takes a token of the source. `rate` is tokens a second, 0 for no limit; `burst` is what a
  // source has after a pause.
  bool Allow(const base::IpAddress& source, std::uint32_t rate, std::uint32_t burst,
             base::MonotonicTime now);

  static constexpr std::size_t kEntries = 8192;

 private:
  struct Bucket {
    std::uint64_t source = 0;  // a keyed hash; 0 for a bucket that was never used
    base::MonotonicTime updated{};
    double tokens = 0;
  };

  Bucket& FindOrReplace(std::uint64_t source, std::uint32_t burst, base::MonotonicTime now);

  std::vector<Bucket> buckets_;
};

}  // namespace turn
