#include <gtest/gtest.h>

#include <variant>

#include "tests/protocol/turn/engine_fixture.h"
#include "tests/support/recording_tcp_effects.h"

namespace turn::tcp_relay_test {

constexpr std::uint8_t kTcpProtocol = 6;

TurnMessage AllocateTcp() {
  return TurnMessage(Method::kAllocate)
      .LeadingOctet(AttributeType::kRequestedTransport, kTcpProtocol);
}
TurnMessage ConnectTo(const base::Endpoint& peer) {
  return TurnMessage(Method::kConnect).Peer(peer);
}
TurnMessage BindTo(std::uint32_t connection) {
  return TurnMessage(Method::kConnectionBind).U32(AttributeType::kConnectionId, connection);
}
std::optional<std::uint32_t> ConnectionOf(const Reply& reply) {
  if (!reply.Has(AttributeType::kConnectionId)) return std::nullopt;
  return stun::DecodeU32(reply.view().Find(AttributeType::kConnectionId)->value);
}

// A server with TCP relaying, and a client over TCP with an allocation for it.
class TcpRelay : public ::testing::Test {
 protected:
  TcpRelay()
      : server_([](TestServer::Options& options) {
          options.policy.tcp_relay = true;
          options.policy.connections_per_allocation = 2;
        }),
        control_(server_, kClient, base::Transport::kTcp),
        data_(server_, At("20.1.1.1:40001"), base::Transport::kTcp) {
    server_.engine.SetTcpEffects(tcp_);
    data_.client.handle = {8};
    allocated_ = control_.Allocate(AllocateTcp());
  }

  // The response that came last.
  Reply Last() const {
    return server_.effects.to_client.empty() ? Reply{}
                                             : Reply{server_.effects.to_client.back().octets};
  }
  PeerConnectionHandle OnlyOpen() const {
    CHECK(tcp_.open.size() == 1);
    return *tcp_.open.begin();
  }
  // A Connect request and the connection that it makes.
  std::uint32_t Connect(const base::Endpoint& peer = kPeer) {
    EXPECT_TRUE(control_.Request(ConnectTo(peer)).is_silence());
    server_.engine.OnPeerConnected(*tcp_.open.rbegin(), true, server_.now);
    return ConnectionOf(Last()).value();
  }
  RelayHandle RelayHandleOfControl() const { return tcp_.relays.begin()->first; }
  bool PeerConnects(const base::Endpoint& peer) {
    const PeerConnectionHandle handle = tcp_.Open();
    server_.engine.OnPeerAccepted(RelayHandleOfControl(), handle, {peer}, server_.now);
    return tcp_.open.contains(handle);
  }

