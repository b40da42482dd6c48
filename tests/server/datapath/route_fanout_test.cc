#include "server/datapath/route_fanout.h"

#include <gtest/gtest.h>

#include <vector>

namespace relay {
namespace {

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
  RecordingDatapath kernel_;
  RouteFanout routes_{userspace_, kListeners};
};

TEST_F(RouteFanoutTest, WithoutAKernelDatapathThereIsOnlyUserspace) {
  InstallAndRemove(routes_, ClientAt(base::Transport::kUdp, 0), 0x4001);
  EXPECT_EQ(userspace_.installed, std::vector<std::uint16_t>{0x4001});
  EXPECT_EQ(userspace_.removed, std::vector<std::uint16_t>{0x4001});
}

TEST_F(RouteFanoutTest, AClientAtAListenerHasARouteInBoth) {
  routes_.SetKernel(&kernel_);
  InstallAndRemove(routes_, ClientAt(base::Transport::kUdp, kListeners - 1), 0x4001);
  EXPECT_EQ(userspace_.installed, kernel_.installed);
  EXPECT_EQ(userspace_.removed, kernel_.removed);
  EXPECT_EQ(kernel_.removed, std::vector<std::uint16_t>{0x4001});
}

TEST_F(RouteFanoutTest, AClientBehindAProxyStaysInUserspace) {
  routes_.SetKernel(&kernel_);
  InstallAndRemove(routes_, ClientAt(base::Transport::kUdp, kListeners), 0x4001);
  EXPECT_EQ(userspace_.installed.size(), 1U);
  EXPECT_TRUE(kernel_.installed.empty());
  EXPECT_TRUE(kernel_.removed.empty());
}

TEST_F(RouteFanoutTest, ConnectionsAndAssociationsStayInUserspace) {
  routes_.SetKernel(&kernel_);
  for (const base::Transport transport : {base::Transport::kTcp, base::Transport::kTls,
                                          base::Transport::kDtls, base::Transport::kWss})
    InstallAndRemove(routes_, ClientAt(transport, 0), 0x4001);
  EXPECT_EQ(userspace_.installed.size(), 4U);
  EXPECT_TRUE(kernel_.installed.empty());
  EXPECT_TRUE(kernel_.removed.empty());
}

}  // namespace
}  // namespace relay
