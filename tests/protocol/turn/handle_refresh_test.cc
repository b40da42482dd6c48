#include <gtest/gtest.h>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn::handle_refresh_test {

TurnMessage Dual() {
  return TurnMessage(Method::kAllocate)
      .Udp()
      .LeadingOctet(AttributeType::kAdditionalAddressFamily, 2);
}
TurnMessage RefreshOf(std::uint8_t family, std::optional<std::uint32_t> lifetime = std::nullopt) {
  TurnMessage message(Method::kRefresh);
  message.LeadingOctet(AttributeType::kRequestedAddressFamily, family);
  if (lifetime) message.U32(AttributeType::kLifetime, *lifetime);
  return message;
}

TEST(HandleRefresh, TURN_02_WithoutAnAllocationItIs437) {
  TestServer server;
  EXPECT_EQ(TestClient(server).Refresh().error(), 437);
}

TEST(HandleRefresh, TURN_02_AStrangerWithoutAnAllocationGets401) {
  TestServer server;
  EXPECT_EQ(TestClient(server).Send(TurnMessage(Method::kRefresh)).error(), 401);
}

TEST(HandleRefresh, TURN_04_AnotherUserGets441AndChangesNothing) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Login("bob", "secret-b");
  EXPECT_EQ(client.Refresh(0).error(), 441);
  EXPECT_EQ(server.engine.allocation_count(), 1u);
}

TEST(HandleRefresh, ARenewedOneTimeNameOfTheSameSubjectMayRefresh) {
  TestServer server([](TestServer::Options& options) {
    options.users = {
        {"1:x", "p", "dave", "acme"}, {"2:y", "p", "dave", "acme"}, {"3:z", "p", "dave", "other"}};
  });
  TestClient client(server);
  client.Login("1:x", "p").Allocate();
  EXPECT_TRUE(client.Login("2:y", "p").Refresh().is_success());
  EXPECT_EQ(client.Login("3:z", "p").Refresh().error(), 441);
}

TEST(HandleRefresh, UsersWithoutASubjectAreNotOneUser) {
  TestServer server([](TestServer::Options& options) {
    options.users = {{"a", "p", ""}, {"b", "p", ""}};
  });
  TestClient client(server);
  client.Login("a", "p").Allocate();
  EXPECT_EQ(client.Login("b", "p").Refresh().error(), 441);
}

struct LifetimeCase {
  std::optional<std::uint32_t> requested;
  std::uint32_t granted;
};
class RefreshLifetime : public ::testing::TestWithParam<LifetimeCase> {};
TEST_P(RefreshLifetime, TURN_39_TURN_40_IsBetweenDefaultAndMaximum) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Refresh(GetParam().requested).lifetime(), GetParam().granted);
  server.WaitAndAdvance(seconds(GetParam().granted) - std::chrono::milliseconds(1));
  EXPECT_EQ(server.engine.allocation_count(), 1u);
  server.WaitAndAdvance(std::chrono::milliseconds(1));
  EXPECT_EQ(server.engine.allocation_count(), 0u);
}
INSTANTIATE_TEST_SUITE_P(HandleRefresh, RefreshLifetime,
                         ::testing::Values(LifetimeCase{std::nullopt, 600}, LifetimeCase{1, 600},
                                           LifetimeCase{599, 600}, LifetimeCase{601, 601},
                                           LifetimeCase{0xffffffff, 3600}));

TEST(HandleRefresh, AMalformedLifetimeIs400) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  TurnMessage message(Method::kRefresh);
  EXPECT_EQ(client.Request(message.Zeros(AttributeType::kLifetime, 3)).error(), 400);
}

TEST(HandleRefresh, TURN_38_ALifetimeOfZeroDeletesAtOnce) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Permit(kPeer);
  const Reply reply = client.Refresh(0);
  ASSERT_TRUE(reply.is_success());
  EXPECT_EQ(reply.lifetime(), 0u);
  EXPECT_FALSE(client.SendTo(kPeer));
  EXPECT_FALSE(client.Hears(kPeer));
  EXPECT_EQ(client.Refresh().error(), 437);
  EXPECT_TRUE(server.effects.sockets.empty());
  EXPECT_FALSE(server.ledger.IsLive(client.relayed[0]));
  ASSERT_EQ(server.effects.closed.size(), 1u);
  EXPECT_EQ(server.effects.closed[0].reason, CloseReason::kDeleted);
  EXPECT_EQ(server.effects.closed[0].id, server.effects.opened[0]);
}

