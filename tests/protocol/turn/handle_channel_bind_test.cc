#include <gtest/gtest.h>

#include "tests/protocol/turn/engine_fixture.h"
#include "tests/protocol/turn/peer_matrix.h"

namespace turn::handle_channel_bind_test {

using std::chrono::milliseconds;

TurnMessage ChannelBind() { return TurnMessage(Method::kChannelBind); }
TurnMessage Dual() {
  return TurnMessage(Method::kAllocate)
      .Udp()
      .LeadingOctet(AttributeType::kAdditionalAddressFamily, 2);
}
bool IsChannelData(const std::vector<std::uint8_t>& octets, std::uint16_t channel) {
  return octets.size() >= 4 && octets[0] == channel >> 8 && octets[1] == (channel & 0xff);
}
bool IsDataIndication(const std::vector<std::uint8_t>& octets) {
  return octets.size() >= 20 && octets[0] == 0 && octets[1] == 0x17;
}

TEST(HandleChannelBind, CHAN_01_WithoutNumberOrPeerItIs400) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Request(ChannelBind().Peer(kPeer)).error(), 400);
  EXPECT_EQ(client.Request(ChannelBind().Channel(0x4000)).error(), 400);
  EXPECT_EQ(client.Request(ChannelBind()).error(), 400);
}

TEST(HandleChannelBind, CHAN_02_B70_ANumberOutOfRangeIs400) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  for (const int number : {0x0000, 0x3fff, 0x5000, 0x7fff, 0xffff})
    EXPECT_EQ(client.Bind(static_cast<std::uint16_t>(number), kPeer).error(), 400) << number;
  EXPECT_TRUE(client.Bind(0x4000, kPeer).is_success());
  EXPECT_TRUE(client.Bind(0x4fff, At("20.9.9.8:1")).is_success());
}

TEST(HandleChannelBind, X6_TheOldRangeCanBeSwitchedOn) {
  TestServer server([](TestServer::Options& options) {
    options.policy.channel_numbers = Policy::ChannelNumbers::kRfc5766;
  });
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.Bind(0x7ffe, kPeer).is_success());
  EXPECT_EQ(client.Bind(0x7fff, At("20.9.9.8:1")).error(), 400);
}

TEST(HandleChannelBind, CHAN_03_B71_ANumberBoundToAnotherPeerIs400AndStaysBound) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  EXPECT_EQ(client.Bind(0x4000, At("20.9.9.8:1")).error(), 400);
  EXPECT_TRUE(IsChannelData(client.PeerSends(kPeer), 0x4000));
}

TEST(HandleChannelBind, CHAN_04_B71_APeerBoundToAnotherNumberIs400) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  EXPECT_EQ(client.Bind(0x4001, kPeer).error(), 400);
  EXPECT_TRUE(IsChannelData(client.PeerSends(kPeer), 0x4000));
  EXPECT_EQ(server.effects.channels, 1);
}

TEST(HandleChannelBind, CHAN_05_TheSameBindingAgainRefreshesIt) {
  TestServer server;
  TestClient client(server);
  client.Allocate(TurnMessage(Method::kAllocate).Udp().U32(AttributeType::kLifetime, 3600));
  client.Bind(0x4000, kPeer);
  server.WaitAndAdvance(seconds(250));
  EXPECT_TRUE(client.Bind(0x4000, kPeer).is_success());
  server.WaitAndAdvance(seconds(250));
  client.Permit(kPeer);
  server.WaitAndAdvance(seconds(290));
  EXPECT_TRUE(IsChannelData(client.PeerSends(kPeer), 0x4000));
  EXPECT_EQ(server.effects.channels, 1);
}

TEST(HandleChannelBind, CHAN_06_TwoPortsOfOneAddressAreTwoPeers) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.Bind(0x4000, {kPeer.address, 1000}).is_success());
  EXPECT_TRUE(client.Bind(0x4001, {kPeer.address, 2000}).is_success());
  EXPECT_TRUE(IsChannelData(client.PeerSends({kPeer.address, 1000}), 0x4000));
  EXPECT_TRUE(IsChannelData(client.PeerSends({kPeer.address, 2000}), 0x4001));
}

TEST(HandleChannelBind, CHAN_07_ABindingLasts600SecondsAndThenPeerDataIsIndicated) {
  TestServer server;
  TestClient client(server);
  client.Allocate(TurnMessage(Method::kAllocate).Udp().U32(AttributeType::kLifetime, 3600));
  client.Bind(0x4000, kPeer);
  server.WaitAndAdvance(seconds(290));
  client.Permit(kPeer);
  server.WaitAndAdvance(seconds(270));
  client.Permit(kPeer);
  server.Wait(seconds(40) - milliseconds(1));
  EXPECT_TRUE(IsChannelData(client.PeerSends(kPeer), 0x4000));
  server.Wait(milliseconds(1));
  EXPECT_TRUE(IsDataIndication(client.PeerSends(kPeer)));
  server.engine.Advance(server.now);
  EXPECT_TRUE(server.effects.routes.empty());
  EXPECT_TRUE(IsDataIndication(client.PeerSends(kPeer)));
}

