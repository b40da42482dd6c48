#include <gtest/gtest.h>

#include "tests/protocol/turn/engine_fixture.h"
#include "tests/protocol/turn/peer_matrix.h"

namespace turn::handle_create_permission_test {

using std::chrono::milliseconds;

TurnMessage CreatePermission() { return TurnMessage(Method::kCreatePermission); }
TurnMessage Dual() {
  return TurnMessage(Method::kAllocate)
      .Udp()
      .LeadingOctet(AttributeType::kAdditionalAddressFamily, 2);
}

TEST(HandleCreatePermission, PERM_01_WithoutAPeerItIs400) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Request(CreatePermission()).error(), 400);
}

TEST(HandleCreatePermission, PERM_02_OneMalformedPeerAmongSeveralIs400AndInstallsNothing) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  TurnMessage request = CreatePermission().Peer(kPeer);
  request.Zeros(AttributeType::kXorPeerAddress, 7);
  EXPECT_EQ(client.Request(request).error(), 400);
  EXPECT_FALSE(client.Hears(kPeer));
  EXPECT_EQ(server.effects.permissions, 0);
}

TEST(HandleCreatePermission, STUN_49_B66_APeerOfAnotherLengthOrFamilyIs400) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  const std::vector<std::vector<std::uint8_t>> malformed = {{},
                                                            {0, 1, 0, 0},
                                                            {0, 1, 0, 0, 1, 2, 3},
                                                            {0, 1, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8},
                                                            std::vector<std::uint8_t>(20, 1),
                                                            {0, 2, 0, 0, 1, 2, 3, 4},
                                                            {0, 0, 0, 0, 1, 2, 3, 4},
                                                            {0, 3, 0, 0, 1, 2, 3, 4}};
  for (const std::vector<std::uint8_t>& value : malformed) {
    TurnMessage request = CreatePermission();
    EXPECT_EQ(client.Request(request.Bytes(AttributeType::kXorPeerAddress, value)).error(), 400);
  }
}

TEST(HandleCreatePermission, STUN_48_TheFirstOctetOfAnAddressIsIgnored) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  TurnMessage request = CreatePermission().Peer(kPeer);
  request.octets()[24] = 0xff;
  EXPECT_TRUE(client.Request(request).is_success());
  EXPECT_TRUE(client.Hears(kPeer));
}

TEST(HandleCreatePermission, PERM_03_AllPeersOfARequestAreInstalled) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  TurnMessage request = CreatePermission();
  for (int i = 1; i <= 5; ++i) request.Peer(At("20.9.9." + std::to_string(i) + ":1"));
  EXPECT_TRUE(client.Request(request).is_success());
  for (int i = 1; i <= 5; ++i) EXPECT_TRUE(client.Hears(At("20.9.9." + std::to_string(i) + ":9")));
  EXPECT_EQ(server.effects.permissions, 5);
}

TEST(HandleCreatePermission, PERM_04_APermissionLastsExactly300Seconds) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  server.Wait(seconds(300) - milliseconds(1));
  EXPECT_TRUE(client.Hears(kPeer));
  EXPECT_TRUE(client.SendTo(kPeer));
  server.Wait(milliseconds(1));
  EXPECT_FALSE(client.Hears(kPeer));
  EXPECT_FALSE(client.SendTo(kPeer));
  server.engine.Advance(server.now);
  EXPECT_EQ(server.effects.permissions, 0);
}

TEST(HandleCreatePermission, PERM_05_RepeatingItStartsAnew) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  server.WaitAndAdvance(seconds(200));
  client.Permit(kPeer);
  server.WaitAndAdvance(seconds(250));
  EXPECT_TRUE(client.Hears(kPeer));
  EXPECT_EQ(server.effects.permissions, 1);
}

TEST(HandleCreatePermission, PERM_06_ThePortIsIgnored) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.Permit({kPeer.address, 0}).is_success());
  EXPECT_TRUE(client.Hears({kPeer.address, 1}));
  EXPECT_TRUE(client.Hears({kPeer.address, 65535}));
}

TEST(HandleCreatePermission, PERM_07_AnotherAddressIsDropped) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_FALSE(client.Hears(At("20.9.9.10:5000")));
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kNoPermission});
}

TEST(HandleCreatePermission, PERM_08_PermissionsOfTwoAllocationsAreUnrelated) {
  TestServer server;
  TestClient first(server);
  TestClient second(server, At("20.1.1.2:40000"));
  first.Allocate();
  second.Allocate();
  first.Permit(kPeer);
  EXPECT_TRUE(first.Hears(kPeer));
  EXPECT_FALSE(second.Hears(kPeer));
}

