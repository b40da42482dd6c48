#include "server/fleet/fleet_link.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

namespace relay::fleet_link_test {

using turn::QuotaCount;

TEST(FleetCounts, AreReadAsTheyWereWritten) {
  const std::vector<QuotaCount> counts{{0, 0}, {0x0123456789abcdef, 300}, {UINT64_MAX, UINT32_MAX}};
  EXPECT_EQ(ReadCounts(WriteCounts(counts)), counts);
  EXPECT_EQ(ReadCounts(""), std::vector<QuotaCount>());
}

TEST(FleetCounts, ThatAreDamagedOrTooManyAreNone) {
  for (const std::size_t length : {1u, 11u, 13u})
    EXPECT_FALSE(ReadCounts(std::string(length, 'x'))) << length;
  EXPECT_TRUE(ReadCounts(std::string(12u * 65536u, 'x')));
  EXPECT_FALSE(ReadCounts(std::string(12u * 65537u, 'x')));
}

}  // namespace relay::fleet_link_test
