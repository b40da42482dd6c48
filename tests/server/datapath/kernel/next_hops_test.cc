#include "server/datapath/kernel/next_hops.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>

#include <map>
#include <memory>
#include <optional>
#include <string>

#include "server/datapath/kernel/network_queries.h"
#include "server/datapath/kernel/network_watch.h"
#include "tests/support/network_namespace.h"

namespace relay::next_hops_test {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::NetworkNamespace;

base::IpAddress Ip(const char* text) { return *base::IpAddress::Parse(text); }

// A host with two interfaces, each with a router or neighbour at its far end:
//   nic1: 10.1.0.1/24, fd01::1/64  -  10.1.0.2, fd01::2 (02:00:00:00:01:02)
//   nic2: 10.2.0.1/24              -  10.2.0.2          (02:00:00:00:02:02)
// The default route is 10.1.0.2.
class NextHopsTest : public testing::Test {
 protected:
  void SetUp() override {
    host_ = NetworkNamespace::Make();
    far_ = NetworkNamespace::Make();
    if (host_ == nullptr || far_ == nullptr) GTEST_SKIP() << "network namespaces need root";
    Connect("nic1", "02:00:00:00:01:01", "02:00:00:00:01:02");
    Connect("nic2", "02:00:00:00:02:01", "02:00:00:00:02:02");
    Host("ip address add 10.1.0.1/24 dev nic1");
    Host("ip address add fd01::1/64 dev nic1 nodad");
    Host("ip address add 10.2.0.1/24 dev nic2");
    Host("ip route add default via 10.1.0.2");
    Far("ip address add 10.1.0.2/24 dev nic1");
    Far("ip address add fd01::2/64 dev nic1 nodad");
    Far("ip address add 10.2.0.2/24 dev nic2");

    const NetworkNamespace::Visit visit(*host_);
    queries_ = std::make_unique<NetworkQueries>(NetworkQueries::Open().value());
    watch_ = std::make_unique<NetworkWatch>(NetworkWatch::Open().value());
    hops_ =
        std::make_unique<NextHops>(*queries_, 4, [this](std::uint32_t index, const NextHop* hop) {
          if (hop == nullptr) {
            values_.erase(index);
          } else {
            values_[index] = *hop;
          }
        });
  }

  void Connect(const std::string& name, const std::string& near_mac, const std::string& far_mac) {
    Host("ip link add " + name + " address " + near_mac + " type veth peer name " + name +
         " address " + far_mac + " netns " + far_->name());
    Host("ip link set " + name + " up");
    Far("ip link set " + name + " up");
  }

  void Host(const std::string& command) { ASSERT_TRUE(host_->Run(command)) << command; }
  void Far(const std::string& command) { ASSERT_TRUE(far_->Run(command)) << command; }

  std::uint32_t Acquire(const char* source, const char* destination) {
    const auto index = hops_->Acquire(Ip(source), Ip(destination), now_);
    EXPECT_TRUE(index.has_value());
    return index.value_or(0);
  }

  // Applies news until the hop is as wanted; false: it does not become so.
  template <typename Predicate>
  bool Await(std::uint32_t index, Predicate&& is_wanted) {
    for (int round = 0; round < 100; ++round) {
      ApplyNews();
      if (is_wanted(ValueOf(index))) return true;
      pollfd readable{.fd = watch_->descriptor(), .events = POLLIN, .revents = 0};
      ::poll(&readable, 1, 100);
    }
    return false;
  }
  bool AwaitValue(std::uint32_t index) {
    return Await(index, [](const auto& value) { return value.has_value(); });
  }
  bool AwaitNone(std::uint32_t index) {
    return Await(index, [](const auto& value) { return !value.has_value(); });
  }

  void ApplyNews() {
    const NetworkChanges changes = watch_->Read();
    for (const Neighbour& neighbour : changes.neighbours) hops_->OnNeighbour(neighbour);
    if (changes.is_everything) hops_->LookUpAgain();
    while (hops_->LookUpSome(1, now_)) {
    }
  }

