#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "protocol/base/time.h"
#include "server/datapath/leaky_buckets.h"
#include "server/datapath/shared_buckets.h"
#include "server/datapath/traffic_limits.h"

namespace relay {

// What does not fit is dropped by the caller; the allocation stays. The buckets are its own, or
// such as others charge at the same time. One thread.
class RateMeter {
 public:
  // False: over a limit, and nothing was charged.
  bool Admit(const RateLimits& limits, std::size_t bytes, base::MonotonicTime now,
             const SharedBuckets::Shares& shares = {});
  // Whether everything has leaked away, so that a new meter would do as well.
  bool IsEmpty(base::MonotonicTime now) const;
  // What is in its buckets goes to these, which nobody charges yet, and which are used until the
  // next call. nullptr: it has its own again.
  void ShareWith(leaky_buckets* shared);

 private:
  static leaky_buckets Read(const leaky_buckets& buckets);

  leaky_buckets own_{};
  leaky_buckets* shared_ = nullptr;
};

}  // namespace relay
