// Once an allocation and its channel stand, nothing on the way of a packet takes memory from the
// heap. This program counts every call of operator new on the shard's thread.
#include <gtest/gtest.h>

#include <memory>
#include <string>

#include "server/net/shard_group.h"
#include "tests/support/fixed_credentials.h"
#include "tests/support/heap_count.h"
#include "tests/support/udp_turn_client.h"

namespace relay::packet_path_heap_test {

using test_support::FixedCredentials;
using test_support::UdpSocket;
using test_support::UdpTurnClient;

class PacketPathHeap : public testing::Test {
 protected:
  void SetUp() override {
    if (!test_support::kHeapIsCounted) GTEST_SKIP() << "sanitizers have a heap of their own";
    const base::IpAddress relay_address = *base::IpAddress::Parse("127.0.0.2");
    turn::Policy policy;
    policy.peers = turn::PeerPolicy({.own_sockets = {},
                                     .own_addresses = {},
                                     .backends = {},
                                     .relay_addresses = {{relay_address, relay_address}},
                                     .deny = {},
                                     .allow = {*base::IpPrefix::Parse("127.0.0.0/8")}});
    ShardGroup::Options options;
    options.listeners = {{.kind = ShardGroup::ListenerKind::kUdp,
                          .endpoint = {*base::IpAddress::Parse("127.0.0.1"), 0},
                          .is_required = true,
                          .trusted_proxies = {}}};
    options.ledger.relay_addresses = {{relay_address, relay_address}};
    options.policy = std::make_shared<const turn::Policy>(std::move(policy));
    options.credentials =
        std::make_shared<const FixedCredentials>("user", "password", "senso-turn");
    auto group = ShardGroup::Open(options);
    ASSERT_TRUE(group.ok()) << group.error().message;
    group_ = std::move(group).value();
    group_->Start();
    client_ = std::make_unique<UdpTurnClient>(group_->listeners()[0].bound, "user", "password");
    const auto relayed = client_->Allocate();
    ASSERT_TRUE(relayed.has_value());
    relayed_ = *relayed;
  }

  // What every thread but the test's own took from the heap so far.
  static std::int64_t AllocationsElsewhere() {
    return test_support::HeapUseOfAllThreads().allocations -
           test_support::HeapUseOfThisThread().allocations;
  }

  // Relays `rounds` times `burst` packets each way and returns what the shard took from the heap
  // meanwhile.
  template <typename ToPeer>
  std::int64_t CountOver(int rounds, int burst, ToPeer&& to_peer) {
    const auto relay_both_ways = [&](int count) {
      for (int i = 0; i < count; ++i) {
        for (int packet = 0; packet < burst; ++packet) to_peer();
        for (int packet = 0; packet < burst; ++packet) ASSERT_TRUE(peer_.Receive().has_value());
        for (int packet = 0; packet < burst; ++packet) peer_.SendTo(relayed_, "from the peer");
        for (int packet = 0; packet < burst; ++packet)
          ASSERT_TRUE(client_->socket().Receive().has_value());
      }
    };
    relay_both_ways(100);
    const std::int64_t before = AllocationsElsewhere();
    relay_both_ways(rounds);
    return AllocationsElsewhere() - before;
  }

  std::unique_ptr<ShardGroup> group_;
  std::unique_ptr<UdpTurnClient> client_;
  UdpSocket peer_;
  base::Endpoint relayed_;
};

// A few octets of slack would hide a leak of one allocation a packet only if there were fewer
// packets than slack: the shard's timer handlers are the only other users of the heap.
constexpr int kRounds = 2000;
constexpr std::int64_t kSlack = 20;
// More than a message holds.
constexpr int kBurst = 100;

TEST_F(PacketPathHeap, ChannelDataTakesNothingFromTheHeap) {
  ASSERT_TRUE(client_->ChannelBind(0x4000, peer_.endpoint()));
  EXPECT_LE(CountOver(kRounds, 1, [&] { client_->SendChannelData(0x4000, "to the peer"); }),
            kSlack);
}

TEST_F(PacketPathHeap, BurstsThatLeaveInSegmentsTakeNothingFromTheHeap) {
  ASSERT_TRUE(client_->ChannelBind(0x4000, peer_.endpoint()));
  EXPECT_LE(
      CountOver(kRounds / kBurst, kBurst, [&] { client_->SendChannelData(0x4000, "to the peer"); }),
      kSlack);
}

TEST_F(PacketPathHeap, SendAndDataIndicationsTakeNothingFromTheHeap) {
  ASSERT_TRUE(client_->CreatePermission(peer_.endpoint()));
  EXPECT_LE(CountOver(kRounds, 1, [&] { client_->Send(peer_.endpoint(), "to the peer"); }), kSlack);
}

TEST_F(PacketPathHeap, TheCountIsRealAnAllocationOfTheShardIsSeen) {
  const std::int64_t before = AllocationsElsewhere();
  ASSERT_TRUE(client_->ChannelBind(0x4005, peer_.endpoint()));
  EXPECT_GT(AllocationsElsewhere(), before);
}

}  // namespace relay::packet_path_heap_test
