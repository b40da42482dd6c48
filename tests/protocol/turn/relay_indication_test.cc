#include <gtest/gtest.h>

#include "tests/protocol/turn/engine_fixture.h"
#include "tests/protocol/turn/peer_matrix.h"

namespace turn::relay_indication_test {

TurnMessage Send() { return TurnMessage(Method::kSend, stun::MessageClass::kIndication); }
TurnMessage SendTo(const base::Endpoint& peer) {
  return Send().Peer(peer).Text(AttributeType::kData, "data");
}
TurnMessage Dual() {
  return TurnMessage(Method::kAllocate)
      .Udp()
      .LeadingOctet(AttributeType::kAdditionalAddressFamily, 2);
}

TEST(RelayIndication, DATA_04_TheDatagramLeavesFromTheRelayWithTheDataExactly) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_TRUE(client.SendTo(kPeer, "hello"));
  const auto& sent = server.effects.to_peer.back();
  EXPECT_EQ(sent.relay, client.RelayOf(base::AddressFamily::kIpv4));
  EXPECT_EQ(sent.peer.endpoint, kPeer);
  EXPECT_EQ(base::AsText(sent.payload), "hello");
  EXPECT_FALSE(sent.dont_fragment);
  EXPECT_EQ(sent.client.five_tuple, client.client.five_tuple);
}

TEST(RelayIndication, DATA_01_WithoutPeerOrDataNothingHappens) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_FALSE(client.SendIndication(Send().Peer(kPeer)));
  EXPECT_FALSE(client.SendIndication(Send().Text(AttributeType::kData, "x")));
  EXPECT_FALSE(client.SendIndication(
      Send().Zeros(AttributeType::kXorPeerAddress, 7).Text(AttributeType::kData, "x")));
  EXPECT_EQ(server.effects.CountDrops(DropReason::kMalformed), 3u);
}

TEST(RelayIndication, DATA_02_NoDataIsAnEmptyDatagram) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_TRUE(client.SendTo(kPeer, ""));
  EXPECT_TRUE(server.effects.to_peer.back().payload.empty());
}

TEST(RelayIndication, DATA_03_STUN_19_WithoutPermissionItIsDroppedInSilence) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_FALSE(client.SendTo(kPeer));
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kNoPermission});
}

TEST(RelayIndication, TURN_03_WithoutAnAllocationItIsIgnored) {
  TestServer server;
  EXPECT_FALSE(TestClient(server).SendTo(kPeer));
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kNoAllocation});
}

TEST(RelayIndication, STUN_18_AnUnknownRequiredAttributeDropsIt) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_FALSE(client.SendIndication(SendTo(kPeer).U32(static_cast<AttributeType>(0x7f00), 0)));
  EXPECT_TRUE(client.SendIndication(SendTo(kPeer).U32(static_cast<AttributeType>(0xff00), 0)));
}

TEST(RelayIndication, STUN_12_B77_OfTwoPeersTheFirstCounts) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_TRUE(client.SendIndication(
      Send().Peer(kPeer).Peer({kPeer.address, 9}).Text(AttributeType::kData, "x")));
  ASSERT_EQ(server.effects.to_peer.size(), 1u);
  EXPECT_EQ(server.effects.to_peer[0].peer.endpoint, kPeer);
}

TEST(RelayIndication, AUTH_48_IntegrityInAnIndicationChangesNothing) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_FALSE(client.SendIndication(SendTo(kPeer).Sign(client.Key())));
  client.Permit(kPeer);
  EXPECT_TRUE(client.SendIndication(SendTo(kPeer).Zeros(AttributeType::kMessageIntegrity, 20)));
}

TEST(RelayIndication, B69_PortZeroIsDropped) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_FALSE(client.SendTo({kPeer.address, 0}));
}

TEST(RelayIndication, V6_16_B78_AFamilyThatTheAllocationLacksIsDropped) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_FALSE(client.SendTo(kPeerV6));
}

TEST(RelayIndication, DATA_05_A1_A10_ForbiddenPeersAreDroppedEvenWithAPermission) {
  // The permission is from before the policy.
  TestServer server([](TestServer::Options& options) {
    options.policy.permissions_per_allocation = 0;
    PeerPolicy::Rules rules;
    rules.allow = {*base::IpPrefix::Parse("::/0")};
    options.policy.peers = PeerPolicy(rules);
  });
  TestClient client(server);
  client.Allocate(Dual());
  for (const std::string_view peer : kForbiddenPeers) client.Permit({Address(peer), 5000});
  EXPECT_GT(server.effects.permissions, 50);
  server.Reload([](Policy& policy) { policy.peers = PeerPolicy(PeerPolicy::Rules{}); });
  EXPECT_EQ(server.effects.permissions, 0);
  for (const std::string_view peer : kForbiddenPeers)
    EXPECT_FALSE(client.SendTo({Address(peer), 5000})) << peer;
}

