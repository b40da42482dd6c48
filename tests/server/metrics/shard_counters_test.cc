#include "server/metrics/shard_counters.h"

#include <gtest/gtest.h>

#include <memory>
#include <thread>

namespace relay::shard_counters_test {

TEST(ShardCounters, StartAtZero) {
  const ShardCounters counters{};
  EXPECT_EQ(counters.allocations_created.Read(), 0U);
  EXPECT_EQ(counters.channels.Read(), 0);
  EXPECT_EQ(counters.allocation_duration.ReadSumMicroseconds(), 0U);
}

TEST(ShardCounters, AGaugeGoesDownAsWellAsUp) {
  Gauge gauge;
  gauge.Add(3);
  gauge.Add(-5);
  EXPECT_EQ(gauge.Read(), -2);
}

TEST(ShardCounters, AReaderOnAnotherThreadNeverSeesACounterGoBack) {
  Counter counter;
  std::thread writer([&counter] {
    for (int i = 0; i < 100'000; ++i) counter.Add();
  });
  std::uint64_t last = 0;
  while (last < 100'000) {
    const std::uint64_t now = counter.Read();
    ASSERT_GE(now, last);
    last = now;
  }
  writer.join();
}

TEST(ShardCounters, ADurationOnABoundBelongsToTheBucketBelow) {
  // Not on the stack, where AddressSanitizer of g++ 12 does not align it.
  const auto on_heap = std::make_unique<ShardCounters>();
  ShardCounters& counters = *on_heap;
  counters.ObserveAllocationDuration(std::chrono::seconds(1));
  counters.ObserveAllocationDuration(std::chrono::milliseconds(1001));
  counters.ObserveAllocationDuration(std::chrono::hours(24));
  EXPECT_EQ(counters.allocation_duration.ReadBucket(0), 1U);
  EXPECT_EQ(counters.allocation_duration.ReadBucket(1), 1U);
  EXPECT_EQ(counters.allocation_duration.ReadBucket(kAllocationDurationBounds.size()), 1U);
  EXPECT_EQ(counters.allocation_duration.ReadSumMicroseconds(), 86'402'001'000U);
}

TEST(ShardCounters, StandOnCacheLinesOfTheirOwn) {
  EXPECT_EQ(alignof(ShardCounters), 64U);
  EXPECT_EQ(sizeof(ShardCounters) % 64, 0U);
}

}  // namespace relay::shard_counters_test
