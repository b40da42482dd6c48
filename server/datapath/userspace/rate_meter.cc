#include "server/datapath/userspace/rate_meter.h"

#include <algorithm>

namespace relay {
namespace {

constexpr std::chrono::nanoseconds kBurst = std::chrono::seconds(1);

base::MonotonicTime After(base::MonotonicTime empty_at, std::uint64_t units, std::uint64_t rate,
                          base::MonotonicTime now) {
  if (rate == 0) return empty_at;
  return std::max(empty_at, now) + std::chrono::nanoseconds(units * 1'000'000'000 / rate);
}

}  // namespace

bool RateMeter::Admit(const RateLimits& limits, std::size_t bytes, base::MonotonicTime now) {
  const auto bytes_after = After(bytes_empty_at_, bytes, limits.bytes_per_second, now);
  const auto packets_after = After(packets_empty_at_, 1, limits.packets_per_second, now);
  if (bytes_after > now + kBurst || packets_after > now + kBurst) return false;
  bytes_empty_at_ = bytes_after;
  packets_empty_at_ = packets_after;
  return true;
}

}  // namespace relay