  std::optional<NextHop> ValueOf(std::uint32_t index) const {
    const auto found = values_.find(index);
    return found == values_.end() ? std::nullopt : std::optional(found->second);
  }

  std::unique_ptr<NetworkNamespace> host_;
  std::unique_ptr<NetworkNamespace> far_;
  std::unique_ptr<NetworkQueries> queries_;
  std::unique_ptr<NetworkWatch> watch_;
  std::map<std::uint32_t, NextHop> values_;
  std::unique_ptr<NextHops> hops_;
  base::MonotonicTime now_{seconds(1000)};
};

constexpr MacAddress kNearA{2, 0, 0, 0, 1, 1};
constexpr MacAddress kFarA{2, 0, 0, 0, 1, 2};
constexpr MacAddress kNearB{2, 0, 0, 0, 2, 1};
constexpr MacAddress kFarB{2, 0, 0, 0, 2, 2};

TEST_F(NextHopsTest, ANeighbourThatDoesNotAnswerGivesNoValue) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.77");
  Host("ip neigh replace 10.2.0.9 lladdr 02:00:00:00:00:09 dev nic2");  // news of somebody else
  ApplyNews();
  EXPECT_EQ(ValueOf(index), std::nullopt);
}

TEST_F(NextHopsTest, AnAddressWithoutARouteGivesNoValue) {
  Host("ip route del default");
  EXPECT_EQ(ValueOf(Acquire("10.1.0.1", "192.0.2.1")), std::nullopt);
  EXPECT_EQ(ValueOf(Acquire("fd01::1", "2001:db8::1")), std::nullopt);
}

TEST_F(NextHopsTest, WhatIsDeliveredOnTheHostGivesNoValue) {
  EXPECT_EQ(ValueOf(Acquire("10.1.0.1", "10.2.0.1")), std::nullopt);
  EXPECT_EQ(ValueOf(Acquire("fd01::1", "fd01::1")), std::nullopt);
}

TEST_F(NextHopsTest, BroadcastMulticastAndBlackholesGiveNoValue) {
  Host("ip route add blackhole 192.0.2.0/24");
  EXPECT_EQ(ValueOf(Acquire("10.1.0.1", "10.1.0.255")), std::nullopt);
  EXPECT_EQ(ValueOf(Acquire("10.1.0.1", "224.0.0.5")), std::nullopt);
  EXPECT_EQ(ValueOf(Acquire("10.1.0.1", "192.0.2.1")), std::nullopt);
}

TEST_F(NextHopsTest, ASourceThatIsNotTheHostsGivesNoValue) {
  EXPECT_EQ(ValueOf(Acquire("10.9.9.9", "10.1.0.2")), std::nullopt);
}

TEST_F(NextHopsTest, AFullTableRefuses) {
  for (const char* destination : {"10.1.0.2", "10.1.0.3", "10.1.0.4", "10.1.0.5"})
    Acquire("10.1.0.1", destination);
  EXPECT_EQ(hops_->Acquire(Ip("10.1.0.1"), Ip("10.1.0.6"), now_), std::nullopt);
  EXPECT_TRUE(hops_->Acquire(Ip("10.1.0.1"), Ip("10.1.0.5"), now_));
}

TEST_F(NextHopsTest, AnUnknownNeighbourOnTheLinkIsLookedForAndFound) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  EXPECT_EQ(ValueOf(index)->source, kNearA);
  EXPECT_EQ(ValueOf(index)->destination, kFarA);
  EXPECT_EQ(ValueOf(index)->mtu_bytes, 1500U);
}

TEST_F(NextHopsTest, AFarDestinationIsReachedByItsGateway) {
  const std::uint32_t index = Acquire("10.1.0.1", "192.0.2.1");
  ASSERT_TRUE(AwaitValue(index));
  EXPECT_EQ(ValueOf(index)->destination, kFarA);
}

