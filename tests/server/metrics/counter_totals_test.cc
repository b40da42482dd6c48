#include "server/metrics/counter_totals.h"

#include <gtest/gtest.h>

#include <array>
#include <chrono>
#include <vector>

namespace relay::counter_totals_test {

TEST(CounterTotals, ARowOfAnotherLengthChangesNothing) {
  ShardCounters counters;
  counters.allocations_created.Add(3);
  EXPECT_FALSE(SetCounterTotals({}, counters));
  std::vector<std::uint64_t> row =
      ReadCounterTotals(std::array<const ShardCounters*, 1>{&counters});
  row.push_back(1);
  EXPECT_FALSE(SetCounterTotals(row, counters));
  EXPECT_EQ(counters.allocations_created.Read(), 3u);
}

TEST(CounterTotals, AreTheSumOfAllShardsAndGoOnInAnotherOne) {
  ShardCounters one;
  ShardCounters other;
  one.requests[1][2].Add(3);
  other.requests[1][2].Add(4);
  one.relayed_bytes[1][0].Add(100);
  other.kernel_pass.back().Add(5);
  other.ObserveAllocationDuration(std::chrono::seconds(2));
  one.permissions.Add(7);  // a gauge, which is no part of it
  ShardCounters after;
  ASSERT_TRUE(SetCounterTotals(ReadCounterTotals(std::array<const ShardCounters*, 2>{&one, &other}),
                               after));
  EXPECT_EQ(after.requests[1][2].Read(), 7u);
  EXPECT_EQ(after.relayed_bytes[1][0].Read(), 100u);
  EXPECT_EQ(after.kernel_pass.back().Read(), 5u);
  EXPECT_EQ(after.allocation_duration.ReadSumMicroseconds(), 2'000'000u);
  EXPECT_EQ(after.permissions.Read(), 0);
}

TEST(CounterTotals, TheLayoutIsTheSameEachTime) { EXPECT_EQ(CounterLayout(), CounterLayout()); }

}  // namespace relay::counter_totals_test