TEST(RelayIndication, A3_AnIpv4MappedPeerIsDroppedEvenWithAPermissionForTheAddress) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  client.Permit(kPeer);
  EXPECT_FALSE(client.SendIndication(
      Send().PeerV6(kPeer.address.octets(), 5000).Text(AttributeType::kData, "x")));
}

TEST(RelayIndication, A8_OwnListenersAreNeverReached) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit({kRelayV4, 0});
  EXPECT_FALSE(client.SendTo({kRelayV4, 3478}));
  EXPECT_FALSE(client.SendTo({kRelayV4, 22}));
  EXPECT_FALSE(client.SendTo(client.relayed[0]));
  EXPECT_EQ(server.effects.CountDrops(DropReason::kPolicy), 3u);
}

TEST(RelayIndication, A8_AnotherLiveRelayIsReachedAndADeadOneIsNot) {
  TestServer server;
  TestClient first(server);
  TestClient second(server, At("20.1.1.2:40000"));
  first.Allocate();
  second.Allocate();
  first.Permit({kRelayV4, 0});
  EXPECT_TRUE(first.SendTo(second.relayed[0]));
  second.Refresh(0);
  EXPECT_FALSE(first.SendTo(second.relayed[0]));
}

struct NatServer : TestServer {
  NatServer()
      : TestServer([](Options& options) {
          PeerPolicy::Rules rules;
          rules.own_sockets = {At("0.0.0.0:3478")};
          rules.own_addresses = {Address("10.0.0.5")};
          rules.relay_addresses = {{Address("10.0.0.5"), Address("20.5.5.5")}};
          options.policy.peers = PeerPolicy(rules);
          options.ledger.relay_addresses = rules.relay_addresses;
        }) {}
};

TEST(RelayIndication, BehindNatRelayToRelayStaysInsideAndKeepsTheExternalName) {
  NatServer server;
  TestClient first(server);
  TestClient second(server, At("20.1.1.2:40000"));
  first.Allocate();
  second.Allocate();
  ASSERT_TRUE(first.Permit(second.relayed[0]).is_success());
  ASSERT_TRUE(second.Permit(first.relayed[0]).is_success());
  EXPECT_TRUE(first.SendTo(second.relayed[0]));
  const base::Endpoint second_internal = {Address("10.0.0.5"), second.relayed[0].port};
  EXPECT_EQ(server.effects.to_peer.back().peer.endpoint, second_internal);

  const base::Endpoint first_internal = {Address("10.0.0.5"), first.relayed[0].port};
  const Reply data{second.PeerSends(first_internal)};
  ASSERT_FALSE(data.is_silence());
  EXPECT_EQ(data.Endpoints(AttributeType::kXorPeerAddress), std::vector{first.relayed[0]});
}

TEST(RelayIndication, BehindNatTheOwnListenerIsDeniedByItsExternalAddressToo) {
  NatServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(At("20.5.5.5:0"));
  EXPECT_FALSE(client.SendTo(At("20.5.5.5:3478")));
  EXPECT_EQ(client.Bind(0x4000, At("20.5.5.5:3478")).error(), 403);
}

TEST(RelayIndication, BehindNatAChannelToARelayIsRoutedInside) {
  NatServer server;
  TestClient first(server);
  TestClient second(server, At("20.1.1.2:40000"));
  first.Allocate();
  second.Allocate();
  ASSERT_TRUE(first.Bind(0x4000, second.relayed[0]).is_success());
  const Route& route = server.effects.routes.begin()->second;
  EXPECT_EQ(route.peer.endpoint, (base::Endpoint{Address("10.0.0.5"), second.relayed[0].port}));
  EXPECT_TRUE(route.peer_is_own_relay);
  // By its internal name it is the same peer.
  EXPECT_EQ(first.Bind(0x4001, route.peer.endpoint).error(), 400);
}

TEST(RelayIndication, AServiceOnTheRelayAddressIsNotHeardThroughAPermissionForRelays) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit({kRelayV4, 0});
  EXPECT_FALSE(client.Hears({kRelayV4, 53}));
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kPolicy});
}

TEST(RelayIndication, DATA_06_TURN_12_DontFragmentIsPassedOn) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_TRUE(client.SendIndication(SendTo(kPeer).Zeros(AttributeType::kDontFragment, 0)));
  EXPECT_TRUE(server.effects.to_peer.back().dont_fragment);
}

