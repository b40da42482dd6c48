#include "server/datapath/kernel/kernel_datapath.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "tests/support/network_namespace.h"

namespace relay::kernel_datapath_test {

using std::chrono::seconds;
using test_support::NetworkNamespace;
using testing::HasSubstr;

base::Endpoint At(const char* address, std::uint16_t port) {
  return {*base::IpAddress::Parse(address), port};
}

// A host with the interface nic1 (10.1.0.1), seen from inside.
class KernelDatapathTest : public testing::Test {
 protected:
  void SetUp() override {
    host_ = NetworkNamespace::Make();
    if (host_ == nullptr) GTEST_SKIP() << "network namespaces need root";
    for (const char* command : {"ip link add nic1 type veth peer name far1", "ip link set nic1 up",
                                "ip link set far1 up", "ip address add 10.1.0.1/24 dev nic1"})
      ASSERT_TRUE(host_->Run(command)) << command;
    visit_ = std::make_unique<NetworkNamespace::Visit>(*host_);
  }

  static KernelDatapath::Options Served(const char* address) {
    KernelDatapath::Options options;
    options.served = {*base::IpAddress::Parse(address)};
    options.listener_ports = {3478};
    options.allocations = 8;
    return options;
  }
  std::unique_ptr<KernelDatapath> Open(const KernelDatapath::Options& options) {
    auto opened = KernelDatapath::Open(options);
    EXPECT_TRUE(opened.ok()) << opened.error().message;
    if (!opened.ok()) return nullptr;
    opened.value()->Start();
    return std::move(opened).value();
  }

  static turn::Route RouteOf(std::uint16_t client_port, std::int32_t relay) {
    turn::Route route;
    route.client.five_tuple = {.client = At("10.1.0.2", client_port),
                               .server = At("10.1.0.1", 3478),
                               .transport = base::Transport::kUdp};
    route.channel = stun::kFirstChannel;
    route.relay = {relay};
    route.relayed = {At("10.1.0.1", static_cast<std::uint16_t>(50000 + relay))};
    route.peer = {At("10.1.0.3", 7)};
    route.deadline = base::ReadClocks().monotonic + seconds(600);
    return route;
  }
  static turn::RouteKey KeyOf(const turn::Route& route) {
    return {route.client, route.channel, route.relay, route.peer};
  }

