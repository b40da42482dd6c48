#include "server/net/stand_still.h"

#include <iterator>
#include <utility>

#include "protocol/base/check.h"

namespace relay {

StandStill::Verdict StandStill::Join(std::size_t shard, ShardImage image) {
  std::unique_lock lock(mutex_);
  if (verdict_) return *verdict_;
  images_[shard] = std::move(image);
  ++joined_;
  changed_.notify_all();
  changed_.wait(lock, [this] { return verdict_.has_value(); });
  return *verdict_;
}

void StandStill::Leave(std::vector<LastTraffic> traffic) {
  const std::lock_guard lock(mutex_);
  std::ranges::move(traffic, std::back_inserter(traffic_));
  ++left_;
  changed_.notify_all();
}

bool StandStill::WaitForAll(base::MonotonicTime deadline) {
  std::unique_lock lock(mutex_);
  return changed_.wait_until(lock, deadline, [this] { return joined_ == images_.size(); });
}

void StandStill::Decide(Verdict verdict) {
  const std::lock_guard lock(mutex_);
  CHECK(!verdict_.has_value());
  // A shard that has given nothing must not let go of anything.
  CHECK(verdict == Verdict::kGoOn || joined_ == images_.size());
  verdict_ = verdict;
  changed_.notify_all();
}

std::vector<LastTraffic> StandStill::WaitForTraffic(base::MonotonicTime deadline) {
  std::unique_lock lock(mutex_);
  changed_.wait_until(lock, deadline, [this] { return left_ == images_.size(); });
  return std::exchange(traffic_, {});
}

}  // namespace relay
