#include "server/datapath/userspace/segment_refusals.h"

#include <gtest/gtest.h>

namespace relay::segment_refusals_test {

SocketAddress At(const char* text) { return ToSocketAddress(*base::Endpoint::Parse(text)); }

TEST(SegmentRefusals, WithoutOneEverySizeMayLeaveInSegments) {
  SegmentRefusals refusals;
  EXPECT_EQ(refusals.LargestSegment(3, At("192.0.2.1:1000")), SegmentRefusals::kAnySize);
}

TEST(SegmentRefusals, OneIsAboutItsSizeItsSocketAndItsDestination) {
  SegmentRefusals refusals;
  refusals.Note(3, At("192.0.2.1:1000"), 1400);
  refusals.Note(3, At("[2001:db8::1]:1000"), 0);
  EXPECT_EQ(refusals.LargestSegment(3, At("192.0.2.1:1000")), 1399u);
  EXPECT_EQ(refusals.LargestSegment(3, At("[2001:db8::1]:1000")), 0u);
  EXPECT_EQ(refusals.LargestSegment(4, At("192.0.2.1:1000")), SegmentRefusals::kAnySize);
  EXPECT_EQ(refusals.LargestSegment(3, At("192.0.2.1:1001")), SegmentRefusals::kAnySize);
  EXPECT_EQ(refusals.LargestSegment(3, At("192.0.2.2:1000")), SegmentRefusals::kAnySize);
  EXPECT_EQ(refusals.LargestSegment(3, At("[2001:db8::2]:1000")), SegmentRefusals::kAnySize);
}

TEST(SegmentRefusals, TheLatestCounts) {
  SegmentRefusals refusals;
  refusals.Note(3, At("192.0.2.1:1000"), 1400);
  refusals.Note(3, At("192.0.2.1:1000"), 1200);
  EXPECT_EQ(refusals.LargestSegment(3, At("192.0.2.1:1000")), 1199u);
}

TEST(SegmentRefusals, IsForgottenAfterAWhile) {
  SegmentRefusals refusals;
  refusals.Note(3, At("192.0.2.1:1000"), 1400);
  for (int i = 0; i < SegmentRefusals::kRemembered; ++i)
    EXPECT_EQ(refusals.LargestSegment(3, At("192.0.2.1:1000")), 1399u);
  EXPECT_EQ(refusals.LargestSegment(3, At("192.0.2.1:1000")), SegmentRefusals::kAnySize);
}

TEST(SegmentRefusals, MoreThanItHoldsPushOthersOutAndHurtNobody) {
  SegmentRefusals refusals;
  for (int socket = 0; socket < 5000; ++socket) {
    refusals.Note(socket, At("192.0.2.1:1000"), 1400);
    EXPECT_EQ(refusals.LargestSegment(socket, At("192.0.2.1:1000")), 1399u);
  }
}

}  // namespace relay::segment_refusals_test
