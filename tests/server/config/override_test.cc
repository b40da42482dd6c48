#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "server/config/load.h"

namespace relay::override_test {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::SizeIs;

LoadedConfig Load(const std::vector<std::string>& overrides, const char* yaml = "") {
  return LoadConfigText(yaml, "turn.yaml", overrides);
}

TEST(Override, SetsOneKey) {
  const LoadedConfig loaded = Load({"relay.ports.min=50000"});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.relay.min_port, 50000);
  EXPECT_EQ(loaded.config.relay.max_port, 65535);
}

TEST(Override, WinsOverTheFileAndOverEarlierOnes) {
  const LoadedConfig loaded =
      Load({"realm=second", "realm=third"}, "realm: first\nnode: kept.example\n");
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.realm, "third");
  EXPECT_EQ(loaded.config.node, "kept.example");
}

TEST(Override, ReplacesAWrongValueOfTheFile) {
  EXPECT_TRUE(Load({"relay.ports.min=50000"}, "relay: {ports: {min: x}}\n").ok());
}

TEST(Override, TakesYamlForListsAndMaps) {
  const LoadedConfig loaded =
      Load({"peers.allow=[10.0.0.0/8, \"fd00::/8\"]", "listeners=[{transport: udp, port: 5000}]"});
  ASSERT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.config.peers.allow, SizeIs(2));
  EXPECT_THAT(loaded.config.listeners, SizeIs(1));
}

TEST(Override, ReachesItemsOfLists) {
  const LoadedConfig loaded =
      Load({"listeners[1].port=6001", "listeners[2].transport=tcp", "listeners[2].port=6002"},
           "listeners:\n- {transport: udp, port: 5000}\n- {transport: udp, port: 5001}\n");
  ASSERT_TRUE(loaded.ok());
  ASSERT_THAT(loaded.config.listeners, SizeIs(3));
  EXPECT_EQ(loaded.config.listeners[0].port, 5000);
  EXPECT_EQ(loaded.config.listeners[1].port, 6001);
  EXPECT_EQ(ToString(loaded.config.listeners[2]), "tcp 0.0.0.0:6002");
}

TEST(Override, TakesASingleValueAsItIsWhenYamlSeesMoreInIt) {
  const LoadedConfig loaded = Load({"metrics.address=[::1]", "realm=a: b",
                                    "auth.users[0].username=*star", "auth.users[0].password=@{[x"});
  for (const Diagnostic& error : loaded.errors) ADD_FAILURE() << error.ToString();
  EXPECT_EQ(loaded.config.metrics.address, *base::IpAddress::Parse("::1"));
  EXPECT_EQ(loaded.config.realm, "a: b");
  ASSERT_THAT(loaded.config.auth.users, SizeIs(1));
  EXPECT_EQ(loaded.config.auth.users[0].username, "*star");
}

TEST(Override, MayContainFurtherEqualsSigns) {
  const LoadedConfig loaded =
      Load({"auth.shared_secrets=[{id: k, secret: \"abcdefghijklmnop==\"}]"});
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.auth.shared_secrets[0].secret, "abcdefghijklmnop==");
}

TEST(Override, MayEmptyAText) {
  const LoadedConfig loaded = Load({"node="}, "node: a\n");
  ASSERT_TRUE(loaded.ok());
  EXPECT_EQ(loaded.config.node, "");
}

class MalformedOverride : public testing::TestWithParam<const char*> {};

TEST_P(MalformedOverride, IsAnErrorThatShowsTheForm) {
  const LoadedConfig loaded = Load({GetParam()});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_EQ(loaded.errors[0].source, "--set");
  EXPECT_EQ(loaded.errors[0].line, 0);
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("is not of the form key.path=value"));
}

INSTANTIATE_TEST_SUITE_P(All, MalformedOverride,
                         testing::Values("", "realm", "=x", ".realm=x", "relay..ports=x",
                                         "relay.=x", "listeners[=x", "listeners[x]=y",
                                         "listeners[0]port=1", "[0]=x"));

TEST(Override, WithAWrongValueNamesItselfAsTheSource) {
  const LoadedConfig loaded = Load({"relay.ports.min=80"});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_EQ(loaded.errors[0].ToString(),
            "--set: relay.ports.min: '80' is too small; accepted: 1024 to 65535");
}

TEST(Override, OfAnUnknownKeyNamesTheNearest) {
  const LoadedConfig loaded = Load({"relay.port.min=2000"});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_EQ(loaded.errors[0].ToString(),
            "--set: relay.port: is not a known key; the nearest one is relay.ports");
}

TEST(Override, CannotSkipItemsOfAList) {
  const LoadedConfig loaded = Load({"auth.users[1].username=a"});
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("no such position"));
}

TEST(Override, ThatIsNoYamlWhereAListIsExpectedIsAnError) {
  const LoadedConfig loaded = Load({"peers.allow=[10.0.0.0/8"});
  ASSERT_FALSE(loaded.ok());
  EXPECT_EQ(loaded.errors[0].source, "--set");
  EXPECT_THAT(loaded.errors[0].message, HasSubstr("not valid YAML"));
}

TEST(Override, TheWarningOfAnOverrideHasItsSource) {
  const LoadedConfig loaded = Load({"lifetimes.channel=5s"},
                                   "auth: {users: [{username: a, password: b}]}\nlifetimes: {}\n");
  ASSERT_TRUE(loaded.ok());
  ASSERT_THAT(loaded.warnings, SizeIs(1));
  EXPECT_EQ(loaded.warnings[0].source, "--set");
}

}  // namespace relay::override_test
