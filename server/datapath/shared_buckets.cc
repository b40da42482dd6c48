#include "server/datapath/shared_buckets.h"

#include <cstdlib>
#include <new>
#include <utility>

#include "protocol/base/check.h"

namespace relay {

std::shared_ptr<SharedBuckets> SharedBuckets::Make(std::uint32_t users) {
  const std::size_t count = std::size_t{1} + users;
  // Pages that nobody has written to take no memory, which a vector would write to.
  std::shared_ptr<void> memory(std::calloc(count, sizeof(leaky_shared)), std::free);
  if (memory == nullptr) throw std::bad_alloc();
  const std::span buckets(static_cast<leaky_shared*>(memory.get()), count);
  return std::make_shared<SharedBuckets>(buckets, std::move(memory));
}

SharedBuckets::SharedBuckets(std::span<leaky_shared> buckets, std::shared_ptr<const void> memory)
    : buckets_(buckets), memory_(std::move(memory)) {
  CHECK(buckets_.size() > 1);
}

SharedBuckets::Shares SharedBuckets::Find(turn::UserNumber user, Direction direction,
                                          const SharedLimits& limits) const {
  const auto share = [&](std::size_t place, const RateLimits& rates) {
    return leaky_share{.buckets = &buckets_[place].directions[LabelIndex(direction)],
                       .bytes_rate = rates.bytes_per_second,
                       .packets_rate = rates.packets_per_second};
  };
  // Were there more users than places, some would have one together.
  const std::size_t place = 1 + (user.value - 1) % (buckets_.size() - 1);
  return {share(place, limits.user), share(0, limits.total)};
}

}  // namespace relay
