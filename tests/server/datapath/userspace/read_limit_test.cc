#include "server/datapath/userspace/read_limit.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace relay {
namespace {

// Reads a socket that has `waiting` datagrams each time; how often that asked for too many.
int ReadInVain(ReadLimit& limit, std::size_t waiting, int reads) {
  int in_vain = 0;
  for (int i = 0; i < reads; ++i) {
    if (limit.value() > waiting) ++in_vain;
    limit.OnRead(std::min(limit.value(), waiting));
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

TEST(ReadLimit, AsksForABurstAtOnceWhenTheLastOneWasAsLong) {
  ReadLimit limit;
  ReadInVain(limit, 10, 10);
  EXPECT_GT(limit.value(), 10u);
  EXPECT_LE(limit.value(), 20u);
}

TEST(ReadLimit, AReadForNothingOrAStragglerDoesNotUndoWhatWasLearnt) {
  ReadLimit limit;
  ReadInVain(limit, 100, 5);
  for (int i = 0; i < 100; ++i) limit.OnRead(0);
  EXPECT_EQ(limit.value(), ReadLimit::kMost);
  limit.OnRead(1);
  EXPECT_GE(limit.value(), 16u);
}

}  // namespace
}  // namespace relay