TEST(HandleCreatePermission, PERM_09_PERM_10_TrafficDoesNotRefreshAPermission) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  for (int i = 0; i < 30; ++i) {
    EXPECT_TRUE(client.SendTo(kPeer));
    EXPECT_TRUE(client.Hears(kPeer));
    server.WaitAndAdvance(seconds(10));
  }
  EXPECT_FALSE(client.SendTo(kPeer));
  EXPECT_FALSE(client.Hears(kPeer));
}

TEST(HandleCreatePermission, PERM_11_OneForbiddenPeerRefusesTheWholeRequest) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Request(CreatePermission().Peer(kPeer).Peer(At("10.0.0.1:1"))).error(), 403);
  EXPECT_FALSE(client.Hears(kPeer));
}

TEST(HandleCreatePermission, PERM_12_D12_AtTheLimitItIs508AndTheOthersWork) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.permissions_per_allocation = 2; });
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.Permit(At("20.9.9.1:1")).is_success());
  EXPECT_EQ(
      client.Request(CreatePermission().Peer(At("20.9.9.2:1")).Peer(At("20.9.9.3:1"))).error(),
      508);
  EXPECT_EQ(server.effects.quota_rejections, std::vector{QuotaScope::kPermissions});
  EXPECT_FALSE(client.Hears(At("20.9.9.2:1")));
  EXPECT_TRUE(client.Permit(At("20.9.9.2:1")).is_success());
  EXPECT_EQ(client.Permit(At("20.9.9.3:1")).error(), 508);
  EXPECT_TRUE(client.Permit(At("20.9.9.1:1")).is_success());
  EXPECT_TRUE(client.Hears(At("20.9.9.1:1")));
}

TEST(HandleCreatePermission, PERM_12_ExpiredPermissionsMakeRoom) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.permissions_per_allocation = 1; });
  TestClient client(server);
  client.Allocate();
  client.Permit(At("20.9.9.1:1"));
  server.Wait(seconds(300));
  EXPECT_TRUE(client.Permit(At("20.9.9.2:1")).is_success());
}

TEST(HandleCreatePermission, APeerNamedTwiceCountsOnce) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.permissions_per_allocation = 1; });
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.Request(CreatePermission().Peer(kPeer).Peer({kPeer.address, 9})).is_success());
}

TEST(HandleCreatePermission, B67_ThreeHundredPeersAreBounded) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  client.Allocate();
  TurnMessage request = CreatePermission();
  for (int i = 0; i < 300; ++i)
    request.Peer(At("20.9." + std::to_string(i / 200) + "." + std::to_string(i % 200 + 1) + ":1"));
  EXPECT_EQ(client.Request(request).error(), 508);
}

TEST(HandleCreatePermission, PERM_13_SuccessCarriesIntegrityAndNothingElseOfNote) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  const Reply reply = client.Permit(kPeer);
  EXPECT_TRUE(stun::VerifyMessageIntegrity(reply.view(), client.Key()));
  EXPECT_EQ(reply.view().method(), Method::kCreatePermission);
}

TEST(HandleCreatePermission, PERM_14_DeletingTheAllocationDeletesThem) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  client.Refresh(0);
  client.Allocate();
  EXPECT_FALSE(client.Hears(kPeer));
  EXPECT_EQ(server.effects.permissions, 0);
}

TEST(HandleCreatePermission, TURN_23_ARetransmissionSucceedsAgain) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  const TurnMessage request = client.Sign(CreatePermission().Peer(kPeer));
  EXPECT_EQ(client.Send(request).octets, client.Send(request).octets);
}

TEST(HandleCreatePermission, TURN_02_TURN_04_WithoutAllocation437AndOfAnotherUser441) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.Permit(kPeer).error(), 437);
  client.Allocate();
  client.Login("bob", "secret-b");
  EXPECT_EQ(client.Permit(kPeer).error(), 441);
}

TEST(HandleCreatePermission, V6_13_AFamilyThatTheAllocationLacksIs443AndInstallsNothing) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Permit(kPeerV6).error(), 443);
  EXPECT_EQ(client.Request(CreatePermission().Peer(kPeer).Peer(kPeerV6)).error(), 443);
  EXPECT_FALSE(client.Hears(kPeer));
}

TEST(HandleCreatePermission, V6_15_ADualAllocationTakesBothFamilies) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  EXPECT_TRUE(client.Request(CreatePermission().Peer(kPeer).Peer(kPeerV6)).is_success());
  EXPECT_TRUE(client.Hears(kPeer));
  EXPECT_TRUE(client.Hears(kPeerV6));
}

