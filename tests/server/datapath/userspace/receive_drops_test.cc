#include "server/datapath/userspace/receive_drops.h"

#include <gtest/gtest.h>

namespace relay::receive_drops_test {

TEST(ReceiveDropsTest, OnlyWhatIsNewCounts) {
  ReceiveDrops drops(10);
  EXPECT_EQ(drops.Learn(10), 0U);
  EXPECT_EQ(drops.Learn(12), 2U);
  EXPECT_EQ(drops.Learn(12), 0U);
}

TEST(ReceiveDropsTest, AnOlderReportSaysNothing) {
  ReceiveDrops drops(10);
  EXPECT_EQ(drops.Learn(9), 0U);
  EXPECT_EQ(drops.total(), 10U);
  EXPECT_EQ(drops.Learn(11), 1U);
}

TEST(ReceiveDropsTest, TotalsBeginAnew) {
  ReceiveDrops drops(UINT32_MAX);
  EXPECT_EQ(drops.Learn(2), 3U);
  EXPECT_EQ(drops.Learn(UINT32_MAX), 0U);
}

}  // namespace relay::receive_drops_test
