#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/protocol/turn/two_shards.h"

// Mobility (RFC 8016) where the new 5-tuple belongs to another shard than the allocation.
namespace turn::move_messages_test {

const base::Endpoint kElsewhere = At("20.2.2.2:41000");
const base::Endpoint kThirdPlace = At("20.3.3.3:42000");

class MoveMessages : public ::testing::Test {
 protected:
  MoveMessages() {
    old_.AllocateMobile();
    old_.Bind(0x4000, kPeer);
  }

  static TurnMessage Move(base::Bytes ticket) {
    return TurnMessage(Method::kRefresh).Bytes(AttributeType::kMobilityTicket, ticket);
  }
  void ExpectOneAllocation(std::size_t shard) {
    EXPECT_EQ(shards_[shard].engine.allocation_count(), 1u);
    EXPECT_EQ(shards_[1 - shard].engine.allocation_count(), 0u);
    EXPECT_EQ(shards_[shard].effects.sockets.size(), 1u);
    EXPECT_TRUE(shards_[shard].effects.sockets.begin()->second.is_started);
    EXPECT_TRUE(shards_[1 - shard].effects.sockets.empty());
    EXPECT_TRUE(shards_[1 - shard].effects.routes.empty());
    EXPECT_TRUE(shards_[1 - shard].effects.relays_by_client.empty());
    EXPECT_EQ(shards_[shard].effects.permissions, 1);
    EXPECT_EQ(shards_[shard].effects.channels, 1);
    EXPECT_EQ(shards_[1 - shard].effects.permissions, 0);
    EXPECT_EQ(shards_[1 - shard].effects.channels, 0);
    EXPECT_EQ(shards_.ledger->ReadTotals().allocations, 1u);
    EXPECT_EQ(shards_.ledger->ReadTotals().ports_in_use, 1u);
  }
  // The whole process at its end.
  void ExpectNothing() {
    for (const std::size_t shard : {0u, 1u}) {
      EXPECT_EQ(shards_[shard].engine.allocation_count(), 0u);
      EXPECT_TRUE(shards_[shard].effects.sockets.empty());
      EXPECT_TRUE(shards_[shard].effects.routes.empty());
      EXPECT_TRUE(shards_[shard].effects.relays_by_client.empty());
      EXPECT_EQ(shards_[shard].effects.permissions, 0);
      EXPECT_EQ(shards_[shard].effects.channels, 0);
    }
    const Ledger::Totals totals = shards_.ledger->ReadTotals();
    EXPECT_EQ(totals.allocations + totals.ports_in_use + totals.subjects, 0u);
  }
  int AnswersOf(std::size_t shard) {
    return static_cast<int>(shards_[shard].effects.to_client.size());
  }

