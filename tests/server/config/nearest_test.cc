#include "server/config/nearest.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

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

TEST(EditDistance, OfWhatIsLongTheBeginningCounts) {
  const std::string_view name = "relay.external_addresses";
  const std::string longer(1'000'000, 'x');
  EXPECT_EQ(EditDistance(longer, longer + "y"), 0U);
  EXPECT_EQ(EditDistance(longer, name), 64U - 1U);
}

}  // namespace relay::nearest_test
