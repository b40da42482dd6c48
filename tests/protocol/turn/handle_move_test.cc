#include <gtest/gtest.h>

#include <functional>
#include <string>
#include <tuple>
#include <vector>

#include "tests/protocol/turn/engine_fixture.h"

// Mobility (RFC 8016) within one engine; two_shards_test.cc has the same between two.
namespace turn::handle_move_test {

const base::Endpoint kElsewhere = At("20.2.2.2:41000");
const base::Endpoint kThirdPlace = At("20.3.3.3:42000");

class HandleMove : public ::testing::Test {
 protected:
  HandleMove() { old_.AllocateMobile(); }

  // ChannelData, as a datapath sees it: whether it can forward it.
  bool SendChannel(const TestClient& client, std::uint16_t channel = 0x4000) {
    const std::vector<std::uint8_t> data = {1, 2, 3};
    if (!server_.effects.routes.contains({client.client.five_tuple, channel}))
      server_.engine.OnUnroutedChannelData(client.client.five_tuple, {channel}, data, server_.now);
    return server_.effects.routes.contains({client.client.five_tuple, channel});
  }
  void Gone(const TestClient& client) {
    server_.effects.gone_clients.insert(client.client.five_tuple);
    server_.engine.OnClientGone(client.client, server_.now);
  }
  static TurnMessage Move(base::Bytes ticket) {
    return TurnMessage(Method::kRefresh).Bytes(AttributeType::kMobilityTicket, ticket);
  }

