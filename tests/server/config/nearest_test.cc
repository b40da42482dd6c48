#include "server/config/nearest.h"

#include <gtest/gtest.h>

namespace relay::nearest_test {

TEST(EditDistance, CountsWhatMustChange) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("realm", "realm"), 0U);
  EXPECT_EQ(EditDistance("", "realm"), 5U);
  EXPECT_EQ(EditDistance("relm", "realm"), 1U);
  EXPECT_EQ(EditDistance("realms", "realm"), 1U);
  EXPECT_EQ(EditDistance("reaim", "realm"), 1U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
}

TEST(EditDistance, CountsASwapOfNeighboursOnce) {
  EXPECT_EQ(EditDistance("prots", "ports"), 1U);
  EXPECT_EQ(EditDistance("ab", "ba"), 1U);
}

}  // namespace relay::nearest_test