TEST(HandleChannelBind, CHAN_08_ItInstallsThePermission) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.Bind(0x4000, kPeer).is_success());
  EXPECT_TRUE(client.Hears(kPeer));
  EXPECT_TRUE(IsDataIndication(client.PeerSends({kPeer.address, 9})));
  EXPECT_TRUE(client.SendTo({kPeer.address, 9}));
  EXPECT_EQ(server.effects.permissions, 1);
}

TEST(HandleChannelBind, CHAN_10_X3_PastThePermissionNothingPassesThoughTheChannelLives) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  server.Wait(seconds(300));
  EXPECT_FALSE(client.Hears(kPeer));
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kNoPermission});
  server.engine.Advance(server.now);
  EXPECT_TRUE(server.effects.routes.empty());
  EXPECT_EQ(server.effects.channels, 1);
}

TEST(HandleChannelBind, CHAN_10_ARenewedPermissionRevivesTheChannelAndItsRoute) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  server.WaitAndAdvance(seconds(310));
  client.Permit(kPeer);
  EXPECT_EQ(server.effects.routes.size(), 1u);
  EXPECT_TRUE(IsChannelData(client.PeerSends(kPeer), 0x4000));
}

TEST(HandleChannelBind, CHAN_11_AfterExpiryNumberAndPeerMayBeBoundAnew) {
  TestServer server;
  TestClient client(server);
  client.Allocate(TurnMessage(Method::kAllocate).Udp().U32(AttributeType::kLifetime, 3600));
  client.Bind(0x4000, kPeer);
  client.Bind(0x4001, At("20.9.9.8:1"));
  server.Wait(seconds(600));
  EXPECT_TRUE(client.Bind(0x4000, At("20.9.9.8:1")).is_success());
  EXPECT_TRUE(client.Bind(0x4001, kPeer).is_success());
  EXPECT_EQ(server.effects.channels, 2);
}

TEST(HandleChannelBind, CHAN_12_ChannelsArePerAllocation) {
  TestServer server;
  TestClient first(server);
  TestClient second(server, At("20.1.1.2:40000"));
  first.Allocate();
  second.Allocate();
  const base::Endpoint other = At("20.9.9.8:1");
  EXPECT_TRUE(first.Bind(0x4000, kPeer).is_success());
  EXPECT_TRUE(second.Bind(0x4000, other).is_success());
  EXPECT_TRUE(IsChannelData(first.PeerSends(kPeer), 0x4000));
  EXPECT_TRUE(IsChannelData(second.PeerSends(other), 0x4000));
}

TEST(HandleChannelBind, CHAN_13_AForbiddenPeerIs403) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Bind(0x4000, At("10.0.0.1:5000")).error(), 403);
  EXPECT_EQ(server.effects.channels, 0);
  EXPECT_EQ(server.effects.permissions, 0);
}

TEST(HandleChannelBind, CHAN_14_AtTheChannelLimitItIs508) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.channels_per_allocation = 1; });
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.Bind(0x4000, kPeer).is_success());
  EXPECT_EQ(client.Bind(0x4001, At("20.9.9.8:1")).error(), 508);
  EXPECT_EQ(server.effects.quota_rejections, std::vector{QuotaScope::kChannels});
  EXPECT_EQ(server.effects.permissions, 1);
  EXPECT_TRUE(client.Bind(0x4000, kPeer).is_success());
}

TEST(HandleChannelBind, CHAN_14_AtThePermissionLimitItIs508AndBindsNothing) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.permissions_per_allocation = 1; });
  TestClient client(server);
  client.Allocate();
  client.Permit(At("20.9.9.8:1"));
  EXPECT_EQ(client.Bind(0x4000, kPeer).error(), 508);
  EXPECT_EQ(server.effects.channels, 0);
  EXPECT_TRUE(client.Bind(0x4000, At("20.9.9.8:1")).is_success());
}

TEST(HandleChannelBind, CHAN_15_ReservedOctetsAreIgnoredAndTheLengthIsNot) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(
      client.Request(ChannelBind().U32(AttributeType::kChannelNumber, 0x4000ffff).Peer(kPeer))
          .is_success());
  for (const std::size_t length : {0u, 2u, 8u}) {
    EXPECT_EQ(client.Request(ChannelBind().Zeros(AttributeType::kChannelNumber, length).Peer(kPeer))
                  .error(),
              400);
  }
}

TEST(HandleChannelBind, B69_PortZeroIs400) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Bind(0x4000, {kPeer.address, 0}).error(), 400);
}

