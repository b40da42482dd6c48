#include "server/datapath/userspace/rate_meter.h"

#include <gtest/gtest.h>

namespace relay::rate_meter_test {

using std::chrono::milliseconds;
using std::chrono::seconds;

const base::MonotonicTime kStart{seconds(1000)};

TEST(RateMeter, RefusesWhatExceedsASecondsWorthOfBytes) {
  RateMeter meter;
  const RateLimits limits{.bytes_per_second = 1000, .packets_per_second = 0};
  EXPECT_FALSE(meter.Admit(limits, 1001, kStart));
  EXPECT_TRUE(meter.Admit(limits, 1000, kStart));
  EXPECT_FALSE(meter.Admit(limits, 1, kStart));
}

TEST(RateMeter, RefusesMorePacketsThanASecondAllows) {
  RateMeter meter;
  const RateLimits limits{.bytes_per_second = 0, .packets_per_second = 10};
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(meter.Admit(limits, 1, kStart)) << i;
  EXPECT_FALSE(meter.Admit(limits, 1, kStart));
}

TEST(RateMeter, ARefusedPacketIsNotChargedToTheOtherLimit) {
  RateMeter meter;
  const RateLimits limits{.bytes_per_second = 100, .packets_per_second = 2};
  EXPECT_FALSE(meter.Admit(limits, 101, kStart));
  EXPECT_TRUE(meter.Admit(limits, 1, kStart));
  EXPECT_TRUE(meter.Admit(limits, 1, kStart));
}

TEST(RateMeter, TURN_26_DrainsAtTheConfiguredRate) {
  RateMeter meter;
  const RateLimits limits{.bytes_per_second = 1000, .packets_per_second = 0};
  ASSERT_TRUE(meter.Admit(limits, 1000, kStart));
  EXPECT_FALSE(meter.Admit(limits, 100, kStart + milliseconds(99)));
  EXPECT_TRUE(meter.Admit(limits, 100, kStart + milliseconds(100)));
}

TEST(RateMeter, ZeroMeansUnlimited) {
  RateMeter meter;
  for (int i = 0; i < 100; ++i) EXPECT_TRUE(meter.Admit({}, 65535, kStart));
}

TEST(RateMeter, TURN_26_SharedBucketsAreChargedByAllWhoHaveThem) {
  const RateLimits limits{.bytes_per_second = 1000, .packets_per_second = 0};
  leaky_buckets shared{};
  RateMeter one, other;
  other.ShareWith(&shared);
  ASSERT_TRUE(one.Admit(limits, 600, kStart));
  // What it had charged before comes along.
  one.ShareWith(&shared);
  EXPECT_FALSE(other.Admit(limits, 401, kStart));
  EXPECT_TRUE(other.Admit(limits, 400, kStart));
  EXPECT_FALSE(one.Admit(limits, 1, kStart));
  EXPECT_FALSE(one.IsEmpty(kStart));
}

TEST(RateMeter, WhatWasSharedStaysChargedWhenItIsSharedNoMore) {
  const RateLimits limits{.bytes_per_second = 1000, .packets_per_second = 10};
  leaky_buckets shared{};
  RateMeter meter;
  meter.ShareWith(&shared);
  ASSERT_TRUE(meter.Admit(limits, 1000, kStart));
  meter.ShareWith(&shared);
  meter.ShareWith(nullptr);
  shared = {};
  EXPECT_FALSE(meter.Admit(limits, 1, kStart));
}

}  // namespace relay::rate_meter_test
