#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "protocol/turn/addresses.h"
#include "server/datapath/leaky_buckets.h"
#include "server/datapath/traffic_limits.h"
#include "server/metrics/metric_labels.h"

namespace relay {

// What users, and all of them together, have sent lately, for those limits. In memory that all
// shards and the program in the kernel charge. Any thread; no lock.
class SharedBuckets {
 public:
  // In memory of its own, which is touched as users come.
  static std::shared_ptr<SharedBuckets> Make(std::uint32_t users);
  // `buckets` begin with that of the whole server, and are good as long as `memory` is kept. There
  // is at least one user's.
  SharedBuckets(std::span<leaky_shared> buckets, std::shared_ptr<const void> memory);

  // What a packet is charged to besides its allocation's own meter. Good as long as the object.
  struct Shares {
    leaky_share user{};
    leaky_share total{};
  };
  Shares Of(turn::UserNumber user, Direction direction, const SharedLimits& limits) const {
    return limits.IsSet() ? Find(user, direction, limits) : Shares{};
  }

 private:
  Shares Find(turn::UserNumber user, Direction direction, const SharedLimits& limits) const;

  std::span<leaky_shared> buckets_;
  std::shared_ptr<const void> memory_;
};

}  // namespace relay
