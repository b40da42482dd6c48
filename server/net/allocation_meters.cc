#include "server/net/allocation_meters.h"

#include <algorithm>
#include <utility>

namespace relay {

bool AllocationMeter::Admit(Direction direction, const RateLimits& limits, std::size_t bytes,
                            base::MonotonicTime now) {
  const std::lock_guard lock(mutex_);
  if (!meters_[LabelIndex(direction)].Admit(limits, bytes, now)) return false;
  carried_[LabelIndex(direction)] += bytes;
  return true;
}

RelayBytes AllocationMeter::TakeBytes() {
  const std::lock_guard lock(mutex_);
  return std::exchange(carried_, {});
}

bool AllocationMeter::IsEmpty(base::MonotonicTime now) const {
  const std::lock_guard lock(mutex_);
  return std::ranges::all_of(meters_, [&](const RateMeter& each) { return each.IsEmpty(now); });
}

RelayBytes AllocationMeters::TakeBytes(std::uint64_t allocation_id) {
  const std::lock_guard lock(mutex_);
  const auto found = meters_.find(allocation_id);
  return found == meters_.end() ? RelayBytes{} : found->second->TakeBytes();
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
