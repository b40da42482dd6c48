#include "server/datapath/userspace/read_limit.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace relay::read_limit_test {

constexpr std::uint8_t kStep = 2;  // from one round to the next one that does not follow at once

// Reads a socket that has `waiting` datagrams each time it is ready, in rounds that do not follow
// each other at once; how often that asked for too many.
int ReadInVain(ReadLimit& limit, std::size_t waiting, int reads) {
  int in_vain = 0;
  std::uint8_t round = 100;
  for (int i = 0; i < reads; ++i, round += kStep) {
    limit.OnReady(round);
    if (limit.value() > waiting) ++in_vain;
    limit.OnRead(std::min(limit.value(), waiting), round);
  }
  return in_vain;
}

TEST(ReadLimit, WithOneDatagramAtATimeItHardlyEverAsksForMore) {
  ReadLimit limit;
  EXPECT_LE(ReadInVain(limit, 1, 1000), 25);
  EXPECT_GE(ReadInVain(limit, 1, 1000), 10);
}

TEST(ReadLimit, FindsOutSoonThatThereIsMore) {
  ReadLimit limit;
  ReadInVain(limit, 100, 5);
  EXPECT_EQ(limit.value(), ReadLimit::kMost);
}

TEST(ReadLimit, FindsOutAfterALongQuietTimeAsWell) {
  ReadLimit limit;
  ReadInVain(limit, 1, 1000);
  ReadInVain(limit, 100, 70);
  EXPECT_EQ(limit.value(), ReadLimit::kMost);
}

TEST(ReadLimit, AsksForMoreWhenTheSocketIsAtOnceReadyAgain) {
  ReadLimit limit;
  ReadInVain(limit, 1, 1000);
  ASSERT_EQ(limit.value(), 1u);
  limit.OnReady(7);
  limit.OnRead(1, 7);
  limit.OnReady(8);
  EXPECT_EQ(limit.value(), ReadLimit::kMost);
}

TEST(ReadLimit, ReadyAgainAfterALookInVainSaysNothing) {
  ReadLimit limit;
  ReadInVain(limit, 1, 1000);
  ASSERT_EQ(limit.value(), 1u);
  limit.OnReady(7);
  limit.OnRead(1, 7);
  limit.OnReady(9);
  EXPECT_EQ(limit.value(), 1u);
}

TEST(ReadLimit, RoundsFollowEachOtherWhereTheirNumbersBeginAnew) {
  ReadLimit limit;
  ReadInVain(limit, 1, 1000);
  ASSERT_EQ(limit.value(), 1u);
  limit.OnReady(255);
  limit.OnRead(1, 255);
  limit.OnReady(0);
  EXPECT_EQ(limit.value(), ReadLimit::kMost);
}

TEST(ReadLimit, AsksForABurstAtOnceWhenTheLastOneWasAsLong) {
  ReadLimit limit;
  ReadInVain(limit, 10, 10);
  EXPECT_GT(limit.value(), 10u);
}

TEST(ReadLimit, AReadForNothingOrAStragglerDoesNotUndoWhatWasLearnt) {
  ReadLimit limit;
  ReadInVain(limit, 100, 5);
  for (int i = 0; i < 100; ++i) limit.OnRead(0, 7);
  EXPECT_EQ(limit.value(), ReadLimit::kMost);
  limit.OnRead(1, 7);
  EXPECT_GE(limit.value(), 16u);
}

TEST(ReadLimit, FallsBackToOneWhenStragglersAreAllThatThereIs) {
  ReadLimit limit;
  ReadInVain(limit, 100, 5);
  EXPECT_LE(ReadInVain(limit, 1, 30), 10);
  EXPECT_EQ(limit.value(), 1u);
}

}  // namespace relay::read_limit_test