TEST(HandleRefresh, TURN_22_ARetransmittedRefreshSucceedsAgain) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  const TurnMessage request = client.Sign(TurnMessage(Method::kRefresh));
  EXPECT_EQ(client.Send(request).octets, client.Send(request).octets);
}

TEST(HandleRefresh, TURN_22_ARetransmittedDeleteIs437) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  const TurnMessage request =
      client.Sign(TurnMessage(Method::kRefresh).U32(AttributeType::kLifetime, 0));
  EXPECT_TRUE(client.Send(request).is_success());
  EXPECT_EQ(client.Send(request).error(), 437);
}

TEST(HandleRefresh, TURN_37_AfterExpiryThe5TupleIsFreeAndNothingIsLeft) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  client.Bind(0x4000, kPeer);
  server.WaitAndAdvance(seconds(600));
  EXPECT_EQ(client.Refresh().error(), 437);
  EXPECT_TRUE(server.effects.sockets.empty());
  EXPECT_TRUE(server.effects.routes.empty());
  EXPECT_EQ(server.effects.permissions, 0);
  EXPECT_EQ(server.effects.channels, 0);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 0u);
  EXPECT_EQ(server.ledger.ReadTotals().ports_in_use, 0u);
  EXPECT_EQ(server.effects.closed[0].reason, CloseReason::kExpired);
  EXPECT_TRUE(client.Allocate().is_success());
}

TEST(HandleRefresh, TURN_37_ExpiryIsExactEvenIfNobodyCallsAdvance) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  server.Wait(seconds(600) - std::chrono::nanoseconds(1));
  client.Permit(kPeer);
  EXPECT_TRUE(client.Hears(kPeer));
  server.Wait(std::chrono::nanoseconds(1));
  EXPECT_FALSE(client.Hears(kPeer));
  EXPECT_FALSE(client.SendTo(kPeer));
  EXPECT_EQ(client.Refresh().error(), 437);
}

TEST(HandleRefresh, TURN_36_DataDoesNotExtendAnAllocation) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  for (int i = 0; i < 60; ++i) {
    if (i % 20 == 0) client.Permit(kPeer);
    client.SendTo(kPeer);
    client.Hears(kPeer);
    server.WaitAndAdvance(seconds(10));
  }
  EXPECT_EQ(client.Refresh().error(), 437);
}

TEST(HandleRefresh, D21_TheWallClockEndsNothing) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  server.now.wall += std::chrono::hours(24);
  server.engine.Advance(server.now);
  EXPECT_TRUE(client.Refresh().is_success());
}

TEST(HandleRefresh, TURN_41_AFamilyMismatchIs443AndChangesNothing) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  server.Wait(seconds(300));
  EXPECT_EQ(client.Request(RefreshOf(2)).error(), 443);
  EXPECT_EQ(client.Request(RefreshOf(2, 0)).error(), 443);
  EXPECT_EQ(client.Request(RefreshOf(3)).error(), 443);
  server.WaitAndAdvance(seconds(300));
  EXPECT_EQ(server.engine.allocation_count(), 0u);
}

TEST(HandleRefresh, TURN_41_TheAllocationsOwnFamilyIsFine) {
  TestServer server;
  TestClient client(server);
  client.Allocate();
  EXPECT_EQ(client.Request(RefreshOf(1, 700)).lifetime(), 700u);
}

TEST(HandleRefresh, TURN_42_DeletingOneFamilyLeavesTheOtherWithPermissionsAndChannels) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  client.Bind(0x4000, kPeer);
  client.Bind(0x4001, kPeerV6);
  EXPECT_TRUE(client.Request(RefreshOf(2, 0)).is_success());
  EXPECT_TRUE(client.Hears(kPeer));
  EXPECT_FALSE(client.Hears(kPeerV6));
  EXPECT_EQ(client.Bind(0x4001, kPeerV6).error(), 443);
  EXPECT_EQ(server.effects.channels, 1);
  EXPECT_EQ(server.effects.permissions, 1);
  EXPECT_EQ(server.effects.routes.size(), 1u);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 1u);
  EXPECT_EQ(client.Request(RefreshOf(2)).error(), 443);
}

TEST(HandleRefresh, TURN_42_DeletingBothFamiliesOneByOneEndsTheAllocation) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  EXPECT_TRUE(client.Request(RefreshOf(1, 0)).is_success());
  EXPECT_TRUE(client.Request(RefreshOf(2, 0)).is_success());
  EXPECT_EQ(client.Refresh().error(), 437);
  EXPECT_EQ(server.effects.closed.size(), 2u);
}

