#include "protocol/turn/revocations.h"

#include <gtest/gtest.h>

#include <memory>
#include <set>
#include <string>

#include "tests/protocol/turn/engine_fixture.h"
#include "tests/protocol/turn/two_shards.h"

namespace turn::revocations_test {

class Names final : public Revocations {
 public:
  explicit Names(std::set<std::string, std::less<>> names) : names_(std::move(names)) {}
  bool Covers(std::string_view username) const override { return names_.contains(username); }

 private:
  std::set<std::string, std::less<>> names_;
};

void Revoke(TestServer& server, std::set<std::string, std::less<>> names) {
  server.engine.SetRevocations(std::make_shared<const Names>(std::move(names)), server.now);
}

TEST(Revocations, WhoIsCoveredGetsAChallengeInstead) {
  TestServer server;
  Revoke(server, {"alice"});
  TestClient alice(server);
  const Reply reply = alice.Allocate();
  EXPECT_EQ(reply.error(), 401);
  EXPECT_TRUE(reply.Has(AttributeType::kNonce));
  EXPECT_EQ(server.engine.allocation_count(), 0u);
  TestClient bob(server, kClientV6);
  EXPECT_TRUE(bob.Login("bob", "secret-b").Allocate().is_success());
}

TEST(Revocations, AWrongPasswordLearnsNothingOfThem) {
  TestServer server;
  Revoke(server, {"alice"});
  TestClient client(server);
  EXPECT_EQ(client.Login("alice", "wrong").Allocate().error(), 401);
  EXPECT_EQ(server.effects.authentication_failures.back(), AuthFailure::kWrongIntegrity);
  EXPECT_EQ(client.Login("alice", "secret-a").Allocate().error(), 401);
  EXPECT_EQ(server.effects.authentication_failures.back(), AuthFailure::kRevoked);
}

TEST(Revocations, AllocationsEndAtOnceWithAllTheyHad) {
  TestServer server;
  TestClient alice(server);
  TestClient bob(server, kClientV6);
  alice.Allocate();
  alice.Bind(0x4000, kPeer);
  bob.Login("bob", "secret-b").Allocate();
  Revoke(server, {"alice"});
  EXPECT_EQ(server.engine.allocation_count(), 1u);
  EXPECT_TRUE(server.effects.routes.empty());
  EXPECT_EQ(server.effects.closed.back().reason, CloseReason::kRevoked);
  EXPECT_EQ(server.ledger.ReadTotals().allocations, 1u);
  EXPECT_FALSE(alice.SendTo(kPeer));
  EXPECT_EQ(alice.Refresh().error(), 401);
  EXPECT_TRUE(bob.Refresh().is_success());
}

TEST(Revocations, TheNameThatKeepsAnAllocationIsTheOneThatCounts) {
  TestServer server([](TestServer::Options& options) {
    options.users = {{"1:x", "p", "dave", "acme"}, {"2:y", "p", "dave", "acme"}};
  });
  TestClient client(server);
  client.Login("1:x", "p").Allocate();
  client.Login("2:y", "p").Refresh();
  Revoke(server, {"1:x"});
  EXPECT_EQ(server.engine.allocation_count(), 1u);
  Revoke(server, {"2:y"});
  EXPECT_EQ(server.engine.allocation_count(), 0u);
}

TEST(Revocations, WithoutThemWhoWasCoveredIsWelcomeAgain) {
  TestServer server;
  TestClient alice(server);
  Revoke(server, {"alice"});
  EXPECT_EQ(alice.Allocate().error(), 401);
  server.engine.SetRevocations(nullptr, server.now);
  EXPECT_TRUE(alice.Allocate().is_success());
}

// The shards do not hear of it at one time: an allocation must not slip by on its way.
TEST(Revocations, OfAnAllocationThatIsMovingToAShardThatKnowsEndIt) {
  TwoShards shards([](TestServer::Options& options) { options.policy.mobility = true; });
  TestClient before(shards[0]);
  TestClient after(shards[1], At("20.2.2.2:41000"));
  before.AllocateMobile();
  before.Permit(kPeer);
  after.MoveFrom(before);
  shards.carries = false;
  Revoke(shards[1], {"alice"});
  after.SendTo(kPeer);
  shards.Carry();
  EXPECT_EQ(shards[0].engine.allocation_count(), 0u);
  EXPECT_EQ(shards[1].engine.allocation_count(), 0u);
  EXPECT_EQ(shards.ledger->ReadTotals().allocations, 0u);
}

}  // namespace turn::revocations_test