TEST_F(NextHopsTest, ARuleForTheSourceIsFollowed) {
  Host("ip route add default via 10.2.0.2 table 7");
  Host("ip rule add from 10.2.0.1 table 7");
  const std::uint32_t by_a = Acquire("10.1.0.1", "192.0.2.1");
  const std::uint32_t by_b = Acquire("10.2.0.1", "192.0.2.1");
  ASSERT_NE(by_a, by_b);
  ASSERT_TRUE(AwaitValue(by_a));
  ASSERT_TRUE(AwaitValue(by_b));
  EXPECT_EQ(ValueOf(by_a)->destination, kFarA);
  EXPECT_EQ(ValueOf(by_b)->destination, kFarB);
  EXPECT_EQ(ValueOf(by_b)->source, kNearB);
}

TEST_F(NextHopsTest, ARuleThatComesLaterIsFollowed) {
  const std::uint32_t index = Acquire("10.2.0.1", "192.0.2.1");
  ASSERT_TRUE(AwaitValue(index));
  ASSERT_EQ(ValueOf(index)->destination, kFarA);
  Host("ip route add default via 10.2.0.2 table 7");
  Host("ip rule add from 10.2.0.1 table 7");
  EXPECT_TRUE(Await(index, [](const auto& hop) { return hop && hop->destination == kFarB; }));
}

TEST_F(NextHopsTest, Ipv6IsResolvedAsWell) {
  const std::uint32_t on_link = Acquire("fd01::1", "fd01::2");
  ASSERT_TRUE(AwaitValue(on_link));
  EXPECT_EQ(ValueOf(on_link)->destination, kFarA);
  Host("ip -6 route add default via fd01::2");
  const std::uint32_t routed = Acquire("fd01::1", "2001:db8::1");
  EXPECT_TRUE(AwaitValue(routed));
}

TEST_F(NextHopsTest, AnIpv4RouteOverAnIpv6GatewayIsResolved) {
  Host("ip route add 198.51.100.0/24 via inet6 fd01::2 dev nic1");
  const std::uint32_t index = Acquire("10.1.0.1", "198.51.100.1");
  ASSERT_TRUE(AwaitValue(index));
  EXPECT_EQ(ValueOf(index)->destination, kFarA);
}

TEST_F(NextHopsTest, ATaggedVlanIsAnInterfaceOfItsOwn) {
  if (!host_->Run("ip link add link nic1 name vlan5 type vlan id 5 2>/dev/null"))
    GTEST_SKIP() << "this kernel has no VLANs";
  Host("ip link set vlan5 up mtu 1400");
  Host("ip address add 10.5.0.1/24 dev vlan5");
  Far("ip link add link nic1 name vlan5 type vlan id 5");
  Far("ip link set vlan5 up");
  Far("ip address add 10.5.0.2/24 dev vlan5");
  const std::uint32_t tagged = Acquire("10.5.0.1", "10.5.0.2");
  const std::uint32_t plain = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(tagged));
  ASSERT_TRUE(AwaitValue(plain));
  EXPECT_NE(ValueOf(tagged)->interface_index, ValueOf(plain)->interface_index);
  EXPECT_EQ(ValueOf(tagged)->destination, kFarA);
  EXPECT_EQ(ValueOf(tagged)->mtu_bytes, 1400U);
}

TEST_F(NextHopsTest, AFailedNeighbourTakesTheValueAndAFoundOneBringsIt) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  Host("ip neigh change 10.1.0.2 dev nic1 nud failed");
  EXPECT_TRUE(AwaitNone(index));
  Host("ip neigh replace 10.1.0.2 lladdr 02:00:00:00:01:03 dev nic1 nud reachable");
  EXPECT_TRUE(Await(index, [](const auto& hop) { return hop && hop->destination[5] == 3; }));
  Host("ip neigh del 10.1.0.2 dev nic1");
  EXPECT_TRUE(AwaitNone(index));
}

