#include "server/net/allocation_meters.h"

#include <gtest/gtest.h>

#include <chrono>

namespace relay::allocation_meters_test {

constexpr RateLimits kThousandOctets{.bytes_per_second = 1000};
const base::MonotonicTime kStart{std::chrono::seconds(1000)};

TEST(AllocationMeters, AllOfOneAllocationShareOneMeter) {
  AllocationMeters meters;
  const auto one = meters.Of(1, kStart);
  const auto other = meters.Of(1, kStart);
  EXPECT_TRUE(one->Admit(Direction::kClientToPeer, kThousandOctets, 1000, kStart));
  EXPECT_FALSE(other->Admit(Direction::kClientToPeer, kThousandOctets, 1, kStart));
  EXPECT_TRUE(other->Admit(Direction::kPeerToClient, kThousandOctets, 1000, kStart));
  EXPECT_TRUE(meters.Of(2, kStart)->Admit(Direction::kClientToPeer, kThousandOctets, 1, kStart));
}

TEST(AllocationMeters, NobodyBeginsAnewByLeavingAndComingBack) {
  AllocationMeters meters;
  meters.Of(1, kStart)->Admit(Direction::kClientToPeer, kThousandOctets, 1000, kStart);
  // Enough others that what is idle is thrown away.
  for (std::uint64_t id = 2; id < 500; ++id) meters.Of(id, kStart);
  EXPECT_FALSE(meters.Of(1, kStart)->Admit(Direction::kClientToPeer, kThousandOctets, 1, kStart));
}

TEST(AllocationMeters, WhatHasLeakedAwayIsForgotten) {
  AllocationMeters meters;
  const std::weak_ptr<AllocationMeter> idle = meters.Of(1, kStart);
  const auto used = meters.Of(2, kStart);
  const base::MonotonicTime later = kStart + std::chrono::seconds(2);
  for (std::uint64_t id = 3; id < 500; ++id) meters.Of(id, later);
  EXPECT_TRUE(idle.expired());
  EXPECT_EQ(meters.Of(2, later), used);
}

TEST(AllocationMeters, WhatARelayHasCarriedArrivesOnce) {
  AllocationMeters meters;
  const RelayTraffic traffic{{{.packets = 1, .bytes = 2}, {.packets = 3, .bytes = 4}}};
  meters.Leave({7}, traffic);
  EXPECT_EQ(meters.Arrive({8}), RelayTraffic{});
  EXPECT_EQ(meters.Arrive({7}), traffic);
  EXPECT_EQ(meters.Arrive({7}), RelayTraffic{});
}

}  // namespace relay::allocation_meters_test
