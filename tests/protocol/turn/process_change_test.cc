#include <gtest/gtest.h>

#include <functional>
#include <memory>
#include <vector>

#include "protocol/turn/allocation_record.h"
#include "tests/protocol/turn/engine_fixture.h"

// Allocations that go from one process to the next one, as records.
namespace turn::process_change_test {

class ProcessChange : public ::testing::Test {
 protected:
  ProcessChange() { after_.effects.next_handle = 1000; }

  // The sockets go over, too, under the numbers that the next process has for them.
  RelayHandle GiveSocket(RelayHandle handle) {
    const auto& socket = before_.effects.sockets.at(handle);
    const RelayHandle given{after_.effects.next_handle++};
    after_.effects.sockets.emplace(given,
                                   test_support::RecordingEffects::OpenSocket{socket.address});
    return given;
  }
  std::unique_ptr<Allocation> Hand(const Allocation& allocation) {
    auto decoded = DecodeAllocation(EncodeAllocation(allocation));
    CHECK(decoded != nullptr);
    allocation.ForEachRelay([&](const Relay& relay) {
      decoded->FindRelay(relay.address.endpoint.address.family())->handle =
          GiveSocket(relay.handle);
    });
    return decoded;
  }
  bool RestoreAll() {
    bool is_done = true;
    before_.engine.VisitAllocations([&](const Allocation& allocation) {
      is_done = after_.engine.Restore(Hand(allocation), after_.now) && is_done;
    });
    before_.engine.VisitReservations([&](const HeldReservationRecord& held) {
      auto record = DecodeReservation(EncodeReservation(held));
      record->reservation.relay = GiveSocket(held.reservation.relay);
      is_done = after_.engine.Restore(*record) && is_done;
    });
    return is_done;
  }
  // The client, from now on at the next process.
  TestClient Follow(const TestClient& client) {
    TestClient follower(after_, client.client.five_tuple.client);
    follower.nonce = client.nonce;
    follower.relayed = client.relayed;
    follower.ticket = client.ticket;
    return follower;
  }

