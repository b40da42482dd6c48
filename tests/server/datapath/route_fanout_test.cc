#include "server/datapath/route_fanout.h"

#include <gtest/gtest.h>

#include <memory>
#include <vector>

namespace relay::route_fanout_test {

class RecordingDatapath final : public Datapath {
 public:
  void Install(const turn::Route& route) override { installed.push_back(route.channel.value); }
  void Remove(const turn::RouteKey& key) override { removed.push_back(key.channel.value); }

  std::vector<std::uint16_t> installed;
  std::vector<std::uint16_t> removed;
};

turn::Client ClientAt(base::Transport transport, std::uint32_t handle) {
  turn::Client client;
  client.five_tuple.transport = transport;
  client.handle.value = handle;
  return client;
}

void InstallAndRemove(RouteFanout& routes, const turn::Client& client, std::uint16_t channel) {
  turn::Route route;
  route.client = client;
  route.channel.value = channel;
  routes.Install(route);
  routes.Remove({client, {channel}, {}, {}});
}

constexpr std::uint32_t kListeners = 2;

class RouteFanoutTest : public testing::Test {
 protected:
  RecordingDatapath userspace_;
  std::shared_ptr<RecordingDatapath> kernel_ = std::make_shared<RecordingDatapath>();
  RouteFanout routes_{userspace_, kListeners};
};

TEST_F(RouteFanoutTest, WithoutAKernelDatapathThereIsOnlyUserspace) {
  InstallAndRemove(routes_, ClientAt(base::Transport::kUdp, 0), 0x4001);
  EXPECT_EQ(userspace_.installed, std::vector<std::uint16_t>{0x4001});
  EXPECT_EQ(userspace_.removed, std::vector<std::uint16_t>{0x4001});
}

TEST_F(RouteFanoutTest, AClientAtAListenerHasARouteInBoth) {
  routes_.SetKernel(kernel_);
  InstallAndRemove(routes_, ClientAt(base::Transport::kUdp, kListeners - 1), 0x4001);
  EXPECT_EQ(userspace_.installed, kernel_->installed);
  EXPECT_EQ(userspace_.removed, kernel_->removed);
  EXPECT_EQ(kernel_->removed, std::vector<std::uint16_t>{0x4001});
}

TEST_F(RouteFanoutTest, AClientBehindAProxyStaysInUserspace) {
  routes_.SetKernel(kernel_);
  InstallAndRemove(routes_, ClientAt(base::Transport::kUdp, kListeners), 0x4001);
  EXPECT_EQ(userspace_.installed.size(), 1U);
  EXPECT_TRUE(kernel_->installed.empty());
  EXPECT_TRUE(kernel_->removed.empty());
}

TEST_F(RouteFanoutTest, ConnectionsAndAssociationsStayInUserspace) {
  routes_.SetKernel(kernel_);
  for (const base::Transport transport : {base::Transport::kTcp, base::Transport::kTls,
                                          base::Transport::kDtls, base::Transport::kWss})
    InstallAndRemove(routes_, ClientAt(transport, 0), 0x4001);
  EXPECT_EQ(userspace_.installed.size(), 4U);
  EXPECT_TRUE(kernel_->installed.empty());
  EXPECT_TRUE(kernel_->removed.empty());
}

TEST_F(RouteFanoutTest, WhatUserspaceHasCanBeShownToAKernelDatapathThatComesLater) {
  turn::Route route;
  route.client = ClientAt(base::Transport::kUdp, 0);
  route.channel.value = 0x4001;
  routes_.Install(route);
  routes_.SetKernel(kernel_);
  routes_.ShowKernel(route);
  route.client = ClientAt(base::Transport::kTcp, 0);
  routes_.ShowKernel(route);
  EXPECT_EQ(kernel_->installed, std::vector<std::uint16_t>{0x4001});
  EXPECT_EQ(userspace_.installed.size(), 1U);
}

TEST_F(RouteFanoutTest, AKernelDatapathThatIsTakenAwayHearsNothingMore) {
  routes_.SetKernel(kernel_);
  routes_.SetKernel(nullptr);
  InstallAndRemove(routes_, ClientAt(base::Transport::kUdp, 0), 0x4001);
  EXPECT_TRUE(kernel_->installed.empty());
  EXPECT_TRUE(kernel_->removed.empty());
  EXPECT_EQ(kernel_.use_count(), 1);
}

}  // namespace relay::route_fanout_test