  TwoShards shards_{[](TestServer::Options& options) {
    options.policy.mobility = true;
    options.ledger.allocations_per_user = 1;
  }};
  TestClient old_{shards_[0]};
  TestClient new_{shards_[1], kElsewhere};
  TestClient third_{shards_[1], kThirdPlace};
};

TEST_F(MoveMessages, MOB_04_TheTicketIsGoodInEveryShard) {
  const Reply reply = new_.MoveFrom(old_);
  EXPECT_TRUE(reply.is_success());
  EXPECT_NE(new_.ticket, old_.ticket);
  ExpectOneAllocation(0);
}

TEST_F(MoveMessages, RefusalsAreThoseOfOneShard) {
  EXPECT_EQ(new_.Send(Move(old_.ticket)).error(), 401);  // MOB-12
  std::vector<std::uint8_t> flipped = old_.ticket;
  flipped[3] ^= 1;
  EXPECT_EQ(new_.RefreshWith(flipped).error(), 400);                                 // MOB-06
  EXPECT_EQ(third_.Login("bob", "secret-b").RefreshWith(old_.ticket).error(), 441);  // MOB-08
  EXPECT_TRUE(third_.AllocateMobile().is_success());
  EXPECT_EQ(third_.Login("alice", "secret-a").RefreshWith(old_.ticket).error(), 437);
  EXPECT_TRUE(new_.MoveFrom(old_).is_success());
  EXPECT_EQ(new_.RefreshWith(new_.ticket).error(), 400);  // MOB-07
  EXPECT_EQ(new_.Allocate().error(), 437);
  const std::vector<std::uint8_t> spent = old_.ticket;
  TestClient fourth(shards_[1], At("20.4.4.4:1"));
  EXPECT_EQ(fourth.RefreshWith(spent).error(), 400);  // MOB-11
  old_.Refresh(0);
  EXPECT_EQ(fourth.RefreshWith(new_.ticket).error(), 437);  // MOB-05
  EXPECT_TRUE(old_.Hears(kPeer) == false);
}

TEST_F(MoveMessages, MOB_10_UntilTheNewClientSpeaksTheOldOneHasEverything) {
  new_.MoveFrom(old_);
  shards_.WaitAndAdvance(seconds(100));
  EXPECT_TRUE(old_.Hears(kPeer));
  EXPECT_TRUE(old_.SendTo(kPeer));
  EXPECT_TRUE(shards_.SendChannel(0, old_, 0x4000));
  EXPECT_TRUE(old_.Refresh().is_success());
  ExpectOneAllocation(0);
}

TEST_F(MoveMessages, MOB_10_ASendIndicationBringsItOverAndIsNotLost) {
  new_.MoveFrom(old_);
  EXPECT_TRUE(new_.SendTo(kPeer, "first"));
  EXPECT_EQ(base::AsText(shards_[1].effects.to_peer.back().payload), "first");
  ExpectOneAllocation(1);
  EXPECT_TRUE(new_.Hears(kPeer));
  EXPECT_FALSE(old_.SendTo(kPeer));
  EXPECT_FALSE(shards_.SendChannel(0, old_, 0x4000));
  EXPECT_EQ(old_.Refresh().error(), 437);
}

TEST_F(MoveMessages, MOB_10_ChannelDataBringsItOverAndIsNotLost) {
  new_.MoveFrom(old_);
  EXPECT_TRUE(shards_.SendChannel(1, new_, 0x4000, "first"));
  ASSERT_EQ(shards_[1].effects.to_peer.size(), 1u);
  EXPECT_EQ(base::AsText(shards_[1].effects.to_peer[0].payload), "first");
  EXPECT_EQ(shards_[1].effects.to_peer[0].peer.endpoint, kPeer);
  ExpectOneAllocation(1);
}

TEST_F(MoveMessages, MOB_10_ARequestBringsItOverAndIsAnswered) {
  new_.MoveFrom(old_);
  EXPECT_TRUE(new_.Bind(0x4000, kPeer).is_success());
  ExpectOneAllocation(1);
  EXPECT_TRUE(new_.Hears(kPeer));
}

TEST_F(MoveMessages, MOB_10_ARequestThatIsNotTheOwnersBringsNothing) {
  new_.MoveFrom(old_);
  EXPECT_EQ(new_.Send(TurnMessage(Method::kCreatePermission).Peer(kPeer)).error(), 401);
  EXPECT_EQ(new_.Login("bob", "secret-b").Permit(kPeer).error(), 441);
  ExpectOneAllocation(0);
  EXPECT_TRUE(new_.Login("alice", "secret-a").Permit(kPeer).is_success());
  ExpectOneAllocation(1);
}

TEST_F(MoveMessages, MOB_10_TheEndOfTheOldConnectionBringsItOver) {
  TestClient stream(shards_[0], kThirdPlace, base::Transport::kTls);
  old_.Refresh(0);
  stream.AllocateMobile();
  stream.Bind(0x4000, kPeer);
  new_.MoveFrom(stream);
  shards_.Gone(0, stream);
  ExpectOneAllocation(1);
  EXPECT_TRUE(new_.Hears(kPeer));
}

TEST_F(MoveMessages, MOB_10_TheEndOfTheNewConnectionLeavesItWhereItIs) {
  TestClient stream(shards_[1], kThirdPlace, base::Transport::kTls);
  stream.MoveFrom(old_);
  shards_.Gone(1, stream);
  ExpectOneAllocation(0);
  EXPECT_TRUE(old_.Hears(kPeer));
  EXPECT_TRUE(new_.MoveFrom(stream).is_success());
  EXPECT_TRUE(new_.SendTo(kPeer));
}

TEST_F(MoveMessages, MOB_11_ARetransmissionIsAnsweredTheSameBeforeAndAfter) {
  const TurnMessage request = new_.Sign(Move(old_.ticket));
  const Reply first = new_.Send(request);
  ASSERT_TRUE(first.is_success());
  EXPECT_EQ(new_.Send(request).octets, first.octets);
  EXPECT_TRUE(shards_.SendChannel(1, new_, 0x4000));
  EXPECT_EQ(new_.Send(request).octets, first.octets);
  ExpectOneAllocation(1);
}

TEST_F(MoveMessages, MOB_14_AThousandMovesBackAndForthAreOneAllocation) {
  std::vector<TestClient> places = {old_, new_};
  for (std::uint16_t i = 0; i < 1000; ++i) {
    TestClient& next = places[(i + 1) % 2];
    ASSERT_TRUE(next.MoveFrom(places[i % 2]).is_success());
    ASSERT_TRUE(next.SendTo(kPeer) || i > 200);  // the permission ends some time
    ASSERT_TRUE(next.Bind(0x4000, kPeer).is_success());
    ASSERT_EQ(third_.Allocate().error(), 486);
  }
  ExpectOneAllocation(0);
  EXPECT_EQ(shards_.messages(), 0u);
  EXPECT_TRUE(places[0].Refresh(0).is_success());
  ExpectNothing();
}

TEST_F(MoveMessages, MOB_14_ANewGrantEndsTheOneBefore) {
  new_.MoveFrom(old_);
  third_.MoveFrom(new_);
  EXPECT_FALSE(new_.SendTo(kPeer));
  EXPECT_EQ(new_.Permit(kPeer).error(), 437);
  ExpectOneAllocation(0);
  EXPECT_TRUE(third_.SendTo(kPeer));
  ExpectOneAllocation(1);
}

TEST_F(MoveMessages, MOB_14_WhatHasNoClientComesOverAtOnce) {
  TestClient stream(shards_[0], kThirdPlace, base::Transport::kTcp);
  old_.Refresh(0);
  stream.AllocateMobile();
  stream.Bind(0x4000, kPeer);
  shards_.Gone(0, stream);
  EXPECT_TRUE(new_.MoveFrom(stream).is_success());
  ExpectOneAllocation(1);
  EXPECT_TRUE(new_.Hears(kPeer));
}

TEST_F(MoveMessages, DeletingFromAnotherShard) {
  EXPECT_EQ(new_.RefreshWith(old_.ticket, 0).lifetime(), 0u);
  ExpectNothing();
}

TEST_F(MoveMessages, TheEndOfTheAllocationFreesTheNew5Tuple) {
  new_.MoveFrom(old_);
  old_.Refresh(0);
  shards_.Carry();
  ExpectNothing();
  EXPECT_TRUE(new_.Allocate().is_success());
}

TEST_F(MoveMessages, ExpiryInOneShardFreesThe5TupleInTheOther) {
  new_.MoveFrom(old_);
  shards_.WaitAndAdvance(seconds(600));
  ExpectNothing();
  EXPECT_TRUE(new_.Allocate().is_success());
}

// Messages on their way.

TEST_F(MoveMessages, WhatTheClientSaysMeanwhileWaitsInOrder) {
  new_.MoveFrom(old_);
  shards_.carries = false;
  EXPECT_FALSE(shards_.SendChannel(1, new_, 0x4000, "1"));
  new_.Send(TurnMessage(Method::kSend, stun::MessageClass::kIndication)
                .Peer(kPeer)
                .Text(AttributeType::kData, "2"));
  new_.Send(new_.Sign(TurnMessage(Method::kCreatePermission).Peer(kPeer)));
  shards_.SendChannel(1, new_, 0x4000, "3");
  EXPECT_TRUE(shards_[1].effects.to_peer.empty());
  const int before = AnswersOf(1);
  shards_.Carry();
  std::string said;
  for (const auto& sent : shards_[1].effects.to_peer) said += base::AsText(sent.payload);
  EXPECT_EQ(said, "123");
  EXPECT_EQ(AnswersOf(1), before + 1);
  ExpectOneAllocation(1);
}

TEST_F(MoveMessages, RequestsInARowAreAllAnswered) {
  new_.MoveFrom(old_);
  shards_.carries = false;
  const int before = AnswersOf(1);
  for (int i = 0; i < 5; ++i)
    new_.Send(new_.Sign(TurnMessage(Method::kChannelBind).Channel(0x4000).Peer(kPeer)));
  shards_.Carry();
  ASSERT_EQ(AnswersOf(1), before + 5);
  for (int i = 0; i < 5; ++i) {
    const auto& octets = shards_[1].effects.to_client[static_cast<std::size_t>(before + i)].octets;
    EXPECT_TRUE(Reply{octets}.is_success());
  }
  ExpectOneAllocation(1);
}

TEST_F(MoveMessages, NoMoreWaitsThanALittle) {
  new_.MoveFrom(old_);
  shards_.carries = false;
  const std::string data(1000, 'x');
  for (int i = 0; i < 1000; ++i) shards_.SendChannel(1, new_, 0x4000, data);
  EXPECT_EQ(shards_[1].effects.CountDrops(DropReason::kQueueFull), 1000u - 32u);
  shards_.Carry();
  EXPECT_EQ(shards_[1].effects.to_peer.size(), 32u);
}

TEST_F(MoveMessages, NothingWaitsForEver) {
  new_.MoveFrom(old_);
  shards_.carries = false;
  shards_.SendChannel(1, new_, 0x4000);
  shards_.WaitAndAdvance(seconds(6));
  EXPECT_EQ(shards_[1].effects.CountDrops(DropReason::kQueueExpired), 1u);
  shards_.Carry();
  EXPECT_TRUE(shards_[1].effects.to_peer.empty());
  ExpectOneAllocation(1);
}

TEST_F(MoveMessages, ARequestThatCrossesWithTheAllocationIsAnsweredByItsNewShard) {
  TestClient stream(shards_[0], kThirdPlace, base::Transport::kTcp);
  old_.Refresh(0);
  stream.AllocateMobile();
  stream.Bind(0x4000, kPeer);
  new_.MoveFrom(stream);
  shards_.carries = false;
  const int before = AnswersOf(1);
  new_.Send(new_.Sign(TurnMessage(Method::kCreatePermission).Peer(kPeer)));
  shards_.Gone(0, stream);
  shards_.Carry();
  ASSERT_EQ(AnswersOf(1), before + 1);
  EXPECT_TRUE(Reply{shards_[1].effects.to_client.back().octets}.is_success());
  ExpectOneAllocation(1);
}

TEST_F(MoveMessages, ATicketThatOvertakesTheAllocationWaitsForIt) {
  third_.Challenge();
  new_.MoveFrom(old_);
  shards_.carries = false;
  shards_.SendChannel(1, new_, 0x4000);
  ASSERT_TRUE(shards_.CarryFrom(1));
  // The allocation is on its way, and the ledger knows already whose it is.
  third_.Send(third_.Sign(Move(new_.ticket)));
  const int before = AnswersOf(1);
  for (int i = 0; i < 10; ++i) EXPECT_TRUE(shards_.CarryFrom(1));
  EXPECT_EQ(AnswersOf(1), before);
  ASSERT_TRUE(shards_.CarryFrom(0));
  shards_.Carry();
  ASSERT_EQ(AnswersOf(1), before + 1);
  EXPECT_TRUE(Reply{shards_[1].effects.to_client.back().octets}.is_success());
  ExpectOneAllocation(1);
}

TEST_F(MoveMessages, AClientThatIsGoneBeforeItsGrantArrivesDeclinesIt) {
  TestClient stream(shards_[1], kThirdPlace, base::Transport::kTcp);
  stream.Challenge();
  shards_.carries = false;
  stream.Send(stream.Sign(Move(old_.ticket)));
  shards_.Gone(1, stream);
  shards_.Carry();
  ExpectOneAllocation(0);
  EXPECT_TRUE(old_.Hears(kPeer));
  // Nothing is kept of it: the 5-tuple is free.
  shards_[1].effects.gone_clients.clear();
  shards_.carries = true;
  EXPECT_TRUE(stream.Login("bob", "secret-b").Allocate().is_success());
}

TEST_F(MoveMessages, AClientThatIsGoneBeforeItsAllocationArrivesLeavesItToTheTicket) {
  TestClient stream(shards_[1], kThirdPlace, base::Transport::kTcp);
  stream.MoveFrom(old_);
  shards_.carries = false;
  shards_.SendChannel(1, stream, 0x4000);
  ASSERT_TRUE(shards_.CarryFrom(1));
  shards_.Gone(1, stream);
  shards_.Carry();
  ExpectOneAllocation(1);
  EXPECT_TRUE(shards_[1].effects.routes.empty());
  shards_.carries = true;
  TestClient back(shards_[0], At("20.5.5.5:5"));
  EXPECT_TRUE(back.MoveFrom(stream).is_success());
  EXPECT_TRUE(back.Hears(kPeer));
  ExpectOneAllocation(0);
}

TEST_F(MoveMessages, AndItEndsByExpiry) {
  TestClient stream(shards_[1], kThirdPlace, base::Transport::kTcp);
  stream.MoveFrom(old_);
  shards_.carries = false;
  shards_.SendChannel(1, stream, 0x4000);
  ASSERT_TRUE(shards_.CarryFrom(1));
  shards_.Gone(1, stream);
  shards_.Carry();
  shards_.WaitAndAdvance(seconds(600));
  ExpectNothing();
}

TEST_F(MoveMessages, AMoveThatIsOffWhileMessagesWaitAnswersThem) {
  new_.MoveFrom(old_);
  shards_.carries = false;
  shards_.SendChannel(1, new_, 0x4000);
  new_.Send(new_.Sign(TurnMessage(Method::kCreatePermission).Peer(kPeer)));
  shards_[0].engine.Disconnect(shards_[0].effects.opened.back(), shards_[0].now);
  shards_.Carry();
  EXPECT_EQ(Reply{shards_[1].effects.to_client.back().octets}.error(), 437);
  EXPECT_EQ(shards_[1].effects.CountDrops(DropReason::kNoChannel), 1u);
  ExpectNothing();
}

TEST_F(MoveMessages, A5TupleThatTookAnAllocationMeanwhileDeclines) {
  new_.Challenge();
  shards_.carries = false;
  new_.Send(new_.Sign(Move(old_.ticket)));
  new_.Login("bob", "secret-b");
  EXPECT_TRUE(new_.Allocate().is_success());
  shards_.Carry();
  EXPECT_EQ(shards_[0].engine.allocation_count(), 1u);
  EXPECT_EQ(shards_[1].engine.allocation_count(), 1u);
  EXPECT_TRUE(old_.Hears(kPeer));
}

TEST_F(MoveMessages, APeerThatOneShardKnowsToBeDeniedIsDeniedOnArrival) {
  new_.MoveFrom(old_);
  shards_[1].Reload([](Policy& policy) {
    PeerPolicy::Rules rules = policy.peers.rules();
    rules.deny = {*base::IpPrefix::Parse("20.9.9.9/32")};
    policy.peers = PeerPolicy(rules);
  });
  EXPECT_FALSE(new_.SendTo(kPeer));
  EXPECT_EQ(shards_[1].engine.allocation_count(), 1u);
  EXPECT_FALSE(new_.Hears(kPeer));
  EXPECT_TRUE(shards_[1].effects.routes.empty());
  EXPECT_EQ(shards_[1].effects.permissions, 0);
}

TEST_F(MoveMessages, AShardThatHasForbiddenMobilityAlreadyAnswersForItself) {
  shards_[1].Reload([](Policy& policy) { policy.mobility = false; });
  EXPECT_EQ(new_.MoveFrom(old_).error(), 405);
  shards_[1].Reload([](Policy& policy) { policy.mobility = true; });
  shards_[0].Reload([](Policy& policy) { policy.mobility = false; });
  EXPECT_EQ(new_.MoveFrom(old_).error(), 405);
  ExpectOneAllocation(0);
}

TEST_F(MoveMessages, D2_StrangersWithATicketLeaveNothingBehind) {
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(new_.Send(Move(old_.ticket)).error(), 401);
  shards_.carries = false;
  for (int i = 0; i < 1000; ++i) new_.Send(Move(old_.ticket));
  EXPECT_LE(shards_.messages(), 256u);
  shards_.Carry();
  shards_.carries = true;
  EXPECT_TRUE(new_.MoveFrom(old_).is_success());
}

TEST_F(MoveMessages, ClosingAllWhileEverythingIsOnItsWay) {
  new_.MoveFrom(old_);
  shards_.carries = false;
  shards_.SendChannel(1, new_, 0x4000);
  for (const std::size_t shard : {0u, 1u}) shards_[shard].engine.CloseAll(shards_[shard].now);
  shards_.Carry();
  ExpectNothing();
}

}  // namespace turn::move_messages_test