  static void Change(TestServer::Options& options) {
    options.policy.mobility = true;
    options.ledger.allocations_per_user = 2;
  }
  TestServer before_{Change};
  TestServer after_{Change};
  TestClient client_{before_};
};

TEST_F(ProcessChange, WithoutItsSocketNothingIsRestored) {
  client_.Allocate();
  before_.engine.VisitAllocations([&](const Allocation& allocation) {
    EXPECT_FALSE(after_.engine.Restore(DecodeAllocation(EncodeAllocation(allocation)), after_.now));
  });
  EXPECT_EQ(after_.engine.allocation_count(), 0u);
  EXPECT_EQ(after_.ledger.ReadTotals().ports_in_use, 0u);
}

TEST_F(ProcessChange, TwiceIsOnceTooOften) {
  client_.Allocate();
  EXPECT_TRUE(RestoreAll());
  EXPECT_FALSE(RestoreAll());
  EXPECT_EQ(after_.engine.allocation_count(), 1u);
  EXPECT_EQ(after_.ledger.ReadTotals().allocations, 1u);
}

TEST_F(ProcessChange, APortThatIsNoneOfOursIsRefusedAndNothingIsTaken) {
  client_.Allocate(TurnMessage(Method::kAllocate)
                       .Udp()
                       .LeadingOctet(AttributeType::kAdditionalAddressFamily, 2));
  before_.engine.VisitAllocations([&](const Allocation& allocation) {
    auto handed = Hand(allocation);
    handed->ForEachRelay(
        [](const Relay& relay) { const_cast<Relay&>(relay).address.endpoint.port = 1024; });
    EXPECT_FALSE(after_.engine.Restore(std::move(handed), after_.now));
  });
  EXPECT_EQ(after_.ledger.ReadTotals().ports_in_use, 0u);
  EXPECT_EQ(after_.ledger.ReadTotals().allocations, 0u);
  EXPECT_TRUE(after_.effects.relays_by_client.empty());
}

TEST_F(ProcessChange, TheCallGoesOnWithNonceCredentialsPermissionsAndChannels) {
  client_.Allocate();
  client_.Permit(kPeer);
  client_.Bind(0x4000, kPeer);
  ASSERT_TRUE(RestoreAll());
  EXPECT_EQ(after_.effects.routes.size(), 1u);
  EXPECT_EQ(after_.effects.permissions, 1);
  EXPECT_EQ(after_.effects.channels, 1);
  TestClient follower = Follow(client_);
  EXPECT_TRUE(follower.SendTo(kPeer));
  EXPECT_EQ(after_.effects.to_peer.back().client.five_tuple, client_.client.five_tuple);
  EXPECT_TRUE(follower.Refresh().is_success());
  EXPECT_TRUE(follower.Bind(0x4000, kPeer).is_success());
  EXPECT_EQ(follower.Bind(0x4001, kPeer).error(), 400);
}

TEST_F(ProcessChange, AnAllocateThatIsRetransmittedGetsTheSameAnswer) {
  const TurnMessage request = client_.Sign(TurnMessage(Method::kAllocate).Udp());
  const Reply first = client_.Send(request);
  ASSERT_TRUE(first.is_success());
  ASSERT_TRUE(RestoreAll());
  TestClient follower = Follow(client_);
  EXPECT_EQ(follower.Send(request).relayed(), first.relayed());
}

TEST_F(ProcessChange, QuotasCountWhatHasComeOver) {
  client_.Allocate();
  TestClient second(before_, At("20.3.3.3:42000"));
  second.Allocate();
  ASSERT_TRUE(RestoreAll());
  TestClient other(after_, At("20.2.2.2:41000"));
  EXPECT_EQ(other.Allocate().error(), 486);
  TestClient follower = Follow(client_);
  EXPECT_TRUE(follower.Refresh(0).is_success());
  EXPECT_TRUE(other.Allocate().is_success());
  EXPECT_EQ(after_.ledger.ReadTotals().ports_in_use, 2u);
}

TEST_F(ProcessChange, WhatHasExpiredMeanwhileEnds) {
  client_.Allocate();
  after_.Wait(seconds(601));
  ASSERT_TRUE(RestoreAll());
  after_.engine.Advance(after_.now);
  EXPECT_EQ(after_.engine.allocation_count(), 0u);
  ASSERT_EQ(after_.effects.closed.size(), 1u);
  EXPECT_EQ(after_.effects.closed[0].reason, CloseReason::kExpired);
  EXPECT_TRUE(after_.effects.sockets.empty());
}

TEST_F(ProcessChange, ATicketIsGoodAtTheNextProcess) {
  client_.AllocateMobile();
  ASSERT_TRUE(RestoreAll());
  TestClient moved(after_, At("20.2.2.2:41000"));
  moved.relayed = client_.relayed;
  EXPECT_TRUE(moved.RefreshWith(client_.ticket).is_success());
}

TEST_F(ProcessChange, AReservationCanBeRedeemedAtTheNextProcess) {
  const Reply reply = client_.Allocate(TurnMessage(Method::kAllocate).Udp().EvenPort(0x80));
  ASSERT_TRUE(reply.Has(AttributeType::kReservationToken));
  const auto token = reply.view().Find(AttributeType::kReservationToken)->value;
  ASSERT_TRUE(RestoreAll());
  EXPECT_EQ(after_.ledger.ReadTotals().reservations, 1u);
  TestClient other(after_, At("20.2.2.2:41000"));
  EXPECT_TRUE(
      other
          .Allocate(
              TurnMessage(Method::kAllocate).Udp().Bytes(AttributeType::kReservationToken, token))
          .is_success());
}

TEST_F(ProcessChange, AReservationThatNobodyRedeemsIsReturned) {
  client_.Allocate(TurnMessage(Method::kAllocate).Udp().EvenPort(0x80));
  ASSERT_TRUE(RestoreAll());
  after_.WaitAndAdvance(seconds(32));
  EXPECT_EQ(after_.ledger.ReadTotals().reservations, 0u);
  EXPECT_EQ(after_.ledger.ReadTotals().ports_in_use, 1u);
}

TEST_F(ProcessChange, WhoIsRefusedByTheNextPolicyLosesTheRoute) {
  client_.Allocate();
  client_.Bind(0x4000, kPeer);
  after_.Reload([](Policy& policy) {
    PeerPolicy::Rules rules;
    rules.deny = {*base::IpPrefix::Parse("20.9.9.9")};
    rules.relay_addresses = {{kRelayV4, kRelayV4}, {kRelayV6, kRelayV6}};
    policy.peers = PeerPolicy(rules);
  });
  ASSERT_TRUE(RestoreAll());
  EXPECT_TRUE(after_.effects.routes.empty());
  EXPECT_EQ(after_.effects.channels, 0);
}

TEST_F(ProcessChange, TheFormerProcessGoesOnUntilItLetsGo) {
  client_.Allocate();
  client_.Bind(0x4000, kPeer);
  ASSERT_TRUE(RestoreAll());
  EXPECT_TRUE(client_.Refresh().is_success());
  EXPECT_EQ(before_.effects.routes.size(), 1u);
}

TEST_F(ProcessChange, WhatIsLetGoIsGoneWithoutAWord) {
  client_.Allocate(TurnMessage(Method::kAllocate).Udp().EvenPort(0x80));
  client_.Bind(0x4000, kPeer);
  before_.effects.ForgetTraffic();
  before_.engine.LetGo([](const Allocation&) { return true; });
  EXPECT_EQ(before_.engine.allocation_count(), 0u);
  EXPECT_TRUE(before_.effects.sockets.empty());
  EXPECT_TRUE(before_.effects.routes.empty());
  EXPECT_TRUE(before_.effects.closed.empty());
  EXPECT_TRUE(before_.effects.to_client.empty());
  EXPECT_TRUE(before_.effects.relays_by_client.empty());
  EXPECT_EQ(before_.effects.permissions, 0);
  EXPECT_EQ(before_.effects.channels, 0);
  before_.WaitAndAdvance(seconds(3600));
  EXPECT_TRUE(before_.effects.closed.empty());
}

TEST_F(ProcessChange, WhoStaysReachesWhoHasGoneAndTheOtherWay) {
  client_.Allocate();
  TestClient over_tls(before_, At("20.2.2.2:41000"), base::Transport::kTls);
  over_tls.Login("bob", "secret-b").Allocate();
  ASSERT_TRUE(over_tls.Bind(0x4000, client_.relayed[0]).is_success());
  before_.engine.LetGo([](const Allocation& allocation) {
    return allocation.client.five_tuple.transport == base::Transport::kUdp;
  });
  EXPECT_TRUE(over_tls.SendTo(client_.relayed[0]));
  EXPECT_EQ(before_.ledger.ListLive(), over_tls.relayed);
  before_.ledger.ForgetElsewhere();
  EXPECT_FALSE(over_tls.SendTo(client_.relayed[0]));
  EXPECT_FALSE(after_.ledger.IsLive(over_tls.relayed[0]));
  after_.ledger.SetLiveElsewhere(over_tls.relayed[0], true);
  EXPECT_TRUE(after_.ledger.IsLive(over_tls.relayed[0]));
  EXPECT_TRUE(after_.ledger.ListLive().empty());
  after_.ledger.SetLiveElsewhere(At("203.0.113.1:50000"), true);  // none of ours
}

TEST_F(ProcessChange, WhoIsNotMeantStays) {
  client_.Allocate();
  TestClient over_tls(before_, At("20.2.2.2:41000"), base::Transport::kTls);
  over_tls.Login("bob", "secret-b").Allocate();
  before_.engine.LetGo([](const Allocation& allocation) {
    return allocation.client.five_tuple.transport == base::Transport::kUdp;
  });
  EXPECT_EQ(before_.engine.allocation_count(), 1u);
  EXPECT_TRUE(over_tls.Refresh().is_success());
}

}  // namespace turn::process_change_test
