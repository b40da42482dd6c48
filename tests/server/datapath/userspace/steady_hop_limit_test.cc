#include "server/datapath/userspace/steady_hop_limit.h"

#include <gtest/gtest.h>

namespace relay::steady_hop_limit_test {

TEST(SteadyHopLimit, OneThatIsSeenNowAndThenIsNotWorthAnOption) {
  SteadyHopLimit limit;
  limit.Set(63);
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limit.ShouldBecome(i % 5 == 0 ? 63 : 40)) << i;
}

TEST(SteadyHopLimit, TwoThatTakeTurnsAreNotEither) {
  SteadyHopLimit limit;
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(limit.ShouldBecome(i % 2 == 0 ? 63 : 62)) << i;
}

TEST(SteadyHopLimit, OneThatStaysIsAndIsAskedForOnce) {
  SteadyHopLimit limit;
  int changes = 0;
  for (int i = 0; i < 100; ++i) {
    if (!limit.ShouldBecome(63)) continue;
    ++changes;
    limit.Set(63);
  }
  EXPECT_EQ(changes, 1);
  EXPECT_EQ(limit.value(), 63);
}

TEST(SteadyHopLimit, TheDefaultIsRestoredAtOnce) {
  SteadyHopLimit limit;
  EXPECT_FALSE(limit.ShouldBecome(0));
  limit.Set(63);
  EXPECT_TRUE(limit.ShouldBecome(0));
}

}  // namespace relay::steady_hop_limit_test