TEST(RelayIndication, V6_20_DontFragmentIsIgnoredWhereIpv6TakesPart) {
  TestServer server;
  TestClient v4(server);
  v4.Allocate(Dual());
  v4.Permit(kPeerV6);
  EXPECT_TRUE(v4.SendIndication(SendTo(kPeerV6).Zeros(AttributeType::kDontFragment, 0)));
  EXPECT_FALSE(server.effects.to_peer.back().dont_fragment);
  TestClient v6(server, kClientV6);
  v6.Allocate();
  v6.Permit(kPeer);
  EXPECT_TRUE(v6.SendIndication(SendTo(kPeer).Zeros(AttributeType::kDontFragment, 0)));
  EXPECT_FALSE(server.effects.to_peer.back().dont_fragment);
}

TEST(RelayIndication, IPH_05_OverAStreamDontFragmentCountsWhateverTheClientsFamily) {
  TestServer server;
  TestClient client(server, kClientV6, base::Transport::kTcp);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_TRUE(client.SendIndication(SendTo(kPeer).Zeros(AttributeType::kDontFragment, 0)));
  EXPECT_TRUE(server.effects.to_peer.back().dont_fragment);
}

TEST(RelayIndication, B77_DATA_10_DataThatNoDatagramCanCarryIsDropped) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  client.Allocate();
  client.Permit(kPeer);
  EXPECT_TRUE(client.SendTo(kPeer, std::string(65507, 'x')));
  EXPECT_FALSE(client.SendTo(kPeer, std::string(65508, 'x')));
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kTooLarge});
}

TEST(RelayIndication, DATA_07_PeerDataIsIndicatedWithItsSource) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  const Reply data{client.PeerSends(kPeer, "hello")};
  ASSERT_FALSE(data.is_silence());
  EXPECT_EQ(data.view().type(),
            (stun::MessageType{Method::kData, stun::MessageClass::kIndication}));
  EXPECT_EQ(data.Endpoints(AttributeType::kXorPeerAddress), std::vector{kPeer});
  EXPECT_EQ(data.Text(AttributeType::kData), "hello");
}

TEST(RelayIndication, DATA_07_AnIpv6PeerIsIndicatedLikewise) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  client.Permit(kPeerV6);
  const Reply data{client.PeerSends(kPeerV6, "hello!")};
  EXPECT_EQ(data.Endpoints(AttributeType::kXorPeerAddress), std::vector{kPeerV6});
  EXPECT_EQ(data.Text(AttributeType::kData), "hello!");
}

TEST(RelayIndication, STUN_10_C11_PaddingOfADataIndicationIsZero) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  const std::vector<std::uint8_t> octets = client.PeerSends(kPeer, "hello");
  EXPECT_EQ(octets.size() % 4, 0u);
  EXPECT_TRUE(std::all_of(octets.end() - 3, octets.end(), [](int octet) { return octet == 0; }));
}

TEST(RelayIndication, TwoDataIndicationsHaveDifferentTransactionIds) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  const Reply first{client.PeerSends(kPeer)};
  const Reply second{client.PeerSends(kPeer)};
  EXPECT_NE(first.view().transaction_id(), second.view().transaction_id());
}

TEST(RelayIndication, DATA_08_AnEmptyDatagramIsIndicated) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  const Reply data{client.PeerSends(kPeer, "")};
  EXPECT_TRUE(data.Has(AttributeType::kData));
  EXPECT_EQ(data.Text(AttributeType::kData), "");
}

TEST(RelayIndication, DATA_11_ABoundPeerIsHeardAsChannelDataOnly) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  client.SendTo(kPeer);
  const std::vector<std::uint8_t> octets = client.PeerSends(kPeer, "hello");
  EXPECT_EQ(octets, (std::vector<std::uint8_t>{0x40, 0, 0, 5, 'h', 'e', 'l', 'l', 'o'}));
}

TEST(RelayIndication, CHAN_19_OverAStreamChannelDataIsPaddedWithZeros) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  EXPECT_EQ(client.PeerSends(kPeer, "hello"),
            (std::vector<std::uint8_t>{0x40, 0, 0, 5, 'h', 'e', 'l', 'l', 'o', 0, 0, 0}));
}

TEST(RelayIndication, CHAN_21_AnEmptyDatagramIsChannelDataOfLengthZero) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  EXPECT_EQ(client.PeerSends(kPeer, ""), (std::vector<std::uint8_t>{0x40, 0, 0, 0}));
}

TEST(RelayIndication, ARouteThatTheDatapathLostIsInstalledAgain) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  server.effects.routes.clear();
  client.Hears(kPeer);
  EXPECT_EQ(server.effects.routes.size(), 1u);
}

TEST(RelayIndication, DATA_10_B80_WhatFitsTheClientsDatagramIsCarriedWhole) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  for (const std::size_t size : {1u, 1200u, 1472u, 9000u, 65000u, 65468u}) {
    const Reply data{client.PeerSends(kPeer, std::string(size, 'x'))};
    EXPECT_EQ(data.Text(AttributeType::kData).size(), size);
  }
  EXPECT_FALSE(client.PeerSends(kPeer, std::string(65469, 'x')).size() != 0);
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kTooLarge});
}

