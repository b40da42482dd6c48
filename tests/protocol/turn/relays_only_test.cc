// Credentials for strangers who test (Credential::relays_only).

#include <gtest/gtest.h>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn::relays_only_test {

using std::chrono::minutes;

constexpr std::string_view kTester = "tester";

// Everything is allowed to others.
void AddTesters(TestServer::Options& options) {
  PeerPolicy::Rules rules = options.policy.peers.rules();
  rules.allow = {*base::IpPrefix::Parse("0.0.0.0/0"), *base::IpPrefix::Parse("::/0")};
  options.policy.peers = PeerPolicy(rules);
  options.users.push_back({std::string(kTester), "secret-t", "~check.source", "~check",
                           TestServer::WallStart() + minutes(5), true, true});
  options.users.push_back({"neighbour", "secret-n", "~check.other", "~check",
                           TestServer::WallStart() + minutes(5), true, true});
}

class RelaysOnly : public testing::Test {
 protected:
  RelaysOnly() : server(AddTesters), tester(server), other(server, At("20.1.1.2:40000")) {
    tester.Login(kTester, "secret-t");
    other.Login("neighbour", "secret-n");
  }

  TestServer server;
  TestClient tester;
  TestClient other;
};

TEST_F(RelaysOnly, ReachNoPeerElsewhereWhateverThePolicyAllows) {
  ASSERT_TRUE(tester.Allocate().is_success());
  EXPECT_EQ(tester.Permit(kPeer).error(), 403);
  EXPECT_EQ(tester.Bind(0x4000, kPeer).error(), 403);
  EXPECT_FALSE(tester.SendTo(kPeer));
  EXPECT_FALSE(tester.Hears(kPeer));
  EXPECT_EQ(server.effects.permissions, 0);
  EXPECT_TRUE(server.effects.routes.empty());
}

TEST_F(RelaysOnly, OneForbiddenPeerAmongSeveralGrantsNone) {
  ASSERT_TRUE(tester.Allocate().is_success());
  const Reply reply =
      tester.Request(TurnMessage(Method::kCreatePermission).Peer({kRelayV4, 50000}).Peer(kPeer));
  EXPECT_EQ(reply.error(), 403);
  EXPECT_EQ(server.effects.permissions, 0);
}

TEST_F(RelaysOnly, NeverReachTheServersOwnSockets) {
  ASSERT_TRUE(tester.Allocate().is_success());
  EXPECT_EQ(tester.Bind(0x4000, kServer).error(), 403);
  ASSERT_TRUE(tester.Permit(kServer).is_success()) << "permissions know no ports";
  EXPECT_FALSE(tester.SendTo(kServer));
}

TEST_F(RelaysOnly, ReachEachOthersRelays) {
  ASSERT_TRUE(tester.Allocate().is_success());
  ASSERT_TRUE(other.Allocate().is_success());
  const base::Endpoint peer = other.relayed.front();
  EXPECT_TRUE(tester.Permit(peer).is_success());
  EXPECT_TRUE(tester.SendTo(peer));
  EXPECT_TRUE(tester.Bind(0x4000, peer).is_success());
  EXPECT_EQ(server.effects.routes.size(), 1U);
}

TEST_F(RelaysOnly, StayNarrowAfterAReloadThatAllowsMore) {
  ASSERT_TRUE(tester.Allocate().is_success());
  ASSERT_TRUE(other.Allocate().is_success());
  ASSERT_TRUE(tester.Bind(0x4000, other.relayed.front()).is_success());
  // What was a relay's address is now somebody else's, whom others may reach.
  server.Reload([](Policy& policy) {
    PeerPolicy::Rules rules = policy.peers.rules();
    rules.relay_addresses.clear();
    rules.own_addresses.clear();
    policy.peers = PeerPolicy(rules);
  });
  EXPECT_TRUE(server.effects.routes.empty());
  EXPECT_EQ(server.effects.permissions, 0);
}