TEST_F(NextHopsTest, AStaleNeighbourKeepsItsValueAndIsAskedAgain) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  Host("sysctl -qw net.ipv4.neigh.nic1.delay_first_probe_time=1");
  Host("ip neigh change 10.1.0.2 dev nic1 nud stale");
  ApplyNews();
  EXPECT_TRUE(ValueOf(index));
  now_ += seconds(100);
  hops_->Advance(now_);
  // It answers, and so it is reachable again.
  const auto is_reachable = [&] {
    return host_->Run("ip neigh show 10.1.0.2 dev nic1 nud reachable | grep -q 10.1.0.2");
  };
  EXPECT_TRUE(Await(index, [&](const auto& hop) { return hop && is_reachable(); }));
}

TEST_F(NextHopsTest, AStaleNeighbourThatIsGoneFails) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  Host(
      "sysctl -qw net.ipv4.neigh.nic1.delay_first_probe_time=1 "
      "net.ipv4.neigh.nic1.retrans_time_ms=100");
  Far("ip link set nic1 arp off");
  Host("ip neigh change 10.1.0.2 dev nic1 nud stale");
  ApplyNews();
  now_ += seconds(100);
  hops_->Advance(now_);
  EXPECT_TRUE(AwaitNone(index));
}

TEST_F(NextHopsTest, AStaleNeighbourIsNotAskedMoreOftenBecauseTheNetworkChanges) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  Host("ip neigh change 10.1.0.2 dev nic1 nud stale");
  ApplyNews();
  now_ += seconds(100);
  hops_->Advance(now_);
  Host("ip neigh change 10.1.0.2 dev nic1 nud stale");
  hops_->LookUpAgain();
  ApplyNews();
  now_ += seconds(1);
  hops_->Advance(now_);
  EXPECT_TRUE(host_->Run("ip neigh show 10.1.0.2 dev nic1 nud stale | grep -q 10.1.0.2"));
}

TEST_F(NextHopsTest, EachHopHasItsTurnHoweverOftenTheNetworkChanges) {
  Host("ip neigh replace 10.2.0.2 lladdr 02:00:00:00:02:02 dev nic2");
  const std::uint32_t first = Acquire("10.1.0.1", "192.0.2.1");
  const std::uint32_t second = Acquire("10.1.0.1", "192.0.2.2");
  ASSERT_TRUE(AwaitValue(first));
  ASSERT_TRUE(AwaitValue(second));
  Host("ip route replace default via 10.2.0.2");
  for (int round = 0; round < 2; ++round) {
    hops_->LookUpAgain();
    hops_->LookUpSome(1, now_);
  }
  EXPECT_EQ(ValueOf(first)->destination, kFarB);
  EXPECT_EQ(ValueOf(second)->destination, kFarB);
}

TEST_F(NextHopsTest, TheInterfacesByWhichPacketsLeaveAreKnown) {
  EXPECT_TRUE(hops_->Interfaces().empty());
  const std::uint32_t index = Acquire("10.1.0.1", "192.0.2.1");
  const std::uint32_t other = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_EQ(hops_->Interfaces().size(), 1U);
  const std::uint32_t before = hops_->Interfaces().front();
  Host("ip route replace default via 10.2.0.2");
  ApplyNews();
  EXPECT_EQ(hops_->Interfaces().size(), 2U);
  hops_->Release(other);
  hops_->Advance(now_ += seconds(100));
  ASSERT_EQ(hops_->Interfaces().size(), 1U);
  EXPECT_NE(hops_->Interfaces().front(), before);
  hops_->Release(index);
  hops_->Advance(now_ += seconds(100));
  EXPECT_TRUE(hops_->Interfaces().empty());
}