TEST(HandleRefresh, TURN_42_WithoutAFamilyBothAreRefreshed) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  EXPECT_EQ(client.Refresh(3000).lifetime(), 3000u);
  server.WaitAndAdvance(seconds(2999));
  EXPECT_EQ(server.effects.sockets.size(), 2u);
}

TEST(HandleRefresh, TURN_42_RefreshingOneFamilyLetsTheOtherExpire) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  client.Request(RefreshOf(1, 3000));
  server.WaitAndAdvance(seconds(600));
  ASSERT_EQ(server.effects.sockets.size(), 1u);
  EXPECT_TRUE(server.effects.sockets.begin()->second.address.endpoint.address.is_v4());
  EXPECT_TRUE(client.Refresh().is_success());
}

TEST(HandleRefresh, TURN_42_WithoutAFamilyBothAreDeleted) {
  TestServer server;
  TestClient client(server);
  client.Allocate(Dual());
  EXPECT_TRUE(client.Refresh(0).is_success());
  EXPECT_TRUE(server.effects.sockets.empty());
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 0u);
}

TEST(HandleRefresh, AShorterLifetimeTakesEffect) {
  TestServer server;
  TestClient client(server);
  client.Allocate(TurnMessage(Method::kAllocate).Udp().U32(AttributeType::kLifetime, 3600));
  client.Refresh(600);
  server.WaitAndAdvance(seconds(600));
  EXPECT_EQ(server.engine.allocation_count(), 0u);
}

// User names that carry a date.

constexpr seconds kNameLifetime{1000};

std::function<void(TestServer::Options&)> ExpiringName(Policy::ExpiredRefresh rule) {
  return [rule](TestServer::Options& options) {
    options.policy.expired_refresh = rule;
    options.policy.expired_refresh_max = seconds(5000);
    options.policy.nonce_lifetime = seconds(100'000);
    options.users = {{"alice", "secret-a", "alice", "", TestServer::WallStart() + kNameLifetime}};
  };
}
TurnMessage LongAllocate() {
  return TurnMessage(Method::kAllocate).Udp().U32(AttributeType::kLifetime, 3600);
}

TEST(HandleRefresh, A16_AnExpiredNameGetsNoAllocation) {
  TestServer server(ExpiringName(Policy::ExpiredRefresh::kGrace));
  TestClient client(server);
  server.Wait(kNameLifetime);
  const Reply reply = client.Allocate();
  EXPECT_EQ(reply.error(), 401);
  EXPECT_TRUE(reply.Has(AttributeType::kNonce));
  EXPECT_EQ(server.effects.authentication_failures.back(), AuthFailure::kExpired);
}

TEST(HandleRefresh, A16_WithGraceAnExpiredNameKeepsItsAllocationForAWhile) {
  TestServer server(ExpiringName(Policy::ExpiredRefresh::kGrace));
  TestClient client(server);
  client.Allocate(LongAllocate());
  server.WaitAndAdvance(kNameLifetime);
  EXPECT_TRUE(client.Refresh(3600).is_success());
  EXPECT_TRUE(client.Permit(kPeer).is_success());
  EXPECT_TRUE(client.Bind(0x4000, kPeer).is_success());
  server.WaitAndAdvance(seconds(3000));
  EXPECT_TRUE(client.Refresh(3600).is_success());
  server.WaitAndAdvance(seconds(2000));
  EXPECT_EQ(client.Refresh(3600).error(), 401);
  EXPECT_EQ(client.Permit(kPeer).error(), 401);
  EXPECT_TRUE(client.Refresh(0).is_success());
}

TEST(HandleRefresh, A16_WithoutGraceAnExpiredNameMayOnlyDelete) {
  TestServer server(ExpiringName(Policy::ExpiredRefresh::kRefuse));
  TestClient client(server);
  client.Allocate(LongAllocate());
  server.WaitAndAdvance(kNameLifetime);
  EXPECT_EQ(client.Refresh(3600).error(), 401);
  EXPECT_EQ(client.Permit(kPeer).error(), 401);
  EXPECT_EQ(client.Bind(0x4000, kPeer).error(), 401);
  EXPECT_TRUE(client.Refresh(0).is_success());
}

TEST(HandleRefresh, A16_GraceIsForTheOwnerOfALiveAllocationOnly) {
  TestServer server(ExpiringName(Policy::ExpiredRefresh::kGrace));
  TestClient client(server);
  server.Wait(kNameLifetime);
  EXPECT_EQ(client.Refresh().error(), 401);
}

}  // namespace turn::handle_refresh_test