  std::unique_ptr<NetworkNamespace> host_;
  std::unique_ptr<NetworkNamespace::Visit> visit_;
};

TEST_F(KernelDatapathTest, WithoutAServedInterfaceItMayRefuse) {
  KernelDatapath::Options options = Served("127.0.0.1");
  options.may_wait_for_interfaces = false;
  const auto opened = KernelDatapath::Open(options);
  ASSERT_FALSE(opened.ok());
  EXPECT_THAT(opened.error().message, HasSubstr("Ethernet"));
}

TEST_F(KernelDatapathTest, OrWaitForOne) {
  const auto datapath = Open(Served("10.9.0.1"));
  ASSERT_NE(datapath, nullptr);
  EXPECT_TRUE(datapath->interfaces().empty());
}

TEST_F(KernelDatapathTest, XdpIsAttachedInTheDriver) {
  KernelDatapath::Options options = Served("10.1.0.1");
  options.mode = KernelDatapath::Mode::kXdp;
  const auto datapath = Open(options);
  ASSERT_NE(datapath, nullptr);
  EXPECT_EQ(datapath->mode(), "xdp");
  EXPECT_TRUE(host_->Run("ip link show nic1 | grep -q 'xdp/id\\|xdp '"));
}

TEST_F(KernelDatapathTest, RoutesComeGoAndAreReplaced) {
  const auto datapath = Open(Served("10.1.0.1"));
  ASSERT_NE(datapath, nullptr);
  turn::Route route = RouteOf(1, 1);
  datapath->Install(route);
  route.deadline += seconds(600);
  datapath->Install(route);
  EXPECT_EQ(datapath->route_count(), 1U);
  route.peer = {At("10.1.0.4", 7)};
  datapath->Install(route);
  EXPECT_EQ(datapath->route_count(), 1U);
  datapath->Remove(KeyOf(route));
  datapath->Remove(KeyOf(route));
  EXPECT_EQ(datapath->route_count(), 0U);
}

TEST_F(KernelDatapathTest, ARouteOfAnotherRelayStays) {
  const auto datapath = Open(Served("10.1.0.1"));
  ASSERT_NE(datapath, nullptr);
  datapath->Install(RouteOf(1, 2));
  // The same client and channel, from an allocation before.
  datapath->Remove(KeyOf(RouteOf(1, 1)));
  EXPECT_EQ(datapath->route_count(), 1U);
}

TEST_F(KernelDatapathTest, WhatHasNoRoomIsIgnoredAndThereIsRoomAgain) {
  const auto datapath = Open(Served("10.1.0.1"));
  ASSERT_NE(datapath, nullptr);
  constexpr std::uint16_t kMany = 5000;
  for (std::uint16_t i = 1; i <= kMany; ++i) datapath->Install(RouteOf(i, i));
  const std::size_t room = datapath->route_count();
  EXPECT_GT(room, 0U);
  EXPECT_LT(room, kMany);
  for (std::uint16_t i = 1; i <= kMany; ++i) datapath->Remove(KeyOf(RouteOf(i, i)));
  EXPECT_EQ(datapath->route_count(), 0U);
}

TEST_F(KernelDatapathTest, SharesWhatItKnowsOfARouteAlsoBeyondItsEnd) {
  auto datapath = Open(Served("10.1.0.1"));
  ASSERT_NE(datapath, nullptr);
  const turn::Route route = RouteOf(1, 1);
  EXPECT_FALSE(datapath->ShareOf(KeyOf(route)).has_value());
  datapath->Install(route);
  const auto share = datapath->ShareOf(KeyOf(route));
  ASSERT_TRUE(share.has_value());
  // Userspace has its packets first.
  EXPECT_EQ(share->handovers[0], 0U);
  EXPECT_EQ(share->handovers[1], 0U);
  // A refresh keeps the place.
  share->handovers[0] = KernelShare::kTakenOver;
  datapath->Install(route);
  EXPECT_EQ(datapath->ShareOf(KeyOf(route))->handovers, share->handovers);
  EXPECT_EQ(share->handovers[0], KernelShare::kTakenOver);
  // Another channel of the allocation has the same buckets.
  turn::Route second = route;
  second.channel = {0x4001};
  second.peer = {At("10.1.0.4", 7)};
  datapath->Install(second);
  EXPECT_EQ(datapath->ShareOf(KeyOf(second))->buckets, share->buckets);
  EXPECT_NE(datapath->ShareOf(KeyOf(second))->handovers, share->handovers);
  datapath->Remove(KeyOf(route));
  EXPECT_FALSE(datapath->ShareOf(KeyOf(route)).has_value());
  datapath.reset();
  share->handovers[0] = 2;
  EXPECT_EQ(share->handovers[0], 2U);
}

TEST_F(KernelDatapathTest, CountersBeginAtZero) {
  const auto datapath = Open(Served("10.1.0.1"));
  ASSERT_NE(datapath, nullptr);
  const auto totals = datapath->ReadTotals();
  ASSERT_TRUE(totals.has_value());
  for (const fastpath_traffic& direction : totals->relayed) EXPECT_EQ(direction.packets, 0U);
}

TEST_F(KernelDatapathTest, DetachedItIgnoresRoutesAndStillHasItsCounters) {
  const auto datapath = Open(Served("10.1.0.1"));
  ASSERT_NE(datapath, nullptr);
  datapath->Install(RouteOf(1, 1));
  EXPECT_EQ(datapath->interfaces().size(), 1U);
  datapath->Detach();
  EXPECT_TRUE(datapath->interfaces().empty());
  datapath->Install(RouteOf(2, 2));
  datapath->Remove(KeyOf(RouteOf(1, 1)));
  EXPECT_EQ(datapath->route_count(), 0U);
  EXPECT_TRUE(datapath->ReadTotals().has_value());
  datapath->Detach();
}

TEST_F(KernelDatapathTest, AnInterfaceByWhichPacketsLeaveIsAttached) {
  // IPv6 would have news of its own, with which everything is looked at.
  ASSERT_TRUE(host_->Run("sysctl -qw net.ipv6.conf.all.disable_ipv6=1"));
  const auto datapath = Open(Served("10.9.0.1"));
  ASSERT_NE(datapath, nullptr);
  datapath->Install(RouteOf(1, 1));
  for (int round = 0; round < 100 && datapath->interfaces().empty(); ++round)
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  ASSERT_EQ(datapath->interfaces().size(), 1U);
  EXPECT_EQ(datapath->interfaces().front().interface_name, "nic1");
}

}  // namespace relay::kernel_datapath_test
