#include <gtest/gtest.h>

#include "tests/protocol/turn/books.h"
#include "tests/protocol/turn/engine_fixture.h"

namespace turn::engine_random_walk_test {

// Ten thousand operations of clients that know no manners, in an order that a seed decides. After
// each of them the books must balance; RecordingEffects watches sockets and routes.
class RandomWalk : public ::testing::TestWithParam<std::uint64_t> {
 protected:
  RandomWalk() : random_(GetParam()) {
    for (std::uint16_t i = 0; i < 12; ++i) {
      const bool is_v6 = i % 3 == 0;
      const base::Endpoint address = {is_v6 ? kClientV6.address : kClient.address,
                                      static_cast<std::uint16_t>(1000 + i)};
      clients_.emplace_back(server_, address,
                            i % 4 == 0 ? base::Transport::kTcp : base::Transport::kUdp);
    }
  }

  TestClient& AnyClient() {
    return clients_[random_.Below(static_cast<std::uint32_t>(clients_.size()))];
  }
  base::Endpoint AnyPeer() {
    const std::uint32_t kind = random_.Below(10);
    const auto port = static_cast<std::uint16_t>(5000 + random_.Below(3));
    if (kind < 5)
      return {base::IpAddress::FromV4({20, 9, 9, static_cast<std::uint8_t>(1 + kind)}), port};
    if (kind < 8) return {kPeerV6.address, port};
    if (kind == 8) return {Address("10.0.0.1"), port};
    const TestClient& other = AnyClient();
    return other.relayed.empty() ? base::Endpoint{kRelayV4, port} : other.relayed[0];
  }

  void Allocate(TestClient& client) {
    TurnMessage request = TurnMessage(Method::kAllocate).Udp();
    switch (random_.Below(7)) {
      case 0:
        request.EvenPort(0x80);
        break;
      case 1:
        request.EvenPort(0);
        break;
      case 2:
        request.LeadingOctet(AttributeType::kAdditionalAddressFamily, 2);
        break;
      case 3:
        request.LeadingOctet(AttributeType::kRequestedAddressFamily, 2);
        break;
      case 4:
        request.U32(AttributeType::kLifetime, random_.Below(5000));
        break;
      case 5:
        if (!token_.empty()) request.Bytes(AttributeType::kReservationToken, token_);
        break;
      default:
        break;
    }
    const Reply reply = client.Allocate(request);
    if (reply.Has(AttributeType::kReservationToken)) {
      const auto value = reply.view().Find(AttributeType::kReservationToken)->value;
      token_.assign(value.begin(), value.end());
    }
  }

  void Step() {
    TestClient& client = AnyClient();
    switch (random_.Below(16)) {
      case 0:
      case 1:
      case 2:
        Allocate(client);
        break;
      case 3:
        client.Refresh();
        break;
      case 4:
        client.Refresh(random_.Below(2) == 0 ? 0 : random_.Below(4000));
        break;
      case 5:
        client.Request(TurnMessage(Method::kRefresh)
                           .LeadingOctet(AttributeType::kRequestedAddressFamily,
                                         static_cast<std::uint8_t>(1 + random_.Below(2)))
                           .U32(AttributeType::kLifetime, 0));
        break;
      case 6:
      case 7:
        client.Permit(AnyPeer());
        break;
      case 8:
      case 9:
        client.Bind(static_cast<std::uint16_t>(0x4000 + random_.Below(6)), AnyPeer());
        break;
      case 10:
        client.SendTo(AnyPeer());
        break;
      case 11:
        client.PeerSends(AnyPeer());
        break;
      case 12:
        server_.Wait(std::chrono::milliseconds(random_.Below(120'000)));
        break;
      case 13:
        server_.engine.Advance(server_.now);
        break;
      case 14:
        if (random_.Below(10) == 0) server_.engine.OnClientGone(client.client, server_.now);
        break;
      default:
        SwitchPolicy();
        break;
    }
    // A nonce grows stale now and then.
    if (random_.Below(200) == 0) client.nonce.clear();
  }

  void SwitchPolicy() {
    if (random_.Below(20) != 0) return;
    server_.Reload([&](Policy& policy) {
      PeerPolicy::Rules rules = policy.peers.rules();
      rules.deny.clear();
      if (random_.Below(2) == 0) rules.deny = {*base::IpPrefix::Parse("20.9.9.2/32")};
      policy.peers = PeerPolicy(rules);
    });
  }

  TestServer server_{[](TestServer::Options& options) {
    options.ledger.min_port = 50000;
    options.ledger.max_port = 50015;
    options.ledger.allocations_per_user = 14;
    options.policy.permissions_per_allocation = 4;
    options.policy.channels_per_allocation = 3;
    options.policy.challenge_rate = 0;
    options.policy.nonce_lifetime = seconds(10'000'000);
  }};
  test_support::SeededRandom random_;
  std::vector<TestClient> clients_;
  std::vector<std::uint8_t> token_;
};

TEST_P(RandomWalk, KeepsTheBooksBalancedAndGivesEverythingBack) {
  for (int i = 0; i < 10'000; ++i) {
    ASSERT_NO_FATAL_FAILURE(Step());
    ASSERT_EQ(FindImbalance({&server_}), "") << "after step " << i;
    if (i % 100 == 0) server_.effects.ForgetTraffic();
  }
  server_.engine.CloseAll(server_.now);
  const Ledger::Totals totals = server_.ledger.ReadTotals();
  EXPECT_EQ(totals.allocations + totals.ports_in_use + totals.reservations + totals.subjects, 0u);
  EXPECT_TRUE(server_.effects.sockets.empty());
  EXPECT_TRUE(server_.effects.routes.empty());
}

INSTANTIATE_TEST_SUITE_P(Engine, RandomWalk, ::testing::Values(1, 2, 3, 4));

}  // namespace turn::engine_random_walk_test