TEST(HandleCreatePermission, X11_SyntaxOutweighsFamilyOutweighsPolicyOutweighsCapacity) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.permissions_per_allocation = 1; });
  TestClient client(server);
  client.Allocate();
  TurnMessage request = CreatePermission().Peer(kPeer).Peer(At("20.9.9.8:1"));
  EXPECT_EQ(client.Request(request).error(), 508);
  EXPECT_EQ(client.Request(request.Peer(At("10.0.0.1:1"))).error(), 403);
  EXPECT_EQ(client.Request(request.Peer(kPeerV6)).error(), 443);
  EXPECT_EQ(client.Request(request.Zeros(AttributeType::kXorPeerAddress, 0)).error(), 400);
}

TEST(HandleCreatePermission, AUTH_21_AUTH_22_APeerBehindTheIntegrityIsIgnored) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  const base::Endpoint other = At("20.9.9.8:1");
  EXPECT_TRUE(client.Send(client.Sign(CreatePermission().Peer(kPeer)).Peer(other)).is_success());
  EXPECT_TRUE(
      client.Send(client.Name(CreatePermission().Peer(kPeer)).SignSha256(client.Key()).Peer(other))
          .is_success());
  EXPECT_TRUE(client.Hears(kPeer));
  EXPECT_FALSE(client.Hears(other));
}

TEST(HandleCreatePermission, A1_A10_B68_ForbiddenPeersAre403InEverySpelling) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  for (const std::string_view peer : kForbiddenPeers)
    EXPECT_EQ(client.Permit({Address(peer), 5000}).error(), 403) << peer;
  EXPECT_EQ(server.effects.permissions, 0);
}

TEST(HandleCreatePermission, OrdinaryPeersAreAllowed) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  for (const std::string_view peer : kOrdinaryPeers)
    EXPECT_TRUE(client.Permit({Address(peer), 5000}).is_success()) << peer;
}

TEST(HandleCreatePermission, A3_AnIpv4MappedPeerIs403WhateverItsAddress) {
  for (const bool is_dual : {false, true}) {
    TestServer server;
    TestClient client(server);
    client.Allocate(is_dual ? Dual() : TurnMessage(Method::kAllocate).Udp());
    for (const std::string_view peer : {"127.0.0.1", "10.0.0.1", "169.254.169.254", "8.8.8.8"}) {
      TurnMessage request = CreatePermission().PeerV6(Address(peer).octets(), 5000);
      EXPECT_EQ(client.Request(request).error(), 403) << peer;
    }
  }
}

TEST(HandleCreatePermission, A3_AnIpv4MappedPeerIs403OnAnIpv6AllocationToo) {
  TestServer server;
  TestClient client(server);
  client.Allocate(
      TurnMessage(Method::kAllocate).Udp().LeadingOctet(AttributeType::kRequestedAddressFamily, 2));
  TurnMessage request = CreatePermission().PeerV6(Address("127.0.0.1").octets(), 5000);
  EXPECT_EQ(client.Request(request).error(), 403);
}

TEST(HandleCreatePermission, TheOwnRelayAddressIsAllowedBecausePermissionsKnowNoPorts) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.Permit({kRelayV4, 0}).is_success());
}

TEST(HandleCreatePermission, A17_AReloadThatDeniesAPeerEndsItsPermission) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  client.Permit(At("20.9.9.10:1"));
  server.Reload([](Policy& policy) {
    PeerPolicy::Rules rules = policy.peers.rules();
    rules.deny = {*base::IpPrefix::Parse("20.9.9.9/32")};
    policy.peers = PeerPolicy(rules);
  });
  EXPECT_FALSE(client.Hears(kPeer));
  EXPECT_FALSE(client.SendTo(kPeer));
  EXPECT_TRUE(client.Hears(At("20.9.9.10:1")));
  EXPECT_EQ(client.Permit(kPeer).error(), 403);
  EXPECT_EQ(server.effects.permissions, 1);
}

TEST(HandleCreatePermission, TURN_48_AnAllowedPrivatePeerWorksAndADeniedPublicOneDoesNot) {
  TestServer server([](TestServer::Options& options) {
    PeerPolicy::Rules rules = options.policy.peers.rules();
    rules.allow = {*base::IpPrefix::Parse("10.20.0.0/16")};
    rules.deny = {*base::IpPrefix::Parse("20.9.9.0/24")};
    options.policy.peers = PeerPolicy(rules);
  });
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.Permit(At("10.20.1.1:1")).is_success());
  EXPECT_EQ(client.Permit(At("10.21.1.1:1")).error(), 403);
  EXPECT_EQ(client.Permit(kPeer).error(), 403);
}

}  // namespace turn::handle_create_permission_test