TEST(HandleChannelBind, TURN_24_ARetransmissionSucceedsAgain) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  const TurnMessage request = client.Sign(ChannelBind().Channel(0x4000).Peer(kPeer));
  EXPECT_EQ(client.Send(request).octets, client.Send(request).octets);
  EXPECT_EQ(server.effects.channels, 1);
}

TEST(HandleChannelBind, TURN_02_TURN_04_WithoutAllocation437AndOfAnotherUser441) {
  TestServer server;
  TestClient client(server);
  EXPECT_EQ(client.Bind(0x4000, kPeer).error(), 437);
  client.Allocate();
  client.Login("bob", "secret-b");
  EXPECT_EQ(client.Bind(0x4000, kPeer).error(), 441);
}

TEST(HandleChannelBind, V6_14_AFamilyThatTheAllocationLacksIs443) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Bind(0x4000, kPeerV6).error(), 443);
}

TEST(HandleChannelBind, V6_15_ADualAllocationBindsBothFamilies) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  EXPECT_TRUE(client.Bind(0x4000, kPeer).is_success());
  EXPECT_TRUE(client.Bind(0x4001, kPeerV6).is_success());
  EXPECT_TRUE(IsChannelData(client.PeerSends(kPeer), 0x4000));
  EXPECT_TRUE(IsChannelData(client.PeerSends(kPeerV6), 0x4001));
}

TEST(HandleChannelBind, X11_SyntaxOutweighsFamilyOutweighsPolicyOutweighsCapacity) {
  TestServer server(
      [](TestServer::Options& options) { options.policy.channels_per_allocation = 1; });
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  EXPECT_EQ(client.Bind(0x4001, At("20.9.9.8:1")).error(), 508);
  EXPECT_EQ(client.Bind(0x4001, At("10.0.0.1:1")).error(), 403);
  EXPECT_EQ(client.Bind(0x4001, At("[fd00::1]:1")).error(), 443);
  EXPECT_EQ(client.Bind(0x4000, At("[fd00::1]:1")).error(), 400);
}

TEST(HandleChannelBind, A1_A10_B68_V6_17_ForbiddenPeersAre403InEverySpelling) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  for (const std::string_view peer : kForbiddenPeers)
    EXPECT_EQ(client.Bind(0x4000, {Address(peer), 5000}).error(), 403) << peer;
  EXPECT_EQ(server.effects.channels, 0);
}

TEST(HandleChannelBind, A3_AnIpv4MappedPeerIs403) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  for (const std::string_view peer : {"127.0.0.1", "8.8.8.8"}) {
    TurnMessage request = ChannelBind().Channel(0x4000).PeerV6(Address(peer).octets(), 5000);
    EXPECT_EQ(client.Request(request).error(), 403) << peer;
  }
}

TEST(HandleChannelBind, A8_MISC_05_OwnListenerAndOwnRelayAre403) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Bind(0x4000, {kRelayV4, 3478}).error(), 403);
  EXPECT_EQ(client.Bind(0x4000, {kRelayV4, 22}).error(), 403);
  EXPECT_EQ(client.Bind(0x4000, client.relayed[0]).error(), 403);
}

TEST(HandleChannelBind, A8_AnotherLiveRelayIsFineAndADeadOneIs403) {
  TestServer server;
  TestClient first(server);
  TestClient second(server, At("20.1.1.2:40000"));
  first.Allocate();
  second.Allocate();
  EXPECT_TRUE(first.Bind(0x4000, second.relayed[0]).is_success());
  EXPECT_TRUE(server.effects.routes.begin()->second.peer_is_own_relay);
  second.Refresh(0);
  EXPECT_EQ(first.Bind(0x4000, second.relayed[0]).error(), 403);
}

TEST(HandleChannelBind, A17_AReloadThatDeniesAPeerEndsItsChannelAndRoute) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  client.Bind(0x4001, At("20.8.8.8:1"));
  server.Reload([](Policy& policy) {
    PeerPolicy::Rules rules = policy.peers.rules();
    rules.deny = {*base::IpPrefix::Parse("20.9.9.0/24")};
    policy.peers = PeerPolicy(rules);
  });
  EXPECT_EQ(server.effects.routes.size(), 1u);
  EXPECT_EQ(server.effects.channels, 1);
  EXPECT_EQ(server.effects.permissions, 1);
  EXPECT_FALSE(client.Hears(kPeer));
}

TEST(HandleChannelBind, A14_AReloadThatAddsABackendEndsTheChannelToItsPort) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  server.Reload([](Policy& policy) {
    PeerPolicy::Rules rules = policy.peers.rules();
    rules.backends = {kPeer};
    policy.peers = PeerPolicy(rules);
  });
  EXPECT_TRUE(server.effects.routes.empty());
  EXPECT_FALSE(client.SendTo(kPeer));
}

}  // namespace turn::handle_channel_bind_test
