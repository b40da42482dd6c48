#include <gtest/gtest.h>

#include "tests/protocol/turn/books.h"
#include "tests/protocol/turn/two_shards.h"

namespace turn::engine_random_moves_test {

// Clients of two shards that move, vanish and come back in an order that a seed decides, while the
// messages between the shards arrive whenever it says. After each step the books must balance;
// RecordingEffects watches sockets and routes.
class RandomMoves : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  RandomMoves() : random_(GetParam()) {
    for (std::uint16_t i = 0; i < 16; ++i) {
      clients_.emplace_back(shards_[i % 2], base::Endpoint{kClient.address, PortOf(i)},
                            i % 4 < 2 ? base::Transport::kUdp : base::Transport::kTcp);
      if (i >= 12) clients_[i].Login("bob", "secret-b");
      clients_[i].Challenge();
    }
    shards_.carries = false;
  }
  static std::uint16_t PortOf(std::uint16_t number) {
    return static_cast<std::uint16_t>(1000 + number);
  }

  base::Endpoint AnyPeer() {
    return {base::IpAddress::FromV4({20, 9, 9, static_cast<std::uint8_t>(1 + random_.Below(3))}),
            static_cast<std::uint16_t>(5000 + random_.Below(2))};
  }
  std::uint16_t AnyChannel() { return static_cast<std::uint16_t>(0x4000 + random_.Below(3)); }

  void Step() {
    const std::size_t index = random_.Below(static_cast<std::uint32_t>(clients_.size()));
    const std::size_t shard = index % 2;
    TestClient& client = clients_[index];
    TestServer& server = shards_[shard];
    switch (random_.Below(16)) {
      case 0:
      case 1:
        client.AllocateMobile();
        break;
      case 2:
        client.Allocate();
        break;
      case 3:
      case 4:
      case 5:
        if (tickets_.empty()) break;
        if (random_.Below(2) == 0) client.Refresh(0);  // or there would be no room soon
        client.RefreshWith(tickets_[random_.Below(static_cast<std::uint32_t>(tickets_.size()))],
                           random_.Below(10) == 0 ? 0 : random_.Below(2000));
        break;
      case 6:
        client.Refresh(random_.Below(10) == 0 ? 0 : random_.Below(2000));
        break;
      case 7:
        client.Permit(AnyPeer());
        break;
      case 8:
      case 9:
        client.Bind(AnyChannel(), AnyPeer());
        break;
      case 10:
        client.SendTo(AnyPeer());
        break;
      case 11:
        shards_.SendChannel(shard, client, AnyChannel());
        break;
      case 12:
        if (client.client.five_tuple.transport == base::Transport::kUdp) break;
        shards_.Gone(shard, client);
        server.effects.gone_clients.clear();
        client.client.handle.value += 1;
        break;
      case 13:
        shards_.Wait(std::chrono::milliseconds(random_.Below(30'000)));
        shards_[random_.Below(2)].engine.Advance(shards_[0].now);
        break;
      case 14:
        if (random_.Below(20) == 0) DisconnectOne(server);
        break;
      default:
        if (random_.Below(30) == 0) SwitchPolicy(server);
    }
    for (std::uint32_t i = random_.Below(3); i != 0; --i) shards_.CarryFrom(random_.Below(2));
    CollectTickets();
  }

  void DisconnectOne(TestServer& server) {
    std::uint64_t id = 0;
    server.engine.ForEachAllocation(server.now,
                                    [&](const Engine::AllocationSummary& each) { id = each.id; });
    EXPECT_EQ(server.engine.Disconnect(id, server.now), id != 0);
  }

  void SwitchPolicy(TestServer& server) {
    server.Reload([&](Policy& policy) {
      policy.mobility = random_.Below(4) != 0;
      PeerPolicy::Rules rules = policy.peers.rules();
      rules.deny.clear();
      if (random_.Below(2) == 0) rules.deny = {*base::IpPrefix::Parse("20.9.9.2/32")};
      policy.peers = PeerPolicy(rules);
    });
  }

  void CollectTickets() {
    for (const std::size_t shard : {0u, 1u}) {
      for (const auto& sent : shards_[shard].effects.to_client) {
        const Reply reply{sent.octets};
        if (!reply.Has(AttributeType::kMobilityTicket)) continue;
        const base::Bytes value = reply.view().Find(AttributeType::kMobilityTicket)->value;
        tickets_.emplace_back(value.begin(), value.end());
        ++granted_;
      }
      shards_[shard].effects.ForgetTraffic();
    }
    // Most of them are spent soon.
    if (tickets_.size() > 5) tickets_.erase(tickets_.begin(), tickets_.end() - 5);
  }

  TwoShards shards_{[](TestServer::Options& options) {
    options.policy.mobility = true;
    options.policy.challenge_rate = 0;
    options.policy.nonce_lifetime = seconds(10'000'000);
    options.policy.channels_per_allocation = 3;
  }};
  test_support::SeededRandom random_;
  std::vector<TestClient> clients_;
  std::vector<std::vector<std::uint8_t>> tickets_;
  std::size_t granted_ = 0;
};

TEST_P(RandomMoves, MOB_14_KeepTheBooksBalancedAndGiveEverythingBack) {
  for (int i = 0; i < 20'000; ++i) {
    ASSERT_NO_FATAL_FAILURE(Step());
    ASSERT_EQ(FindImbalance({&shards_[0], &shards_[1]}), "") << "after step " << i;
    ASSERT_LT(shards_.messages(), 1000u) << "after step " << i;
  }
  EXPECT_GT(granted_, 500u);
  EXPECT_GT(shards_.handed_over, 20u);
  shards_.Carry();
  for (const std::size_t shard : {0u, 1u}) shards_[shard].engine.CloseAll(shards_[shard].now);
  shards_.Carry();
  const Ledger::Totals totals = shards_.ledger->ReadTotals();
  EXPECT_EQ(totals.allocations + totals.ports_in_use + totals.subjects, 0u);
  for (const std::size_t shard : {0u, 1u}) {
    EXPECT_EQ(shards_[shard].engine.allocation_count(), 0u);
    EXPECT_TRUE(shards_[shard].effects.sockets.empty());
    EXPECT_TRUE(shards_[shard].effects.routes.empty());
    EXPECT_TRUE(shards_[shard].effects.relays_by_client.empty());
  }
}

INSTANTIATE_TEST_SUITE_P(Engine, RandomMoves, ::testing::Values(1, 2, 3, 4));

}  // namespace turn::engine_random_moves_test
