#include "server/control/rate_limiter.h"

#include <algorithm>
#include <utility>

namespace relay {

std::optional<std::chrono::nanoseconds> RateLimiter::Take(std::string_view key,
                                                          const Config::Rate& rate,
                                                          base::MonotonicTime now) {
  using std::chrono::nanoseconds;
  if (rate.count == 0) return std::nullopt;
  auto place = places_.find(key);
  if (place == places_.end()) {
    if (places_.size() >= max_keys_) {
      places_.erase(buckets_.front().key);
      buckets_.pop_front();
    }
    buckets_.push_back({std::string(key), now});
    place = places_.emplace(buckets_.back().key, std::prev(buckets_.end())).first;
  } else {
    buckets_.splice(buckets_.end(), buckets_, place->second);
  }
  Bucket& bucket = *place->second;
  const nanoseconds interval = nanoseconds(rate.period) / rate.count;
  const base::MonotonicTime full_at = std::max(bucket.full_at, now) + interval;
  const nanoseconds missing = full_at - now - rate.period;
  // Integer division may have made `count` intervals a little shorter than the period, never
  // longer.
  if (missing > nanoseconds::zero()) return missing;
  bucket.full_at = full_at;
  return std::nullopt;
}

std::string SourceKey(const base::IpAddress& address) {
  constexpr int kIpv6Bits = 64;
  return address.is_v4() ? address.ToString() : base::IpPrefix(address, kIpv6Bits).ToString();
}

}  // namespace relay
