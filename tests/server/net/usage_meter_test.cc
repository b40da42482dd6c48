#include "server/net/usage_meter.h"

#include <gtest/gtest.h>

#include <map>
#include <utility>

namespace relay::usage_meter_test {

using std::chrono::seconds;
using turn::RelayHandle;

class UsageMeterTest : public testing::Test {
 protected:
  void Wait(seconds time) {
    now_.monotonic += time;
    now_.wall += time;
  }

  base::Now now_{base::MonotonicTime(seconds(1000)), base::WallTime(seconds(5000))};
  std::map<int, RelayTraffic> traffic_;  // by relay
  UsageMeter meter_{[this](RelayHandle relay, std::uint64_t) {
    return std::exchange(traffic_[relay.value], RelayTraffic{});
  }};
};

TEST_F(UsageMeterTest, HasNothingOfNobody) {
  meter_.OnGone(RelayHandle{1}, now_);
  EXPECT_TRUE(meter_.Take(now_).empty());
}

TEST_F(UsageMeterTest, AddsUpByTenantAndCountsNothingTwice) {
  meter_.OnOpened(RelayHandle{1}, 10, "acme", now_);
  meter_.OnOpened(RelayHandle{2}, 11, "acme", now_);
  meter_.OnOpened(RelayHandle{3}, 12, "", now_);
  traffic_[1] = {{{.packets = 4, .bytes = 100}, {.packets = 1, .bytes = 1}}};
  traffic_[2] = {{{.packets = 5, .bytes = 200}, {.packets = 2, .bytes = 2}}};
  Wait(seconds(10));
  meter_.OnGone(RelayHandle{2}, now_);
  Wait(seconds(5));
  auto records = meter_.Take(now_);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0].tenant, "");
  EXPECT_EQ(records[1], (UsageRecord{.tenant = "acme",
                                     .from = base::WallTime(seconds(5000)),
                                     .until = base::WallTime(seconds(5015)),
                                     .allocations = 2,
                                     .allocation_time = seconds(25),
                                     .bytes_to_peers = 300,
                                     .bytes_to_clients = 3}));
  traffic_[1] = {{{.packets = 1, .bytes = 5}, {}}};
  meter_.OnGone(RelayHandle{3}, now_);
  Wait(seconds(60));
  records = meter_.Take(now_);
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[1], (UsageRecord{.tenant = "acme",
                                     .from = base::WallTime(seconds(5015)),
                                     .until = base::WallTime(seconds(5075)),
                                     .allocations = 0,
                                     .allocation_time = seconds(60),
                                     .bytes_to_peers = 5,
                                     .bytes_to_clients = 0}));
}

TEST_F(UsageMeterTest, WhatComesFromAnotherShardIsNotNew) {
  meter_.OnCome(RelayHandle{1}, 10, "acme", {}, now_);
  Wait(seconds(2));
  const auto records = meter_.Take(now_);
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0].allocations, 0u);
  EXPECT_EQ(records[0].allocation_time, seconds(2));
}

TEST_F(UsageMeterTest, ARelayKnowsWhatItHasCarriedInAllItsLife) {
  const RelayTraffic before{{{.packets = 10, .bytes = 1000}, {}}};
  meter_.OnCome(RelayHandle{1}, 10, "acme", before, now_);
  traffic_[1] = {{{.packets = 1, .bytes = 5}, {.packets = 2, .bytes = 7}}};
  EXPECT_EQ(meter_.Take(now_)[0].bytes_to_peers, 5u) << "what another shard has told is not again";
  traffic_[1] = {{{.packets = 1, .bytes = 1}, {}}};
  const RelayTraffic now{{{.packets = 12, .bytes = 1006}, {.packets = 2, .bytes = 7}}};
  EXPECT_EQ(meter_.ReadTraffic(RelayHandle{1}), now);
  EXPECT_EQ(meter_.OnGone(RelayHandle{1}, now_), now);
  EXPECT_EQ(meter_.Take(now_)[0].bytes_to_peers, 1u) << "reading does not hide it from billing";
  EXPECT_EQ(meter_.ReadTraffic(RelayHandle{1}), RelayTraffic{});
}

}  // namespace relay::usage_meter_test
