#include "server/datapath/userspace/flood_guard.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "tests/support/network_namespace.h"
#include "tests/support/udp_socket.h"

namespace relay::flood_guard_test {

using namespace std::string_view_literals;
using test_support::UdpSocket;

constexpr std::string_view kChannelData = "\x40\x01\x00\x01x"sv;

class FloodGuardTest : public testing::Test {
 protected:
  // A period in which so much arrived, and so much of that was refused.
  void Period(std::uint32_t admitted, std::uint32_t refused, const UdpSocket* client = nullptr) {
    if (refused > 0)
      guard_.OnRefused(gauge_, listener_.descriptor(), Of(client == nullptr ? client_ : *client));
    gauge_ = {.admitted = admitted, .refused = refused};
    guard_.Step();
  }
  FloodClient Of(const UdpSocket& client) const {
    return {client.endpoint(), listener_.endpoint().address};
  }
  bool IsFiltered() const { return guard_.Filters(listener_.descriptor()); }
  // Of a thousand.
  int TakenOf(const UdpSocket& client) const {
    int taken = 0;
    for (int i = 0; i < 1000; ++i) {
      client.SendTo(listener_.endpoint(), kChannelData);
      char octet = 0;
      taken += ::recv(listener_.descriptor(), &octet, 1, MSG_DONTWAIT) == 1 ? 1 : 0;
    }
    return taken;
  }