  test_support::RecordingTcpEffects tcp_;
  TestServer server_;
  TestClient control_;
  TestClient data_;
  Reply allocated_;
};

TEST_F(TcpRelay, TCP_05_AllocatesAListeningSocket) {
  ASSERT_TRUE(allocated_.is_success());
  ASSERT_EQ(tcp_.relays.size(), 1u);
  EXPECT_EQ(tcp_.started.size(), 1u);
  EXPECT_TRUE(server_.effects.sockets.empty());
  EXPECT_EQ(tcp_.relays.begin()->second.endpoint, allocated_.relayed().at(0));
  EXPECT_FALSE(allocated_.Has(AttributeType::kReservationToken));
  EXPECT_TRUE(control_.Refresh(0).is_success());
  EXPECT_TRUE(tcp_.relays.empty());
  EXPECT_EQ(server_.ledger.ReadTotals().ports_in_use, 0u);
}

TEST_F(TcpRelay, TCP_01_WithoutPermissionOfThePolicyItIs442) {
  server_.Reload([](Policy& policy) { policy.tcp_relay = false; });
  EXPECT_EQ(data_.Allocate(AllocateTcp()).error(), 442);
  EXPECT_TRUE(control_.Request(ConnectTo(kPeer)).is_silence());  // no such method
  EXPECT_TRUE(tcp_.destinations.empty());
}

TEST_F(TcpRelay, TCP_02_UdpCanBeForbidden) {
  server_.Reload([](Policy& policy) { policy.udp_relay = false; });
  EXPECT_EQ(data_.Allocate().error(), 403);
  EXPECT_TRUE(data_.Allocate(AllocateTcp()).is_success());
}

TEST_F(TcpRelay, TCP_03_OnlyOverTcpAndTls) {
  for (const auto transport :
       {base::Transport::kUdp, base::Transport::kDtls, base::Transport::kWss}) {
    TestClient client(server_, At("20.1.1.1:40002"), transport);
    EXPECT_EQ(client.Allocate(AllocateTcp()).error(), 400);
  }
}

TEST_F(TcpRelay, TCP_04_WhatOnlyDatagramsHaveIs400) {
  EXPECT_EQ(data_.Allocate(AllocateTcp().EvenPort(0)).error(), 400);
  EXPECT_EQ(
      data_.Allocate(AllocateTcp().Text(AttributeType::kReservationToken, "12345678")).error(),
      400);
  EXPECT_EQ(data_.Allocate(AllocateTcp().Text(AttributeType::kDontFragment, "")).error(), 400);
}

TEST_F(TcpRelay, TCP_07_ConnectNeedsATcpAllocationOfTheUser) {
  EXPECT_EQ(data_.Request(ConnectTo(kPeer)).error(), 437);
  ASSERT_TRUE(data_.Allocate().is_success());
  EXPECT_EQ(data_.Request(ConnectTo(kPeer)).error(), 403);
  control_.Login("bob", "secret-b");
  EXPECT_EQ(control_.Request(ConnectTo(kPeer)).error(), 441);
}

TEST_F(TcpRelay, TCP_08_TCP_09_OneConnectionForOnePeer) {
  EXPECT_TRUE(control_.Request(ConnectTo(kPeer)).is_silence());
  EXPECT_EQ(control_.Request(ConnectTo(kPeer)).error(), 446);  // being made
  server_.engine.OnPeerConnected(OnlyOpen(), true, server_.now);
  const std::uint32_t first = ConnectionOf(Last()).value();
  EXPECT_EQ(control_.Request(ConnectTo(kPeer)).error(), 446);  // pending
  ASSERT_TRUE(data_.Request(BindTo(first)).is_success());
  EXPECT_EQ(control_.Request(ConnectTo(kPeer)).error(), 446);  // joined
  server_.engine.OnJoinedEnded({first});
  EXPECT_NE(Connect(), first);
}

TEST_F(TcpRelay, TCP_10_TCP_11_PeersAreJudged) {
  EXPECT_EQ(control_.Request(TurnMessage(Method::kConnect)).error(), 400);
  EXPECT_EQ(control_.Request(ConnectTo(At("20.9.9.9:0"))).error(), 400);
  EXPECT_EQ(control_.Request(ConnectTo(kPeerV6)).error(), 443);
  for (const char* forbidden : {"127.0.0.1:22", "10.0.0.1:80", "192.0.2.1:3478", "192.0.2.1:50000"})
    EXPECT_EQ(control_.Request(ConnectTo(At(forbidden))).error(), 403) << forbidden;
  EXPECT_EQ(control_.Request(ConnectTo(control_.relayed.at(0))).error(), 403);
  EXPECT_TRUE(tcp_.open.empty());
}

TEST_F(TcpRelay, TCP_11_A8_ThePortOfARelayForUdpIsAnyProgramsOverTcp) {
  TestClient datagrams(server_, At("20.1.1.1:40005"), base::Transport::kTcp);
  ASSERT_TRUE(datagrams.Allocate().is_success());
  EXPECT_EQ(control_.Request(ConnectTo(datagrams.relayed.at(0))).error(), 403);
  // Nor is who connects from there one of our relays.
  ASSERT_TRUE(control_.Permit(datagrams.relayed.at(0)).is_success());
  EXPECT_FALSE(PeerConnects(datagrams.relayed.at(0)));
  // And the other way round.
  EXPECT_EQ(datagrams.Bind(0x4000, control_.relayed.at(0)).error(), 403);
}

TEST_F(TcpRelay, A11_WhoFailsToConnectOftenHasToWait) {
  for (std::uint16_t port = 1; port <= 50; ++port) {
    EXPECT_TRUE(control_.Request(ConnectTo({kPeer.address, port})).is_silence()) << port;
    server_.engine.OnPeerConnected(OnlyOpen(), false, server_.now);
  }
  EXPECT_TRUE(control_.Request(ConnectTo(At("20.9.9.9:51"))).is_silence());
  server_.engine.OnPeerConnected(OnlyOpen(), false, server_.now);
  EXPECT_EQ(control_.Request(ConnectTo(At("20.9.9.9:52"))).error(), 508);
  server_.Wait(seconds(2));
  EXPECT_TRUE(control_.Request(ConnectTo(At("20.9.9.9:52"))).is_silence());
}

TEST_F(TcpRelay, TCP_12_AFailedConnectionIs447AndForgotten) {
  EXPECT_TRUE(control_.Request(ConnectTo(kPeer)).is_silence());
  server_.engine.OnPeerConnected(OnlyOpen(), false, server_.now);
  EXPECT_EQ(Last().error(), 447);
  EXPECT_TRUE(tcp_.open.empty());
  EXPECT_TRUE(Connect() != 0);
}

TEST_F(TcpRelay, TCP_12_AConnectionThatTakesThirtySecondsIs447) {
  EXPECT_TRUE(control_.Request(ConnectTo(kPeer)).is_silence());
  const std::size_t before = server_.effects.to_client.size();
  server_.WaitAndAdvance(std::chrono::milliseconds(29'999));
  EXPECT_EQ(server_.effects.to_client.size(), before);
  server_.WaitAndAdvance(std::chrono::milliseconds(1));
  EXPECT_EQ(Last().error(), 447);
  EXPECT_TRUE(tcp_.open.empty());
}

TEST_F(TcpRelay, TCP_15_AConnectionThatNobodyBindsIsClosed) {
  const std::uint32_t connection = Connect();
  server_.WaitAndAdvance(std::chrono::milliseconds(29'999));
  EXPECT_EQ(tcp_.open.size(), 1u);
  server_.WaitAndAdvance(std::chrono::milliseconds(1));
  EXPECT_TRUE(tcp_.open.empty());
  EXPECT_EQ(data_.Request(BindTo(connection)).error(), 400);
}

TEST_F(TcpRelay, TCP_16_APeerWithoutPermissionIsClosed) {
  EXPECT_FALSE(PeerConnects(kPeer));
  control_.Permit(At("20.9.9.8:0"));
  EXPECT_FALSE(PeerConnects(kPeer));
  EXPECT_EQ(server_.effects.CountDrops(DropReason::kNoPermission), 2u);
}

TEST_F(TcpRelay, TCP_17_APermittedPeerIsAnnounced) {
  control_.Permit(kPeer);
  ASSERT_TRUE(PeerConnects(kPeer));
  const Reply attempt = Last();
  EXPECT_EQ(attempt.octets.at(0), 0x00);
  EXPECT_EQ(attempt.octets.at(1), 0x1c);
  EXPECT_EQ(attempt.Endpoints(AttributeType::kXorPeerAddress).at(0), kPeer);
  EXPECT_TRUE(data_.Request(BindTo(ConnectionOf(attempt).value())).is_success());
  ASSERT_EQ(tcp_.joined.size(), 1u);
  EXPECT_EQ(tcp_.joined[0].client.handle, data_.client.handle);
}

TEST_F(TcpRelay, TheNumberOfConnectionsIsLimited) {
  control_.Permit(kPeer);
  Connect();
  ASSERT_TRUE(PeerConnects(At("20.9.9.9:5001")));
  EXPECT_FALSE(PeerConnects(At("20.9.9.9:5002")));
  EXPECT_EQ(control_.Request(ConnectTo(At("20.9.9.9:5003"))).error(), 508);
  tcp_.is_out_of_descriptors = true;
  server_.WaitAndAdvance(seconds(31));
  EXPECT_EQ(control_.Request(ConnectTo(kPeer)).error(), 508);
}

TEST_F(TcpRelay, TCP_19_TCP_20_WhatCannotBeBoundIs400) {
  const std::uint32_t connection = Connect();
  for (const auto transport :
       {base::Transport::kUdp, base::Transport::kDtls, base::Transport::kWss}) {
    TestClient client(server_, At("20.1.1.1:40002"), transport);
    EXPECT_EQ(client.Request(BindTo(connection)).error(), 400);
  }
  EXPECT_EQ(data_.Request(TurnMessage(Method::kConnectionBind)).error(), 400);
  EXPECT_EQ(data_.Request(BindTo(connection + 1)).error(), 400);
  EXPECT_EQ(control_.Request(BindTo(connection)).error(), 400);
  EXPECT_TRUE(data_.Request(BindTo(connection)).is_success());
  TestClient late(server_, At("20.1.1.1:40003"), base::Transport::kTcp);
  EXPECT_EQ(late.Request(BindTo(connection)).error(), 400);
}

TEST_F(TcpRelay, TCP_21_AnotherUsersConnectionIs441) {
  const std::uint32_t connection = Connect();
  data_.Login("bob", "secret-b");
  EXPECT_EQ(data_.Request(BindTo(connection)).error(), 441);
  EXPECT_EQ(tcp_.open.size(), 1u);
}

TEST_F(TcpRelay, TCP_21_TheNonceOfTheControlConnectionIsGoodForBindingOnly) {
  const std::uint32_t connection = Connect();
  data_.nonce = control_.nonce;
  EXPECT_EQ(data_.Request(BindTo(connection + 1)).error(), 438);
  EXPECT_EQ(data_.Allocate().error(), 438);
  TestClient elsewhere(server_, At("20.1.1.2:40001"), base::Transport::kTcp);
  elsewhere.nonce = control_.nonce;
  EXPECT_EQ(elsewhere.Request(BindTo(connection)).error(), 438);
  EXPECT_TRUE(data_.Request(BindTo(connection)).is_success());
}

TEST_F(TcpRelay, AClientThatAnAllocationIsAboutToMoveToIsNoDataConnection) {
  server_.Reload([](Policy& policy) { policy.mobility = true; });
  TestClient mobile(server_, At("20.1.1.1:40005"));
  mobile.AllocateMobile();
  ASSERT_TRUE(data_.RefreshWith(mobile.ticket).is_success());
  EXPECT_EQ(data_.Request(BindTo(Connect())).error(), 400);
  EXPECT_TRUE(tcp_.joined.empty());
}

TEST_F(TcpRelay, TCP_24_TheEndOfTheAllocationEndsAllOfThem) {
  const std::uint32_t joined = Connect();
  data_.Request(BindTo(joined));
  Connect(At("20.9.9.9:5001"));
  EXPECT_TRUE(control_.Refresh(0).is_success());
  EXPECT_TRUE(tcp_.open.empty());
  ASSERT_EQ(tcp_.ended.size(), 1u);
  EXPECT_EQ(tcp_.ended[0].value, joined);
  EXPECT_FALSE(server_.ledger.FindConnection({joined}));
}

TEST_F(TcpRelay, TheEndOfTheControlConnectionAnswersNobody) {
  EXPECT_TRUE(control_.Request(ConnectTo(kPeer)).is_silence());
  server_.engine.OnClientGone(control_.client, server_.now);
  EXPECT_TRUE(tcp_.open.empty());
  EXPECT_TRUE(tcp_.relays.empty());
}

TEST_F(TcpRelay, A12_APeerThatBecomesForbiddenLosesItsConnections) {
  const std::uint32_t joined = Connect();
  data_.Request(BindTo(joined));
  Connect(At("20.9.9.9:5001"));
  server_.Reload([](Policy& policy) {
    PeerPolicy::Rules rules = policy.peers.rules();
    rules.deny = {*base::IpPrefix::Parse("20.9.9.0/24")};
    policy.peers = PeerPolicy(rules);
  });
  EXPECT_TRUE(tcp_.open.empty());
  EXPECT_EQ(tcp_.ended.size(), 1u);
  EXPECT_EQ(control_.Request(ConnectTo(kPeer)).error(), 403);
}

TEST_F(TcpRelay, AClientThatIsGoneMeanwhileFreesTheConnection) {
  const std::uint32_t connection = Connect();
  tcp_.is_client_gone = true;
  data_.Request(BindTo(connection));
  EXPECT_FALSE(server_.ledger.FindConnection({connection}));
  EXPECT_TRUE(Connect() != connection);
}

// -- two shards: this engine is shard 0, and shard 1 is played by the test ------------------------

TEST_F(TcpRelay, AnotherShardMayBindAConnectionOfThisOne) {
  const std::uint32_t connection = Connect();
  Credential alice;
  alice.username = alice.subject = "alice";
  Credential bob;
  bob.username = bob.subject = "bob";
  server_.engine.OnEngineMessage(BindWanted{{1}, data_.client, {connection}, bob}, server_.now);
  ASSERT_EQ(server_.effects.posted.size(), 1u);
  EXPECT_EQ(std::get<BindRefused>(server_.effects.posted[0].message).error,
            ErrorCode::kWrongCredentials);
  const PeerConnectionHandle peer = OnlyOpen();
  server_.engine.OnEngineMessage(BindWanted{{1}, data_.client, {connection}, alice}, server_.now);
  ASSERT_EQ(server_.effects.posted.size(), 2u);
  EXPECT_EQ(server_.effects.posted[1].shard, ShardIndex{1});
  EXPECT_EQ(std::get<BindGranted>(server_.effects.posted[1].message).peer, peer);
  EXPECT_TRUE(tcp_.open.empty());
  // A second time it is no longer pending; and it ends with the allocation, over there.
  server_.engine.OnEngineMessage(BindWanted{{1}, data_.client, {connection}, alice}, server_.now);
  EXPECT_EQ(std::get<BindRefused>(server_.effects.posted[2].message).error, ErrorCode::kBadRequest);
  control_.Refresh(0);
  EXPECT_EQ(std::get<JoinedMustEnd>(server_.effects.posted[3].message).connection.value,
            connection);
}

TEST_F(TcpRelay, AConnectionThatEndsOnAnotherShardIsForgotten) {
  const std::uint32_t connection = Connect();
  Credential alice;
  alice.username = alice.subject = "alice";
  server_.engine.OnEngineMessage(BindWanted{{1}, data_.client, {connection}, alice}, server_.now);
  EXPECT_EQ(control_.Request(ConnectTo(kPeer)).error(), 446);
  server_.engine.OnEngineMessage(JoinedEnded{{connection}}, server_.now);
  EXPECT_FALSE(server_.ledger.FindConnection({connection}));
  EXPECT_TRUE(Connect() != 0);
}

TEST_F(TcpRelay, AConnectionOfAnotherShardIsAskedForAndJoinedHere) {
  const ConnectionId connection = server_.ledger.RegisterConnection({{1}, kClient}, server_.random);
  EXPECT_TRUE(data_.Request(BindTo(connection.value)).is_silence());
  EXPECT_TRUE(tcp_.held.contains(data_.client.handle));
  ASSERT_EQ(server_.effects.posted.size(), 1u);
  EXPECT_EQ(std::get<BindWanted>(server_.effects.posted[0].message).credential.username, "alice");
  server_.engine.OnEngineMessage(BindGranted{data_.client, connection, {1}, tcp_.Open(), 4711, {1}},
                                 server_.now);
  EXPECT_TRUE(Last().is_success());
  ASSERT_EQ(tcp_.joined.size(), 1u);
  EXPECT_EQ(tcp_.joined[0].allocation_id, 4711u);
  // When it ends, the other shard hears of it; once.
  server_.engine.OnJoinedEnded(connection);
  server_.engine.OnJoinedEnded(connection);
  ASSERT_EQ(server_.effects.posted.size(), 2u);
  EXPECT_EQ(std::get<JoinedEnded>(server_.effects.posted[1].message).connection, connection);
}

TEST_F(TcpRelay, AnotherShardMayRefuse) {
  const ConnectionId connection = server_.ledger.RegisterConnection({{1}, kClient}, server_.random);
  data_.Request(BindTo(connection.value));
  server_.engine.OnEngineMessage(BindRefused{data_.client, ErrorCode::kWrongCredentials},
                                 server_.now);
  EXPECT_EQ(Last().error(), 441);
  EXPECT_TRUE(tcp_.held.empty());
}

TEST_F(TcpRelay, AnotherClientWithTheSameHandleTakesNothingAway) {
  const ConnectionId connection = server_.ledger.RegisterConnection({{1}, kClient}, server_.random);
  data_.Request(BindTo(connection.value));
  // Associations and connections are numbered apart.
  Client association = data_.client;
  association.five_tuple.transport = base::Transport::kDtls;
  server_.engine.OnClientGone(association, server_.now);
  server_.engine.OnEngineMessage(BindGranted{data_.client, connection, {1}, tcp_.Open(), 4711, {1}},
                                 server_.now);
  EXPECT_TRUE(Last().is_success());
  EXPECT_EQ(tcp_.joined.size(), 1u);
}

TEST_F(TcpRelay, AGrantForAClientThatIsGoneGoesBack) {
  const ConnectionId connection = server_.ledger.RegisterConnection({{1}, kClient}, server_.random);
  data_.Request(BindTo(connection.value));
  server_.engine.OnClientGone(data_.client, server_.now);
  server_.engine.OnEngineMessage(BindGranted{data_.client, connection, {1}, tcp_.Open(), 4711, {1}},
                                 server_.now);
  EXPECT_TRUE(tcp_.open.empty());
  EXPECT_TRUE(tcp_.joined.empty());
  EXPECT_EQ(std::get<JoinedEnded>(server_.effects.posted.at(1).message).connection, connection);
}

TEST_F(TcpRelay, TheOwnerCanEndWhatWasJoinedHere) {
  const ConnectionId connection = server_.ledger.RegisterConnection({{1}, kClient}, server_.random);
  data_.Request(BindTo(connection.value));
  server_.engine.OnEngineMessage(BindGranted{data_.client, connection, {1}, tcp_.Open(), 4711, {1}},
                                 server_.now);
  server_.engine.OnEngineMessage(JoinedMustEnd{connection}, server_.now);
  ASSERT_EQ(tcp_.ended.size(), 1u);
  EXPECT_EQ(tcp_.ended[0], connection);
}

}  // namespace turn::tcp_relay_test