TEST_F(NextHopsTest, AnInterfaceThatGoesDownTakesTheValueAndComingBackBringsIt) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  Host("ip link set nic1 down");
  EXPECT_TRUE(AwaitNone(index));
  Host("ip link set nic1 up");
  EXPECT_TRUE(AwaitValue(index));
}

TEST_F(NextHopsTest, ALostCarrierTakesTheValue) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  Far("ip link set nic1 down");
  EXPECT_TRUE(AwaitNone(index));
}

TEST_F(NextHopsTest, ARouteThatChangesIsFollowed) {
  const std::uint32_t index = Acquire("10.1.0.1", "192.0.2.1");
  ASSERT_TRUE(AwaitValue(index));
  Host("ip route replace default via 10.2.0.2");
  EXPECT_TRUE(Await(index, [](const auto& hop) { return hop && hop->destination == kFarB; }));
  Host("ip route del default");
  EXPECT_TRUE(AwaitNone(index));
}

TEST_F(NextHopsTest, TheMtuIsThatOfInterfaceAndRoute) {
  Host("ip route add 192.0.2.0/24 via 10.1.0.2 mtu 1280");
  const std::uint32_t index = Acquire("10.1.0.1", "192.0.2.1");
  ASSERT_TRUE(AwaitValue(index));
  EXPECT_EQ(ValueOf(index)->mtu_bytes, 1280U);
  Host("ip link set nic1 mtu 1200");
  EXPECT_TRUE(Await(index, [](const auto& hop) { return hop && hop->mtu_bytes == 1200U; }));
}

TEST_F(NextHopsTest, AnotherLinkLayerAddressOfTheHostIsFollowed) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  // The system forgets its neighbours with that.
  Host("ip link set nic1 address 02:00:00:00:01:0a");
  now_ += seconds(2);
  EXPECT_TRUE(Await(index, [](const auto& hop) { return hop && hop->source[5] == 10; }));
}

TEST_F(NextHopsTest, AnInterfaceThatMayNotBeUsedGivesNoValue) {
  bool may = false;
  hops_->SetIsUsable([&](std::uint32_t) { return may; });
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  Host("ip neigh replace 10.1.0.2 lladdr 02:00:00:00:01:02 dev nic1");
  ApplyNews();
  EXPECT_EQ(ValueOf(index), std::nullopt);
  may = true;
  hops_->LookUpAgain();
  EXPECT_TRUE(AwaitValue(index));
}

TEST_F(NextHopsTest, TooMuchNewsAtOnceLosesNothing) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  // More than the socket holds.
  Host(
      "for i in $(seq 10 99); do for j in $(seq 1 99); do echo neigh replace 10.1.1.$j lladdr "
      "02:00:00:00:00:$i dev nic2 nud reachable; done; done | ip -batch -");
  Host("ip neigh replace 10.1.0.2 lladdr 02:00:00:00:01:07 dev nic1 nud permanent");
  EXPECT_TRUE(Await(index, [](const auto& hop) { return hop && hop->destination[5] == 7; }));
}

TEST_F(NextHopsTest, AHopWithoutUsersIsKeptForAWhileThenForgotten) {
  const std::uint32_t index = Acquire("10.1.0.1", "10.1.0.2");
  ASSERT_TRUE(AwaitValue(index));
  EXPECT_EQ(Acquire("10.1.0.1", "10.1.0.2"), index);
  hops_->Release(index);
  hops_->Advance(now_ += seconds(100));
  EXPECT_EQ(hops_->size(), 1U);
  hops_->Release(index);
  hops_->Advance(now_ += seconds(1));
  EXPECT_EQ(hops_->size(), 1U);
  hops_->Advance(now_ += seconds(100));
  EXPECT_EQ(hops_->size(), 0U);
  EXPECT_EQ(ValueOf(index), std::nullopt);
  EXPECT_EQ(Acquire("10.1.0.1", "10.1.0.3"), index);
}

}  // namespace relay::next_hops_test