  UdpSocket listener_, client_, other_;
  std::vector<int> changed_;
  FlowGauge gauge_;
  FloodGuard guard_{[this](int socket) { changed_.push_back(socket); }};
};

TEST_F(FloodGuardTest, LittleThatIsRefusedIsNoFlood) {
  Period(0, FloodGuard::kLeastRefused - 1);
  EXPECT_FALSE(IsFiltered());
  EXPECT_TRUE(changed_.empty());
}

TEST_F(FloodGuardTest, WhereMostPassesNothingIsFiltered) {
  Period(10'000, 5'000);
  EXPECT_FALSE(IsFiltered());
}

TEST_F(FloodGuardTest, ThreeQuartersAreMost) {
  Period(1000, 3099);
  EXPECT_FALSE(IsFiltered());
  Period(1000, 3101);
  EXPECT_TRUE(IsFiltered());
}

TEST_F(FloodGuardTest, OfAFloodTwiceWhatTheLimitsAllowIsKept) {
  Period(500, 14'500);
  EXPECT_TRUE(IsFiltered());
  EXPECT_EQ(changed_, std::vector{listener_.descriptor()});
  const int taken = TakenOf(client_);  // 70 of a thousand are meant
  EXPECT_GT(taken, 20);
  EXPECT_LT(taken, 150);
  EXPECT_EQ(TakenOf(other_), 1000);
}

TEST_F(FloodGuardTest, OneOfWhichNothingIsAllowedStaysInSight) {
  Period(0, 1'000'000'000);
  EXPECT_TRUE(IsFiltered());
  int taken = 0;
  for (int i = 0; i < 10; ++i) taken += TakenOf(client_);
  EXPECT_GT(taken, 0);
}

TEST_F(FloodGuardTest, AsLongAsItLastsItIsFiltered) {
  Period(500, 14'500);
  for (int i = 0; i < 10; ++i) Period(500, 550);  // of 15,000, 7 in a hundred
  EXPECT_TRUE(IsFiltered());
  EXPECT_EQ(changed_.size(), 1U);
}

TEST_F(FloodGuardTest, WhatGrowsIsFilteredMore) {
  Period(500, 14'500);
  Period(500, 10'000);
  EXPECT_EQ(changed_.size(), 2U);
  EXPECT_LT(TakenOf(client_), 30);  // 7 are meant
}

TEST_F(FloodGuardTest, AFloodThatIsOverIsForgotten) {
  Period(500, 14'500);
  Period(40, 10);
  EXPECT_FALSE(IsFiltered());
  EXPECT_EQ(TakenOf(client_), 1000);
  Period(0, 0);
  EXPECT_EQ(changed_.size(), 2U);
}

TEST_F(FloodGuardTest, OneThatFallsSilentIsForgotten) {
  Period(500, 14'500);
  Period(0, 0);
  EXPECT_FALSE(IsFiltered());
}

TEST_F(FloodGuardTest, WhenAllAreForgottenEverythingIsTakenAgain) {
  Period(500, 14'500);
  guard_.Clear();
  EXPECT_FALSE(IsFiltered());
  EXPECT_EQ(TakenOf(client_), 1000);
  EXPECT_EQ(changed_.size(), 2U);
  Period(500, 14'500);
  EXPECT_TRUE(IsFiltered());
}

TEST_F(FloodGuardTest, WhoIsForgottenIsTakenWholeAgain) {
  Period(500, 14'500);
  guard_.Forget(gauge_);
  EXPECT_FALSE(IsFiltered());
  EXPECT_EQ(TakenOf(client_), 1000);
  guard_.Forget(gauge_);
  guard_.Step();
  EXPECT_EQ(changed_.size(), 2U);
}

TEST_F(FloodGuardTest, AClientThatMovesBeginsAnew) {
  Period(500, 14'500);
  Period(500, 14'500, &other_);
  EXPECT_TRUE(IsFiltered());
  EXPECT_EQ(TakenOf(client_), 1000);
  EXPECT_LT(TakenOf(other_), 150);
}

TEST_F(FloodGuardTest, ARelayIsFilteredWhoeverSends) {
  guard_.OnRefused(gauge_, listener_.descriptor(), std::nullopt);
  gauge_ = {.admitted = 500, .refused = 14'500};
  guard_.Step();
  EXPECT_LT(TakenOf(client_), 150);
  EXPECT_LT(TakenOf(other_), 150);
}

TEST_F(FloodGuardTest, MoreThanItHasRoomForAreNotFiltered) {
  std::vector<FlowGauge> gauges(FloodGuard::kMostFlows + 1);
  FloodClient somebody = Of(other_);
  for (FlowGauge& gauge : gauges) {
    somebody.source.port = static_cast<std::uint16_t>(somebody.source.port + 1);
    guard_.OnRefused(gauge, listener_.descriptor(), somebody);
    gauge = {.admitted = 500, .refused = 14'500};
  }
  guard_.Step();
  EXPECT_EQ(gauges.front().refused, 0U);  // seen
  EXPECT_EQ(gauges.back().refused, 14'500U);
  for (const FlowGauge& gauge : gauges) guard_.Forget(gauge);
  EXPECT_FALSE(IsFiltered());
}

TEST_F(FloodGuardTest, WhoIsRefusedALittleKeepsNobodysPlace) {
  std::vector<FlowGauge> gauges(FloodGuard::kMostFlows);
  for (FlowGauge& gauge : gauges) guard_.OnRefused(gauge, listener_.descriptor(), Of(other_));
  guard_.Step();
  for (FlowGauge& gauge : gauges) gauge.refused = 1;
  Period(500, 14'500);
  EXPECT_TRUE(IsFiltered());
}

TEST_F(FloodGuardTest, AClientWithTwoFloodsHasTheLargerShare) {
  FlowGauge other;
  guard_.OnRefused(other, listener_.descriptor(), Of(client_));
  other = {.admitted = 5000, .refused = 20'000};  // 40 of a hundred are meant
  Period(500, 14'500);
  EXPECT_GT(TakenOf(client_), 300);
  guard_.Forget(other);
  Period(500, 5500);  // of the same flood, with 40 of a hundred kept
  EXPECT_LT(TakenOf(client_), 150);
}

// What each period tells is told by what was really kept.
TEST_F(FloodGuardTest, OfTwoFloodsTheLargerOneKeepsWhatIsItsOwn) {
  FlowGauge other;
  guard_.OnRefused(other, listener_.descriptor(), Of(client_));
  other = {.admitted = 300, .refused = 2'700};  // 22 of a hundred are meant
  Period(300, 14'700);                          // 4 of a hundred
  for (int i = 0; i < 5; ++i) {
    other = {.admitted = 300, .refused = 350};
    Period(300, 2'950);
  }
  guard_.Forget(other);
  const int taken = TakenOf(client_);
  EXPECT_GT(taken, 120);
  EXPECT_LT(taken, 350);
}

TEST(FloodGuard, WhereThereIsNoRoomForTwoFiltersTheOldOneGoesFirst) {
  const auto space = test_support::NetworkNamespace::Make();
  if (!space) GTEST_SKIP() << "network namespaces need root";
  const test_support::NetworkNamespace::Visit visit(*space);
  const UdpSocket listener("::1");
  FloodGuard guard{[](int) {}};
  std::vector<FlowGauge> gauges(FloodGuard::kMostFlows);
  const auto period = [&](std::uint32_t refused) {
    FloodClient somebody{{*base::IpAddress::Parse("2001:db8::1"), 1024},
                         *base::IpAddress::Parse("2001:db8::2")};
    for (FlowGauge& gauge : gauges) {
      ++somebody.source.port;
      guard.OnRefused(gauge, listener.descriptor(), somebody);
      gauge = {.admitted = 500, .refused = refused};
    }
    guard.Step();
  };
  // As little memory for a socket's options as one filter of so many clients needs.
  for (int kib = 2; kib <= 64 && !guard.Filters(listener.descriptor()); ++kib) {
    const std::string bytes = std::to_string(kib * 1024);
    if (!space->Run("echo " + bytes + " >/proc/sys/net/core/optmem_max"))
      GTEST_SKIP() << "net.core.optmem_max belongs to the whole host before Linux 6.8";
    period(5'000);
  }
  ASSERT_TRUE(guard.Filters(listener.descriptor()));
  period(100'000);
  EXPECT_TRUE(guard.Filters(listener.descriptor()));
}

TEST_F(FloodGuardTest, WhereTheSystemHasNoRoomNothingIsFiltered) {
  guard_.OnRefused(gauge_, -1, std::nullopt);
  gauge_ = {.admitted = 500, .refused = 14'500};
  guard_.Step();
  EXPECT_FALSE(guard_.Filters(-1));
}

}  // namespace relay::flood_guard_test