TEST(RelayIndication, DATA_10_B80_AStreamCarriesTheLargestDatagram) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  client.Allocate(Dual());
  client.Permit(kPeer);
  client.Permit(kPeerV6);
  EXPECT_EQ(
      Reply{client.PeerSends(kPeer, std::string(65507, 'x'))}.Text(AttributeType::kData).size(),
      65507u);
  EXPECT_TRUE(client.PeerSends(kPeerV6, std::string(65527, 'x')).empty());
}

TEST(RelayIndication, DATA_10_LargeChannelDataIsCarriedWholeOrDropped) {
  TestServer server;
  TestClient udp(server);
  udp.Allocate();
  udp.Bind(0x4000, kPeer);
  EXPECT_EQ(udp.PeerSends(kPeer, std::string(65503, 'x')).size(), 65507u);
  EXPECT_TRUE(udp.PeerSends(kPeer, std::string(65504, 'x')).empty());
  TestClient tcp(server, kClient, base::Transport::kTcp);
  tcp.Allocate();
  tcp.Bind(0x4000, kPeer);
  EXPECT_EQ(tcp.PeerSends(kPeer, std::string(65507, 'x')).size(), 65512u);
}

TEST(RelayIndication, DATA_12_ADataIndicationFromAClientIsIgnored) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  TurnMessage data(Method::kData, stun::MessageClass::kIndication);
  EXPECT_FALSE(client.SendIndication(data.Peer(kPeer).Text(AttributeType::kData, "x")));
}

TEST(RelayIndication, MISC_06_B79_StunFromAPeerIsRelayedVerbatimAndNeverAnswered) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  const std::vector<std::uint8_t> binding = TurnMessage(Method::kBinding).octets();
  server.effects.ForgetTraffic();
  const Reply data{client.PeerSends(kPeer, base::AsText(binding))};
  EXPECT_EQ(data.Text(AttributeType::kData), base::AsText(binding));
  EXPECT_TRUE(server.effects.to_client.empty());
  EXPECT_TRUE(server.effects.to_peer.empty());
}

TEST(RelayIndication, ADatagramForARelayThatIsGoneIsDropped) {
  TestServer server;
  TestClient client(server);
  EXPECT_FALSE(client.Hears(kPeer));
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kNoAllocation});
}

constexpr stun::IcmpValue kPortUnreachable{3, 3, 0};

TEST(RelayIndication, ICMP_02_WithoutAPermissionForTheQuotedPeerAnErrorIsDropped) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_TRUE(client.IcmpSays(kPeer, kPortUnreachable).empty());
  EXPECT_EQ(server.effects.drops, std::vector{DropReason::kNoPermission});
  client.Permit(kPeer);
  server.WaitAndAdvance(seconds(301));
  EXPECT_TRUE(client.IcmpSays(kPeer, kPortUnreachable).empty());
}

TEST(RelayIndication, ICMP_01_OtherTypesAreNotRelayed) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  client.Permit(kPeer);
  client.Permit(kPeerV6);
  for (int type = 0; type < 256; ++type) {
    const stun::IcmpValue icmp{static_cast<std::uint8_t>(type), 0, 0};
    EXPECT_EQ(client.IcmpSays(kPeer, icmp).empty(), type != 3 && type != 11) << type;
    EXPECT_EQ(client.IcmpSays(kPeerV6, icmp).empty(), type < 1 || type > 3) << type;
  }
}

TEST(RelayIndication, ICMP_03_ICMP_04_AnErrorIsADataIndicationWithThePeerAndWithoutData) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  const base::Endpoint other_port{kPeer.address, 9};
  const Reply indication{client.IcmpSays(other_port, {3, 4, 1400})};
  ASSERT_FALSE(indication.is_silence());
  EXPECT_EQ(indication.view().method(), Method::kData);
  EXPECT_EQ(indication.view().message_class(), stun::MessageClass::kIndication);
  EXPECT_EQ(indication.Endpoints(AttributeType::kXorPeerAddress), std::vector{other_port});
  EXPECT_EQ(stun::DecodeIcmp(indication.view().Find(AttributeType::kIcmp)->value),
            (stun::IcmpValue{3, 4, 1400}));
  EXPECT_FALSE(indication.Has(AttributeType::kData));
}

TEST(RelayIndication, ICMP_05_AnErrorIsAnIndicationThoughAChannelIsBound) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  EXPECT_EQ(Reply{client.IcmpSays(kPeer, kPortUnreachable)}.view().method(), Method::kData);
}

TEST(RelayIndication, ICMP_07_AnErrorChangesNothing) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  client.IcmpSays(kPeer, kPortUnreachable);
  EXPECT_TRUE(client.Hears(kPeer));
  EXPECT_TRUE(client.SendTo(kPeer));
}

}  // namespace turn::relay_indication_test
