#include "server/net/allocation_meters.h"

#include <algorithm>
#include <utility>

namespace relay {

bool AllocationMeter::Admit(Direction direction, const RateLimits& limits, std::size_t bytes,
                            base::MonotonicTime now, const SharedBuckets::Shares& shares) {
  const std::lock_guard lock(mutex_);
  if (!meters_[LabelIndex(direction)].Admit(limits, bytes, now, shares)) return false;
  carried_[LabelIndex(direction)].Count(bytes);
  return true;
}

RelayTraffic AllocationMeter::TakeTraffic() {
  const std::lock_guard lock(mutex_);
  return std::exchange(carried_, {});
}

bool AllocationMeter::IsEmpty(base::MonotonicTime now) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(meters_, [&](const RateMeter& each) { return each.IsEmpty(now); });
}

RelayTraffic AllocationMeters::TakeTraffic(std::uint64_t allocation_id) {
  const std::lock_guard lock(mutex_);
  const auto found = meters_.find(allocation_id);
  return found == meters_.end() ? RelayTraffic{} : found->second->TakeTraffic();
}

void AllocationMeters::Leave(turn::RelayHandle relay, const RelayTraffic& traffic) {
  const std::lock_guard lock(mutex_);
  on_their_way_.insert_or_assign(relay, traffic);
}

RelayTraffic AllocationMeters::Arrive(turn::RelayHandle relay) {
  const std::lock_guard lock(mutex_);
  const auto found = on_their_way_.extract(relay);
  return found.empty() ? RelayTraffic{} : found.mapped();
}

std::shared_ptr<AllocationMeter> AllocationMeters::Of(std::uint64_t allocation_id,
                                                      base::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  if (meters_.size() >= purge_at_) {
    std::erase_if(meters_, [&](const auto& each) {
      return each.second.use_count() == 1 && each.second->IsEmpty(now);
    });
    purge_at_ = std::max(kPurgeFrom, 2 * meters_.size());
  }
  std::shared_ptr<AllocationMeter>& meter = meters_[allocation_id];
  if (meter == nullptr) meter = std::make_shared<AllocationMeter>();
  return meter;
}

}  // namespace relay