TEST_F(RelaysOnly, GetLittleBandwidth) {
  TestClient user(server, At("20.1.1.3:40000"));
  ASSERT_TRUE(user.Allocate().is_success());
  ASSERT_TRUE(tester.Allocate().is_success());
  const auto is_limited = [&](const TestClient& client) {
    return server.effects.sockets.at(client.RelayOf(base::AddressFamily::kIpv4)).is_limited;
  };
  EXPECT_TRUE(is_limited(tester));
  EXPECT_FALSE(is_limited(user));
  ASSERT_TRUE(tester.Bind(0x4000, user.relayed.front()).is_success());
  ASSERT_TRUE(user.Bind(0x4000, tester.relayed.front()).is_success());
  ASSERT_EQ(server.effects.routes.size(), 2U);
  for (const auto& [key, route] : server.effects.routes)
    EXPECT_EQ(route.is_limited, route.client.five_tuple == tester.client.five_tuple);
}

TEST_F(RelaysOnly, NothingOutlivesTheCredentials) {
  EXPECT_EQ(
      tester.Allocate(TurnMessage(Method::kAllocate).Udp().U32(AttributeType::kLifetime, 3600))
          .lifetime(),
      300U);
  server.Wait(minutes(4));
  EXPECT_EQ(tester.Refresh(3600).lifetime(), 60U);
  server.Wait(seconds(59));
  EXPECT_EQ(tester.Refresh().lifetime(), 1U);
  server.Wait(seconds(1));
  EXPECT_EQ(tester.Refresh().error(), 401) << "there is no grace";
}

TEST_F(RelaysOnly, HaveNoRelaysOverTcp) {
  // Where others have them.
  server.Reload([](Policy& policy) { policy.tcp_relay = true; });
  TestClient stream(server, At("20.1.1.4:40000"), base::Transport::kTcp);
  stream.Login(kTester, "secret-t");
  const Reply reply = stream.Allocate(
      TurnMessage(Method::kAllocate).LeadingOctet(AttributeType::kRequestedTransport, 6));
  EXPECT_FALSE(reply.is_success());
}

TEST_F(RelaysOnly, HaveQuotasOfTheirOwnWhereOthersHaveNone) {
  TestServer unlimited([](TestServer::Options& options) {
    AddTesters(options);
    options.ledger.allocations_per_user = 0;
  });
  const auto allocate = [&](std::string_view name, std::string_view secret, std::uint32_t number) {
    TestClient client(unlimited, {Address("20.2.2.2"), static_cast<std::uint16_t>(1000 + number)});
    return client.Login(name, secret).Allocate().error();
  };
  std::uint32_t number = 0;
  for (; number < RelaysOnlyLimits::kPerUser; ++number)
    ASSERT_EQ(allocate(kTester, "secret-t", number), 0);
  EXPECT_EQ(allocate(kTester, "secret-t", ++number), 486);
  EXPECT_EQ(allocate("neighbour", "secret-n", ++number), 0);
  EXPECT_EQ(allocate("alice", "secret-a", ++number), 0);
}

TEST(RelaysOnlyLedger, AllTestersTogetherHaveALimit) {
  Ledger::Options unlimited;
  unlimited.allocations = 0;
  unlimited.allocations_per_user = 0;
  Ledger ledger(unlimited);
  const auto charge = [&](std::uint32_t number) {
    return ledger.Charge({"~check." + std::to_string(number), "~check", kClient.address, true});
  };
  for (std::uint32_t i = 0; i < RelaysOnlyLimits::kInAll; ++i) ASSERT_EQ(charge(i), std::nullopt);
  EXPECT_EQ(charge(RelaysOnlyLimits::kInAll), QuotaScope::kTenant);
  EXPECT_EQ(ledger.Charge({"alice", "", kClient.address}), std::nullopt);
}

}  // namespace turn::relays_only_test