  TestServer server_{[](TestServer::Options& options) {
    options.policy.mobility = true;
    options.ledger.allocations_per_user = 1;
  }};
  TestClient old_{server_};
  TestClient new_{server_, kElsewhere};
  TestClient third_{server_, kThirdPlace};
};

TEST_F(HandleMove, MOB_01_WhoAsksForATicketGetsOne) {
  EXPECT_EQ(old_.ticket.size(), std::tuple_size_v<SealedTicket>);
}

TEST_F(HandleMove, MOB_01_WhoDoesNotAskGetsNone) {
  TestClient other(server_, kElsewhere);
  other.Login("bob", "secret-b");
  const Reply reply = other.Allocate();
  EXPECT_TRUE(reply.is_success());
  EXPECT_FALSE(reply.Has(AttributeType::kMobilityTicket));
}

TEST_F(HandleMove, MOB_01_ARetransmissionGetsTheSameTicket) {
  TestClient other(server_, kElsewhere);
  other.Login("bob", "secret-b");
  const TurnMessage request =
      other.Sign(TurnMessage(Method::kAllocate).Udp().Zeros(AttributeType::kMobilityTicket, 0));
  EXPECT_EQ(other.Send(request).octets, other.Send(request).octets);
}

TEST_F(HandleMove, MOB_03_ATicketInAnAllocateIs400) {
  TestClient other(server_, kElsewhere);
  other.Login("bob", "secret-b");
  for (const std::size_t bytes : {1u, 32u, 600u}) {
    const Reply reply = other.Request(
        TurnMessage(Method::kAllocate).Udp().Zeros(AttributeType::kMobilityTicket, bytes));
    EXPECT_EQ(reply.error(), 400);
  }
  EXPECT_EQ(server_.engine.allocation_count(), 1u);
}

TEST_F(HandleMove, MOB_04_TheTicketDecidesNotThe5Tuple) {
  EXPECT_TRUE(new_.MoveFrom(old_).is_success());
  EXPECT_EQ(server_.engine.allocation_count(), 1u);
}

TEST_F(HandleMove, MOB_04_A5TupleWithAnotherAllocationIs437) {
  new_.Login("bob", "secret-b").Allocate();
  EXPECT_EQ(new_.Login("alice", "secret-a").RefreshWith(old_.ticket).error(), 437);
  EXPECT_EQ(server_.engine.allocation_count(), 2u);
}

TEST_F(HandleMove, MOB_04_A5TupleThatWaitsForAnotherAllocationIs437) {
  new_.MoveFrom(old_);
  third_.Login("bob", "secret-b").AllocateMobile();
  EXPECT_EQ(new_.Login("bob", "secret-b").RefreshWith(third_.ticket).error(), 437);
}

TEST_F(HandleMove, MOB_05_AfterTheEndOfTheAllocationItIs437) {
  old_.Refresh(0);
  EXPECT_EQ(new_.MoveFrom(old_).error(), 437);
  EXPECT_EQ(old_.RefreshWith(old_.ticket).error(), 437);
}

TEST_F(HandleMove, MOB_05_AfterItsExpiryItIs437ThoughNobodyCallsAdvance) {
  server_.Wait(seconds(600));
  EXPECT_EQ(new_.MoveFrom(old_).error(), 437);
  EXPECT_TRUE(server_.effects.sockets.empty());
}

TEST_F(HandleMove, MOB_06_WhatIsNoTicketIs400) {
  for (const std::size_t bytes : {0u, 1u, 31u, 32u, 33u, 600u})
    EXPECT_EQ(new_.RefreshWith(std::vector<std::uint8_t>(bytes)).error(), 400) << bytes;
  std::vector<std::uint8_t> flipped = old_.ticket;
  flipped[20] ^= 1;
  EXPECT_EQ(new_.RefreshWith(flipped).error(), 400);
  EXPECT_EQ(old_.RefreshWith(flipped).error(), 400);
  EXPECT_TRUE(new_.MoveFrom(old_).is_success());
}

TEST_F(HandleMove, MOB_07_FromTheUnchangedAddressItIs400) {
  EXPECT_EQ(old_.RefreshWith(old_.ticket).error(), 400);
  EXPECT_TRUE(new_.MoveFrom(old_).is_success());
}

TEST_F(HandleMove, MOB_07_FromTheAddressOfThePendingMoveItIs400) {
  new_.MoveFrom(old_);
  EXPECT_EQ(new_.RefreshWith(new_.ticket).error(), 400);
  EXPECT_EQ(old_.RefreshWith(new_.ticket).error(), 400);
  EXPECT_TRUE(new_.Permit(kPeer).is_success());
}

TEST_F(HandleMove, MOB_08_AnotherUserWithAStolenTicketIs441AndChangesNothing) {
  old_.Permit(kPeer);
  new_.Login("bob", "secret-b");
  EXPECT_EQ(new_.RefreshWith(old_.ticket).error(), 441);
  EXPECT_EQ(new_.RefreshWith(old_.ticket, 0).error(), 441);
  EXPECT_FALSE(new_.SendTo(kPeer));
  EXPECT_TRUE(old_.Hears(kPeer));
  EXPECT_TRUE(third_.MoveFrom(old_).is_success());
}

TEST_F(HandleMove, MOB_08_AnotherUserAtTheNewAddressCompletesNothing) {
  old_.Permit(kPeer);
  new_.MoveFrom(old_);
  new_.Login("bob", "secret-b");
  EXPECT_EQ(new_.Permit(kPeer).error(), 441);
  EXPECT_EQ(new_.Refresh(0).error(), 441);
  EXPECT_EQ(new_.Allocate().error(), 437);
  EXPECT_TRUE(old_.Hears(kPeer));
}

TEST_F(HandleMove, MOB_09_EveryMoveHasATicketOfItsOwn) {
  EXPECT_TRUE(new_.MoveFrom(old_).is_success());
  EXPECT_NE(new_.ticket, old_.ticket);
  EXPECT_TRUE(third_.MoveFrom(new_).is_success());
  EXPECT_NE(third_.ticket, new_.ticket);
}

TEST_F(HandleMove, MOB_10_UntilTheNewClientSpeaksTheOldOneHasEverything) {
  old_.Permit(kPeer);
  old_.Bind(0x4000, kPeer);
  new_.MoveFrom(old_);
  server_.WaitAndAdvance(seconds(100));
  EXPECT_TRUE(old_.Hears(kPeer));
  EXPECT_TRUE(old_.SendTo(kPeer));
  EXPECT_TRUE(SendChannel(old_));
  EXPECT_TRUE(old_.Refresh().is_success());
  EXPECT_TRUE(old_.Permit(kPeer).is_success());
  EXPECT_FALSE(new_.Hears(kPeer));
}

// What a new client can say to have the allocation, and what it cannot.
struct Word {
  const char* name;
  bool completes;
  std::function<void(TestServer&, TestClient&)> say;
};
class FirstWord : public HandleMove, public ::testing::WithParamInterface<Word> {};

TEST_P(FirstWord, MOB_10_DecidesWhoHasTheAllocation) {
  old_.Bind(0x4000, kPeer);
  new_.MoveFrom(old_);
  GetParam().say(server_, new_);
  const bool completes = GetParam().completes;
  EXPECT_EQ(new_.Hears(kPeer), completes);
  EXPECT_EQ(old_.Hears(kPeer), !completes);
  EXPECT_EQ(old_.SendTo(kPeer), !completes);
  EXPECT_EQ(SendChannel(old_), !completes);
  EXPECT_EQ(old_.Refresh().error(), completes ? 437 : 0);
  EXPECT_EQ(server_.effects.routes.size(), 1u);
  EXPECT_EQ(server_.effects.relays_by_client.size(), 1u);
  const TestClient& owner = completes ? new_ : old_;
  EXPECT_EQ(server_.effects.routes.begin()->first.first, owner.client.five_tuple);
  EXPECT_EQ(server_.effects.relays_by_client.begin()->first, owner.client.five_tuple);
}

INSTANTIATE_TEST_SUITE_P(
    HandleMove, FirstWord,
    ::testing::Values(
        Word{"Send", true,
             [](TestServer&, TestClient& client) { EXPECT_TRUE(client.SendTo(kPeer)); }},
        Word{"SendToAPeerWithoutPermission", true,
             [](TestServer&, TestClient& client) { client.SendTo(At("20.9.9.10:1")); }},
        Word{"ChannelData", true,
             [](TestServer& server, TestClient& client) {
               EXPECT_EQ(server.engine.OnUnroutedChannelData(client.client.five_tuple, {0x4000}, {},
                                                             server.now),
                         Unrouted::kRouted);
             }},
        Word{"ChannelDataOfAnUnboundChannel", true,
             [](TestServer& server, TestClient& client) {
               server.engine.OnUnroutedChannelData(client.client.five_tuple, {0x4321}, {},
                                                   server.now);
             }},
        Word{"CreatePermission", true,
             [](TestServer&, TestClient& client) {
               EXPECT_TRUE(client.Permit(kPeer).is_success());
             }},
        Word{"ChannelBind", true,
             [](TestServer&, TestClient& client) {
               EXPECT_TRUE(client.Bind(0x4000, kPeer).is_success());
             }},
        Word{"Refresh", true,
             [](TestServer&, TestClient& client) { EXPECT_TRUE(client.Refresh().is_success()); }},
        Word{"RefusedRequest", true,
             [](TestServer&, TestClient& client) {
               EXPECT_EQ(client.Permit(At("10.0.0.1:1")).error(), 403);
             }},
        Word{"RequestWithoutCredentials", false,
             [](TestServer&, TestClient& client) {
               EXPECT_EQ(client.Send(TurnMessage(Method::kCreatePermission).Peer(kPeer)).error(),
                         401);
             }},
        Word{"RequestWithAWrongPassword", false,
             [](TestServer&, TestClient& client) {
               client.password = "wrong";
               EXPECT_EQ(client.Permit(kPeer).error(), 401);
             }},
        Word{"RequestOfAnotherUser", false,
             [](TestServer&, TestClient& client) {
               EXPECT_EQ(client.Login("bob", "secret-b").Permit(kPeer).error(), 441);
             }},
        Word{"Allocate", false,
             [](TestServer&, TestClient& client) { EXPECT_EQ(client.Allocate().error(), 437); }},
        Word{"Binding", false,
             [](TestServer&, TestClient& client) {
               EXPECT_TRUE(client.Send(TurnMessage(Method::kBinding)).is_success());
             }},
        Word{"MalformedSend", false,
             [](TestServer&, TestClient& client) {
               client.Send(TurnMessage(Method::kSend, stun::MessageClass::kIndication).Peer(kPeer));
             }},
        Word{"Nonsense", false,
             [](TestServer&, TestClient& client) {
               client.Send(std::vector<std::uint8_t>{0, 1, 2});
             }}),
    [](const auto& test) { return std::string(test.param.name); });

TEST_F(HandleMove, MOB_10_PermissionsAndChannelsAreTheAllocations) {
  old_.Permit(kPeer);
  old_.Bind(0x4000, At("20.9.9.8:1"));
  new_.MoveFrom(old_);
  EXPECT_TRUE(new_.SendTo(kPeer));
  EXPECT_TRUE(SendChannel(new_));
  EXPECT_EQ(server_.effects.permissions, 2);
  EXPECT_EQ(server_.effects.channels, 1);
  EXPECT_EQ(new_.Bind(0x4001, At("20.9.9.8:1")).error(), 400);
}

TEST_F(HandleMove, MOB_10_TheOld5TupleIsFree) {
  new_.MoveFrom(old_);
  new_.Refresh();
  EXPECT_TRUE(old_.Login("bob", "secret-b").Allocate().is_success());
  EXPECT_EQ(server_.engine.allocation_count(), 2u);
}

TEST_F(HandleMove, MOB_10_TheEndOfTheOldConnectionCompletesTheMove) {
  TestClient stream(server_, kThirdPlace, base::Transport::kTcp);
  stream.Login("bob", "secret-b").AllocateMobile();
  stream.Bind(0x4000, kPeer);
  new_.Login("bob", "secret-b").MoveFrom(stream);
  EXPECT_FALSE(new_.Hears(kPeer));
  Gone(stream);
  EXPECT_TRUE(new_.Hears(kPeer));
  EXPECT_TRUE(SendChannel(new_));
}

TEST_F(HandleMove, MOB_10_TheEndOfTheNewConnectionLeavesTheAllocationWhereItIs) {
  TestClient stream(server_, kElsewhere, base::Transport::kTls);
  old_.Permit(kPeer);
  stream.MoveFrom(old_);
  Gone(stream);
  EXPECT_TRUE(old_.Hears(kPeer));
  EXPECT_TRUE(old_.Refresh().is_success());
  third_.MoveFrom(stream);
  EXPECT_TRUE(third_.SendTo(kPeer));
}

TEST_F(HandleMove, MOB_10_BetweenFamiliesAndTransports) {
  const base::Transport transports[] = {base::Transport::kUdp, base::Transport::kTcp,
                                        base::Transport::kTls, base::Transport::kDtls,
                                        base::Transport::kWss};
  old_.Permit(kPeer);
  std::vector<TestClient> clients = {old_};
  std::uint16_t port = 1000;
  for (const base::Endpoint& from : {kElsewhere, kClientV6}) {
    for (const base::Transport transport : transports) {
      TestClient next(server_, {from.address, ++port}, transport);
      ASSERT_TRUE(next.MoveFrom(clients.back()).is_success());
      EXPECT_TRUE(next.SendTo(kPeer));
      EXPECT_TRUE(next.Hears(kPeer));
      EXPECT_EQ(server_.effects.relays_by_client.begin()->first, next.client.five_tuple);
      clients.push_back(next);
    }
  }
  EXPECT_EQ(server_.effects.relays_by_client.size(), 1u);
}

TEST_F(HandleMove, MOB_10_DontFragmentFollowsTheNewClient) {
  old_.Permit(kPeer);
  TestClient v6(server_, kClientV6);
  const auto sends_with_df = [&](TestClient& client) {
    client.SendIndication(TurnMessage(Method::kSend, stun::MessageClass::kIndication)
                              .Peer(kPeer)
                              .Zeros(AttributeType::kDontFragment, 0)
                              .Text(AttributeType::kData, "data"));
    return server_.effects.to_peer.back().dont_fragment;
  };
  EXPECT_TRUE(sends_with_df(old_));
  v6.MoveFrom(old_);
  EXPECT_FALSE(sends_with_df(v6));
}

TEST_F(HandleMove, MOB_11_ARetransmissionIsAnsweredTheSame) {
  new_.relayed = old_.relayed;
  const TurnMessage request = new_.Sign(Move(old_.ticket));
  const Reply first = new_.Send(request);
  ASSERT_TRUE(first.is_success());
  server_.WaitAndAdvance(seconds(10));
  EXPECT_EQ(new_.Send(request).octets, first.octets);
  EXPECT_TRUE(new_.Permit(kPeer).is_success());
  server_.WaitAndAdvance(seconds(20));
  EXPECT_EQ(new_.Send(request).octets, first.octets);
}

TEST_F(HandleMove, MOB_11_TheOldTicketGrantsNoOtherMove) {
  const std::vector<std::uint8_t> spent = old_.ticket;
  new_.MoveFrom(old_);
  const TurnMessage request = third_.Sign(Move(spent));
  EXPECT_EQ(third_.Send(request).error(), 400);
  EXPECT_EQ(new_.RefreshWith(spent).error(), 400);
  EXPECT_EQ(old_.RefreshWith(spent).error(), 400);
  new_.Refresh();
  EXPECT_EQ(third_.Send(request).error(), 400);
  EXPECT_EQ(old_.RefreshWith(spent).error(), 400);
  EXPECT_TRUE(third_.MoveFrom(new_).is_success());
}

TEST_F(HandleMove, MOB_11_OctetsThatWereOverheardAreNoUseFromElsewhere) {
  const TurnMessage request = new_.Sign(Move(old_.ticket));
  new_.Send(request);
  EXPECT_EQ(third_.Send(request).error(), 438);
}

TEST_F(HandleMove, MOB_12_AStrangerWithATicketIs401) {
  EXPECT_EQ(new_.Send(Move(old_.ticket)).error(), 401);
  new_.password = "wrong";
  EXPECT_EQ(new_.RefreshWith(old_.ticket).error(), 401);
  EXPECT_EQ(new_.RefreshWith(std::vector<std::uint8_t>(32)).error(), 401);
}

TEST_F(HandleMove, MOB_14_AtMostOneMoveIsPending) {
  old_.Permit(kPeer);
  new_.MoveFrom(old_);
  third_.MoveFrom(new_);
  EXPECT_FALSE(new_.SendTo(kPeer));
  EXPECT_EQ(new_.Permit(kPeer).error(), 437);
  EXPECT_TRUE(old_.Hears(kPeer));
  EXPECT_TRUE(third_.SendTo(kPeer));
}

TEST_F(HandleMove, MOB_14_AThousandMovesAreOneAllocation) {
  std::vector<TestClient> places = {old_, new_};
  for (std::uint16_t i = 0; i < 1000; ++i) {
    TestClient& next = places[(i + 1) % 2];
    ASSERT_TRUE(next.MoveFrom(places[i % 2]).is_success());
    ASSERT_TRUE(next.Permit(kPeer).is_success());
    EXPECT_EQ(third_.Allocate().error(), 486);
  }
  const Ledger::Totals totals = server_.ledger.ReadTotals();
  EXPECT_EQ(totals.allocations, 1u);
  EXPECT_EQ(totals.ports_in_use, 1u);
  EXPECT_EQ(server_.effects.opened.size(), 1u);
  EXPECT_TRUE(places[0].Refresh(0).is_success());
  EXPECT_TRUE(third_.Allocate().is_success());
}

TEST_F(HandleMove, MOB_14_WithoutItsClientItWaitsForTheTicketAndStaysCharged) {
  TestClient stream(server_, kThirdPlace, base::Transport::kTcp);
  stream.Login("bob", "secret-b").AllocateMobile();
  stream.Bind(0x4000, kPeer);
  Gone(stream);
  EXPECT_TRUE(server_.effects.routes.empty());
  EXPECT_FALSE(stream.Hears(kPeer));
  EXPECT_EQ(server_.effects.CountDrops(DropReason::kNoClient), 1u);
  EXPECT_EQ(new_.Login("bob", "secret-b").Allocate().error(), 486);

  // Nobody serves the old 5-tuple any more, so that there is nothing to wait for.
  EXPECT_TRUE(new_.MoveFrom(stream).is_success());
  EXPECT_TRUE(new_.Hears(kPeer));
  EXPECT_TRUE(SendChannel(new_));
}

TEST_F(HandleMove, MOB_14_WithoutItsClientItEndsByExpiryAndGivesEverythingBack) {
  TestClient stream(server_, kThirdPlace, base::Transport::kTcp);
  stream.Login("bob", "secret-b").AllocateMobile();
  stream.Bind(0x4000, kPeer);
  Gone(stream);
  old_.Refresh(0);
  server_.WaitAndAdvance(seconds(600));
  EXPECT_EQ(server_.engine.allocation_count(), 0u);
  EXPECT_TRUE(server_.effects.sockets.empty());
  EXPECT_TRUE(server_.effects.relays_by_client.empty());
  EXPECT_EQ(server_.effects.permissions + server_.effects.channels, 0);
  EXPECT_EQ(server_.ledger.ReadTotals().ports_in_use, 0u);
  EXPECT_EQ(server_.effects.closed.back().reason, CloseReason::kExpired);
}

TEST_F(HandleMove, TURN_45_WithoutATicketTheConnectionsEndIsTheAllocations) {
  TestClient stream(server_, kThirdPlace, base::Transport::kTcp);
  stream.Login("bob", "secret-b").Allocate();
  Gone(stream);
  EXPECT_EQ(server_.effects.closed.back().reason, CloseReason::kClientGone);
}

TEST_F(HandleMove, AConnectionFromTheSamePortRevivesWhatTheOneBeforeLeft) {
  TestClient stream(server_, kThirdPlace, base::Transport::kTcp);
  stream.Login("bob", "secret-b").AllocateMobile();
  stream.Permit(kPeer);
  Gone(stream);
  server_.effects.gone_clients.clear();
  TestClient again(server_, kThirdPlace, base::Transport::kTcp);
  again.client.handle = {8};
  EXPECT_TRUE(again.Login("bob", "secret-b").MoveFrom(stream).is_success());
  EXPECT_TRUE(again.Hears(kPeer));
}

TEST_F(HandleMove, RoutesOfALaterConnectionFromTheSamePortAreItsOwn) {
  TestClient stream(server_, kThirdPlace, base::Transport::kTcp);
  stream.AllocateMobile();
  old_.Refresh(0);
  stream.AllocateMobile();
  stream.Bind(0x4000, kPeer);
  Gone(stream);
  TestClient again(server_, kThirdPlace, base::Transport::kTcp);
  again.client.handle = {8};
  again.Login("bob", "secret-b")
      .Allocate(TurnMessage(Method::kAllocate).Udp().U32(AttributeType::kLifetime, 3600));
  again.Bind(0x4000, kPeer);
  server_.WaitAndAdvance(seconds(299));
  again.Bind(0x4000, kPeer);
  server_.WaitAndAdvance(seconds(302));
  EXPECT_EQ(server_.engine.allocation_count(), 1u);
  again.Permit(kPeer);
  EXPECT_EQ(server_.effects.routes.size(), 1u);
}

TEST_F(HandleMove, ALifetimeOfZeroDeletesFromElsewhere) {
  const Reply reply = new_.RefreshWith(old_.ticket, 0);
  ASSERT_TRUE(reply.is_success());
  EXPECT_EQ(reply.lifetime(), 0u);
  EXPECT_EQ(server_.engine.allocation_count(), 0u);
  EXPECT_EQ(new_.RefreshWith(old_.ticket, 0).error(), 437);
  EXPECT_TRUE(new_.Allocate().is_success());
}

TEST_F(HandleMove, ARefusedRefreshSpendsNoTicket) {
  EXPECT_EQ(new_.Request(Move(old_.ticket).LeadingOctet(AttributeType::kRequestedAddressFamily, 2))
                .error(),
            443);
  EXPECT_TRUE(new_.MoveFrom(old_).is_success());
}

TEST_F(HandleMove, ItRefreshesTheLifetime) {
  server_.WaitAndAdvance(seconds(500));
  EXPECT_EQ(new_.RefreshWith(old_.ticket, 1000).lifetime(), 1000u);
  server_.WaitAndAdvance(seconds(900));
  EXPECT_EQ(server_.engine.allocation_count(), 1u);
}

TEST_F(HandleMove, TunnelsAreNoPlaceToMoveTo) {
  TestClient tunnelled(server_, At("[2002:1401:101::1]:4000"));
  EXPECT_EQ(tunnelled.MoveFrom(old_).error(), 403);
  EXPECT_TRUE(new_.MoveFrom(old_).is_success());
}

TEST_F(HandleMove, TheEndOfTheAllocationEndsThePendingMove) {
  new_.MoveFrom(old_);
  old_.Refresh(0);
  EXPECT_EQ(new_.Permit(kPeer).error(), 437);
  EXPECT_TRUE(new_.Allocate().is_success());
}

TEST_F(HandleMove, ExpiryEndsThePendingMove) {
  new_.MoveFrom(old_);
  server_.Wait(seconds(600));
  EXPECT_FALSE(new_.SendTo(kPeer));
  EXPECT_TRUE(new_.Allocate().is_success());
}

TEST_F(HandleMove, DisconnectEndsPendingAndDetachedOnes) {
  new_.MoveFrom(old_);
  EXPECT_TRUE(server_.engine.Disconnect(server_.effects.opened.back(), server_.now));
  EXPECT_EQ(new_.Permit(kPeer).error(), 437);

  TestClient stream(server_, kThirdPlace, base::Transport::kTcp);
  stream.AllocateMobile();
  Gone(stream);
  bool is_detached = false;
  server_.engine.ForEachAllocation(
      server_.now, [&](const Engine::AllocationSummary& each) { is_detached = each.is_detached; });
  EXPECT_TRUE(is_detached);
  EXPECT_TRUE(server_.engine.Disconnect(server_.effects.opened.back(), server_.now));
  EXPECT_EQ(new_.RefreshWith(stream.ticket).error(), 437);
  EXPECT_EQ(server_.ledger.ReadTotals().allocations, 0u);
}

TEST_F(HandleMove, DrainingStopsNoMove) {
  server_.Reload([](Policy& policy) { policy.draining = true; });
  EXPECT_TRUE(new_.MoveFrom(old_).is_success());
  EXPECT_TRUE(new_.Permit(kPeer).is_success());
}

TEST_F(HandleMove, APeerThatIsDeniedMeanwhileStaysDenied) {
  old_.Bind(0x4000, kPeer);
  new_.MoveFrom(old_);
  server_.Reload([](Policy& policy) {
    PeerPolicy::Rules rules = policy.peers.rules();
    rules.deny = {*base::IpPrefix::Parse("20.9.9.9/32")};
    policy.peers = PeerPolicy(rules);
  });
  EXPECT_FALSE(new_.SendTo(kPeer));
  EXPECT_FALSE(SendChannel(new_));
  EXPECT_FALSE(new_.Hears(kPeer));
}

TEST_F(HandleMove, MOB_02_AfterASwitchToForbidItIs405AndNothingWaitsForATicket) {
  TestClient stream(server_, kThirdPlace, base::Transport::kTcp);
  stream.Login("bob", "secret-b").AllocateMobile();
  Gone(stream);
  EXPECT_EQ(server_.engine.allocation_count(), 2u);
  server_.Reload([](Policy& policy) { policy.mobility = false; });
  EXPECT_EQ(server_.engine.allocation_count(), 1u);
  EXPECT_EQ(new_.MoveFrom(old_).error(), 405);
  EXPECT_EQ(new_.RefreshWith(std::vector<std::uint8_t>(3)).error(), 405);
  EXPECT_TRUE(old_.Refresh().is_success());
}

TEST_F(HandleMove, AClientThatIsDeniedMeanwhileGetsNothing) {
  old_.Bind(0x4000, kPeer);
  new_.MoveFrom(old_);
  server_.Reload([](Policy& policy) {
    policy.denied_clients = {*base::IpPrefix::Parse(kElsewhere.address.ToString() + "/32")};
  });
  EXPECT_FALSE(new_.SendTo(kPeer));
  EXPECT_FALSE(SendChannel(new_));
  EXPECT_TRUE(old_.Hears(kPeer));
}

TEST_F(HandleMove, AMoveThatWasGrantedIsKeptThroughASwitchToForbid) {
  new_.MoveFrom(old_);
  server_.Reload([](Policy& policy) { policy.mobility = false; });
  EXPECT_TRUE(new_.Permit(kPeer).is_success());
  EXPECT_TRUE(new_.Hears(kPeer));
}

TEST_F(HandleMove, ARenewedOneTimeNameOfTheSameSubjectMayMove) {
  server_.SetUsers({{"1:x", "p", "dave"}, {"2:y", "p", "dave"}, {"3:z", "p", "erin"}});
  TestClient dave(server_, kThirdPlace);
  dave.Login("1:x", "p").AllocateMobile();
  EXPECT_EQ(new_.Login("3:z", "p").RefreshWith(dave.ticket).error(), 441);
  EXPECT_TRUE(new_.Login("2:y", "p").MoveFrom(dave).is_success());
  EXPECT_TRUE(new_.Permit(kPeer).is_success());
}

TEST_F(HandleMove, AnExpiredNameMayMoveWithinItsGrace) {
  server_.SetUsers({{"bob", "p", "bob", "", TestServer::WallStart() + seconds(300)}});
  TestClient bob(server_, kThirdPlace);
  bob.Login("bob", "p").AllocateMobile();
  server_.WaitAndAdvance(seconds(400));
  EXPECT_TRUE(new_.Login("bob", "p").MoveFrom(bob).is_success());
  EXPECT_TRUE(new_.Permit(kPeer).is_success());
}

TEST(HandleMoveOff, MOB_02_WhereMobilityIsForbiddenItIs405) {
  TestServer server;
  TestClient client(server);
  const Reply reply = client.AllocateMobile();
  EXPECT_EQ(reply.error(), 405);
  EXPECT_EQ(server.engine.allocation_count(), 0u);
  EXPECT_TRUE(client.Allocate().is_success());
}

TEST(HandleMoveOff, MOB_02_MOB_03_ATicketInAnAllocateIs400Anyway) {
  TestServer server;
  EXPECT_EQ(
      TestClient(server)
          .Request(TurnMessage(Method::kAllocate).Udp().Zeros(AttributeType::kMobilityTicket, 3))
          .error(),
      400);
}

TEST(HandleMoveOff, MOB_02_ARefreshWithATicketIs405) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.RefreshWith(std::vector<std::uint8_t>(32)).error(), 405);
  EXPECT_TRUE(client.Refresh().is_success());
}

TEST(HandleMoveOff, TURN_45_TheEndOfAConnectionEndsTheAllocation) {
  TestServer server;
  TestClient client(server, kClient, base::Transport::kTcp);
  client.Allocate();
  server.engine.OnClientGone(client.client, server.now);
  EXPECT_EQ(server.engine.allocation_count(), 0u);
}

}  // namespace turn::handle_move_test
