#include "server/control/credential_minter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "auth/timed_credential.h"

namespace relay::credential_minter_test {

using std::chrono::seconds;
using testing::ElementsAre;

const base::WallTime kNow{seconds(1'795'194'000)};

FleetNode Node(const std::string& name, const std::string& region) {
  FleetNode node;
  node.name = name;
  node.region = region;
  node.stun_urls = {"stun:" + name + ":49152"};
  node.turn_urls = {"turn:" + name + ":49152?transport=udp", "turns:" + name + ":443?transport=tcp",
                    "turn:" + name + ":3478?transport=udp", "turn:" + name + ":3478?transport=tcp"};
  node.allocations_limit = 100;
  return node;
}

CredentialSettings Settings() {
  CredentialSettings settings;
  settings.region = "eu";
  settings.secrets = auth::KeyRing({auth::SharedSecret{"k1", "a secret"}});
  return settings;
}

MintHolder Holder() { return {"acme", "alice", "7d1e", std::nullopt}; }

Minted Good(std::variant<Minted, MintFailure> result) { return std::get<Minted>(result); }
MintFailure Bad(std::variant<Minted, MintFailure> result) { return std::get<MintFailure>(result); }

TEST(CredentialMinter, FailsWithoutANode) {
  EXPECT_EQ(Bad(Mint(Settings(), {}, {}, Holder(), kNow)), MintFailure::kNoNode);
}

TEST(CredentialMinter, FailsInARegionThatCannotBeHad) {
  MintRequest request;
  request.region = {"ap", true};
  EXPECT_EQ(Bad(Mint(Settings(), {Node("eu1", "eu")}, request, Holder(), kNow)),
            MintFailure::kRegion);
}

TEST(CredentialMinter, FailsWithoutASecretOfTheRegion) {
  CredentialSettings settings = Settings();
  settings.secrets = auth::KeyRing({auth::SharedSecret{"na", "a secret", "na"}});
  EXPECT_EQ(Bad(Mint(settings, {Node("eu1", "eu")}, {}, Holder(), kNow)), MintFailure::kNoSecret);
}

TEST(CredentialMinter, FailsForATenantThatWouldChangeTheName) {
  for (const char* tenant : {"", "a.b", "a:b", "a b", "\xc3\xa4"}) {
    const MintHolder holder{tenant, "alice", "7d1e", std::nullopt};
    EXPECT_EQ(Bad(Mint(Settings(), {Node("eu1", "eu")}, {}, holder, kNow)), MintFailure::kHolder);
  }
}

TEST(CredentialMinter, NeverOutlivesTheToken) {
  MintHolder holder = Holder();
  holder.right_ends_at = kNow + seconds(90);
  const Minted minted = Good(Mint(Settings(), {Node("eu1", "eu")}, {}, holder, kNow));
  EXPECT_EQ(minted.ttl, seconds(90));
  EXPECT_EQ(minted.expires_at, kNow + seconds(90));
  holder.right_ends_at = kNow;
  EXPECT_EQ(Bad(Mint(Settings(), {Node("eu1", "eu")}, {}, holder, kNow)), MintFailure::kRightOver);
}

TEST(CredentialMinter, NeverExceedsTheMaximum) {
  MintRequest request;
  request.ttl = seconds(1'000'000);
  EXPECT_EQ(Good(Mint(Settings(), {Node("eu1", "eu")}, request, Holder(), kNow)).ttl,
            seconds(12 * 3600));
}

TEST(CredentialMinter, MakesWhatTheContractShows) {
  const Minted minted = Good(Mint(
      Settings(), {Node("eu1", "eu"), Node("eu2", "eu"), Node("na1", "na")}, {}, Holder(), kNow));
  ASSERT_EQ(minted.servers.size(), 1U);
  EXPECT_THAT(minted.stun_urls, ElementsAre("stun:eu1:49152"));
  EXPECT_THAT(minted.servers[0].turn_urls,
              ElementsAre("turn:eu1:49152?transport=udp", "turns:eu1:443?transport=tcp",
                          "turn:eu2:49152?transport=udp", "turns:eu2:443?transport=tcp",
                          "turn:na1:49152?transport=udp", "turns:na1:443?transport=tcp"));
  const std::string& username = minted.servers[0].username;
  EXPECT_EQ(username, "1795197600:k1.acme." + minted.subject_hash + ":7d1e");
  EXPECT_EQ(minted.servers[0].password, auth::TimedPassword("a secret", username));
  EXPECT_EQ(minted.refresh_after, minted.expires_at - seconds(720));
  EXPECT_EQ(minted.region, "eu");
}

TEST(CredentialMinter, NamesEveryAddressOfANodeThatIsAlone) {
  const Minted minted = Good(Mint(Settings(), {Node("eu1", "eu")}, {}, Holder(), kNow));
  EXPECT_EQ(minted.servers[0].turn_urls, Node("eu1", "eu").turn_urls);
}

TEST(CredentialMinter, SignsForEachRegionWithItsSecret) {
  CredentialSettings settings = Settings();
  settings.subject_key = "the same everywhere";
  settings.secrets = auth::KeyRing({{"n", "of na", "na"}, {"e", "of eu", "eu"}});
  const Minted minted =
      Good(Mint(settings, {Node("eu1", "eu"), Node("na1", "na")}, {}, Holder(), kNow));
  ASSERT_EQ(minted.servers.size(), 2U);
  const auto eu = auth::ParseTimedUsername(minted.servers[0].username);
  const auto na = auth::ParseTimedUsername(minted.servers[1].username);
  EXPECT_EQ(eu->kid, "e");
  EXPECT_EQ(na->kid, "n");
  EXPECT_EQ(eu->subject, na->subject);
  EXPECT_EQ(minted.servers[1].password, auth::TimedPassword("of na", minted.servers[1].username));
  EXPECT_THAT(minted.servers[1].turn_urls,
              ElementsAre("turn:na1:49152?transport=udp", "turns:na1:443?transport=tcp"));
}

TEST(IceServersDocument, IsTheOneOfTheContract) {
  namespace json = boost::json;
  const Minted minted = Good(Mint(Settings(), {Node("eu1", "eu")}, {}, Holder(), kNow));
  const json::object document = json::parse(IceServersDocument(minted, "relay")).as_object();
  EXPECT_EQ(document.size(), 6U);
  EXPECT_EQ(document.at("iceTransportPolicy").as_string(), "relay");
  EXPECT_EQ(document.at("ttl").as_int64(), 3600);
  EXPECT_EQ(document.at("expiresAt").as_string(), "2026-11-20T18:00:00Z");
  EXPECT_EQ(document.at("refreshAfter").as_string(), "2026-11-20T17:48:00Z");
  EXPECT_EQ(document.at("region").as_string(), "eu");
  const json::array& servers = document.at("iceServers").as_array();
  ASSERT_EQ(servers.size(), 2U);
  EXPECT_EQ(servers[0].as_object().size(), 1U);
  EXPECT_TRUE(servers[1].as_object().contains("credential"));
}

}  // namespace relay::credential_minter_test
