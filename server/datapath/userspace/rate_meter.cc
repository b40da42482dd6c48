#include "server/datapath/userspace/rate_meter.h"

namespace relay {
namespace {

std::uint64_t Nanoseconds(base::MonotonicTime time) {
  return static_cast<std::uint64_t>(std::chrono::nanoseconds(time.time_since_epoch()).count());
}

}  // namespace

bool RateMeter::Admit(const RateLimits& limits, std::size_t bytes, base::MonotonicTime now,
                      const SharedBuckets::Shares& shares) {
  if (!limits.IsSet() && leaky_is_limited(shares.user) == 0 && leaky_is_limited(shares.total) == 0)
    return true;
  return leaky_admit(shared_ != nullptr ? shared_ : &own_, limits.bytes_per_second,
                     limits.packets_per_second, shares.user, shares.total, bytes,
                     Nanoseconds(now)) != 0;
}

bool RateMeter::IsEmpty(base::MonotonicTime now) const {
  const leaky_buckets& buckets = shared_ != nullptr ? *shared_ : own_;
  return leaky_read(&buckets.bytes_empty_at_ns) <= Nanoseconds(now) &&
         leaky_read(&buckets.packets_empty_at_ns) <= Nanoseconds(now) &&
         leaky_read(&buckets.modest_empty_at_ns) <= Nanoseconds(now);
}

void RateMeter::ShareWith(leaky_buckets* shared) {
  if (shared == shared_) return;
  if (shared_ != nullptr) own_ = Read(*shared_);
  if (shared != nullptr) *shared = own_;
  shared_ = shared;
}

leaky_buckets RateMeter::Read(const leaky_buckets& buckets) {
  return {.bytes_empty_at_ns = leaky_read(&buckets.bytes_empty_at_ns),
          .packets_empty_at_ns = leaky_read(&buckets.packets_empty_at_ns),
          .modest_empty_at_ns = leaky_read(&buckets.modest_empty_at_ns)};
}

}  // namespace relay
