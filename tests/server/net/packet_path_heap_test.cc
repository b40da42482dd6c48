// Once an allocation and its channel stand, nothing on the way of a packet takes memory from the
// heap. This program counts every call of operator new on the shard's thread.
#include <gtest/gtest.h>

#include <atomic>
#include <cstdlib>
#include <memory>
#include <new>
#include <vector>

#include "server/net/shard_group.h"
#include "tests/support/fixed_credentials.h"
#include "tests/support/udp_turn_client.h"

namespace {

std::atomic<std::uint64_t> allocations_elsewhere{0};
// The test's own thread uses the heap as it likes.
thread_local bool is_test_thread = false;

}  // namespace

// Sanitizers bring their own operator new.
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
#if defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define SENSO_TURN_SANITIZED 1
#endif
#endif
#else
#define SENSO_TURN_SANITIZED 1
#endif

#ifndef SENSO_TURN_SANITIZED
// The compiler cannot see that the two belong together.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(std::size_t size) {
  if (!is_test_thread) allocations_elsewhere.fetch_add(1, std::memory_order_relaxed);
  void* memory = std::malloc(size == 0 ? 1 : size);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace relay {
namespace {

using test_support::FixedCredentials;
using test_support::UdpSocket;
using test_support::UdpTurnClient;

class PacketPathHeap : public testing::Test {
 protected:
  void SetUp() override {
#ifdef SENSO_TURN_SANITIZED
    GTEST_SKIP() << "sanitizers replace the heap that this test counts";
#endif
    is_test_thread = true;
    const base::IpAddress relay_address = *base::IpAddress::Parse("127.0.0.2");
    turn::Policy policy;
    policy.peers = turn::PeerPolicy({.own_sockets = {},
                                     .own_addresses = {},
                                     .backends = {},
                                     .relay_addresses = {{relay_address, relay_address}},
                                     .deny = {},
                                     .allow = {*base::IpPrefix::Parse("127.0.0.0/8")}});
    ShardGroup::Options options;
    options.listeners = {{base::Transport::kUdp, {*base::IpAddress::Parse("127.0.0.1"), 0}, true}};
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

  // Relays `rounds` packets each way, one at a time, and returns what the shard took from the heap
  // meanwhile.
  template <typename ToPeer>
  std::uint64_t CountOver(int rounds, ToPeer&& to_peer) {
    const auto relay_both_ways = [&](int count) {
      for (int i = 0; i < count; ++i) {
        to_peer();
        ASSERT_TRUE(peer_.Receive().has_value());
        peer_.SendTo(relayed_, "from the peer");
        ASSERT_TRUE(client_->socket().Receive().has_value());
      }
    };
    relay_both_ways(100);
    const std::uint64_t before = allocations_elsewhere.load();
    relay_both_ways(rounds);
    return allocations_elsewhere.load() - before;
  }

  std::unique_ptr<ShardGroup> group_;
  std::unique_ptr<UdpTurnClient> client_;
  UdpSocket peer_;
  base::Endpoint relayed_;
};

// A few octets of slack would hide a leak of one allocation a packet only if there were fewer
// packets than slack: the shard's timer handlers are the only other users of the heap.
constexpr int kRounds = 2000;
constexpr std::uint64_t kSlack = 20;

TEST_F(PacketPathHeap, ChannelDataTakesNothingFromTheHeap) {
  ASSERT_TRUE(client_->ChannelBind(0x4000, peer_.endpoint()));
  EXPECT_LE(CountOver(kRounds, [&] { client_->SendChannelData(0x4000, "to the peer"); }), kSlack);
}

TEST_F(PacketPathHeap, SendAndDataIndicationsTakeNothingFromTheHeap) {
  ASSERT_TRUE(client_->CreatePermission(peer_.endpoint()));
  EXPECT_LE(CountOver(kRounds, [&] { client_->Send(peer_.endpoint(), "to the peer"); }), kSlack);
}

TEST_F(PacketPathHeap, TheCountIsRealAnAllocationOfTheShardIsSeen) {
  const std::uint64_t before = allocations_elsewhere.load();
  ASSERT_TRUE(client_->ChannelBind(0x4005, peer_.endpoint()));
  EXPECT_GT(allocations_elsewhere.load(), before);
}

}  // namespace
}  // namespace relay
