#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "protocol/base/time.h"
#include "protocol/turn/addresses.h"
#include "server/datapath/relay_traffic.h"
#include "server/datapath/userspace/rate_meter.h"
#include "server/metrics/metric_labels.h"

namespace relay {

// How much the TCP connections of one allocation carry, by direction: they may be in several
// shards, and its limits hold for all of them together. Thread-safe.
class AllocationMeter {
 public:
  // As RateMeter has it.
  bool Admit(Direction direction, const RateLimits& limits, std::size_t bytes,
             base::MonotonicTime now, const SharedBuckets::Shares& shares = {});
  bool IsEmpty(base::MonotonicTime now) const;
  // What was admitted since the last call.
  RelayTraffic TakeTraffic();

 private:
  mutable std::mutex mutex_;
  std::array<RateMeter, 2> meters_;
  RelayTraffic carried_{};
};

// The meters of a process by allocation. One outlives its connections for as long as it remembers
// anything: whoever opens a new connection does not begin anew. Thread-safe.
class AllocationMeters {
 public:
  std::shared_ptr<AllocationMeter> Of(std::uint64_t allocation_id, base::MonotonicTime now);
  // What the allocation's connections have carried since the last call.
  RelayTraffic TakeTraffic(std::uint64_t allocation_id);

  // What a relay has carried stays here while it is on its way from one shard to another.
  void Leave(turn::RelayHandle relay, const RelayTraffic& traffic);
  RelayTraffic Arrive(turn::RelayHandle relay);

 private:
  static constexpr std::size_t kPurgeFrom = 64;

  std::mutex mutex_;
  std::unordered_map<std::uint64_t, std::shared_ptr<AllocationMeter>> meters_;
  std::size_t purge_at_ = kPurgeFrom;
  std::unordered_map<turn::RelayHandle, RelayTraffic, turn::RelayHandleHash> on_their_way_;
};

}  // namespace relay
