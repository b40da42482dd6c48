#include "server/config/changes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "server/config/load.h"
#include "server/config/schema.h"

namespace relay::changes_test {

using testing::ElementsAre;
using testing::IsEmpty;

Config Load(const std::string& text) {
  LoadedConfig loaded = LoadConfigText(text, "test", {});
  EXPECT_TRUE(loaded.ok()) << (loaded.errors.empty() ? "" : loaded.errors[0].ToString());
  return std::move(loaded.config);
}

ConfigChanges Compare(const std::string& running, const std::string& loaded) {
  return CompareConfigs(Load(running), Load(loaded));
}

TEST(CompareConfigs, FindsNothingBetweenTwoSpellingsOfOne) {
  EXPECT_TRUE(CompareConfigs(Config(), Config()).empty());
  EXPECT_TRUE(Compare("", "realm: senso-turn\nlifetimes: {default: 10m, max: 3600}\n").empty());
  EXPECT_TRUE(Compare("auth: {users: [{username: a, password: b}]}",
                      "# the same\nauth:\n  users:\n    - {password: \"b\", username: a}\n")
                  .empty());
}

TEST(CompareConfigs, TellsWhatAReloadCanChangeFromWhatItCannot) {
  const ConfigChanges changes =
      Compare("", "realm: r\nshards: 2\nlimits: {allocations: 1}\nlog: {level: debug}\n");
  EXPECT_THAT(changes.by_reload, ElementsAre("log.level", "limits.allocations"));
  EXPECT_THAT(changes.by_restart, ElementsAre("realm", "shards"));
  EXPECT_FALSE(changes.empty());
}

TEST(CompareConfigs, NamesAListOfMapsAsAWhole) {
  const std::string before = "auth: {users: [{username: a, password: b}]}";
  for (const char* after :
       {"auth: {users: [{username: a, password: c}]}",
        "auth: {users: [{username: c, password: b}]}", "auth: {users: []}",
        "auth: {users: [{username: a, password: b}, {username: c, password: d}]}"})
    EXPECT_THAT(Compare(before, after).by_reload, ElementsAre("auth.users")) << after;
}

TEST(CompareConfigs, SeesEveryPartOfAListener) {
  const std::string before = "listeners: [{transport: udp, address: 127.0.0.1, port: 3478}]";
  for (const char* after :
       {"listeners: [{transport: tcp, address: 127.0.0.1, port: 3478}]",
        "listeners: [{transport: udp, address: 127.0.0.2, port: 3478}]",
        "listeners: [{transport: udp, address: 127.0.0.1, port: 3479}]",
        "listeners: [{transport: udp, address: 127.0.0.1, port: 3478, proxy_protocol: "
        "{trusted: [10.0.0.1/32]}}]"}) {
    const ConfigChanges changes = Compare(before, after);
    EXPECT_THAT(changes.by_restart, ElementsAre("listeners")) << after;
    EXPECT_THAT(changes.by_reload, IsEmpty()) << after;
  }
}

TEST(CompareConfigs, SeesThatTheOrderOfSecretsChanged) {
  const Config running = Load(
      "auth: {shared_secrets: [{id: k1, secret: aaaaaaaaaaaaaaaa}, {id: k2, secret: "
      "bbbbbbbbbbbbbbbb}]}");
  Config loaded = running;
  std::swap(loaded.auth.shared_secrets[0], loaded.auth.shared_secrets[1]);
  EXPECT_THAT(CompareConfigs(running, loaded).by_reload, ElementsAre("auth.shared_secrets"));
}

TEST(CompareConfigs, TheFirstAndTheLastCertificateNeedARestart) {
  Config without;
  Config with;
  with.tls.certificates = {{"a.crt", "a.key"}};
  Config with_another;
  with_another.tls.certificates = {{"b.crt", "b.key"}, {"a.crt", "a.key"}};
  EXPECT_THAT(CompareConfigs(without, with).by_restart, ElementsAre("tls.certificates"));
  EXPECT_THAT(CompareConfigs(with, without).by_restart, ElementsAre("tls.certificates"));
  EXPECT_THAT(CompareConfigs(with, with_another).by_reload, ElementsAre("tls.certificates"));
}

TEST(CompareConfigs, SeesExternalAddressesInBothForms) {
  Config mapped;
  mapped.relay.external_addresses = {
      {*base::IpAddress::Parse("10.0.0.5"), *base::IpAddress::Parse("203.0.113.7")}};
  Config found;
  found.relay.external_addresses_auto = "stun:stun.example:3478";
  EXPECT_THAT(CompareConfigs(Config(), mapped).by_restart, ElementsAre("relay.external_addresses"));
  EXPECT_THAT(CompareConfigs(Config(), found).by_restart, ElementsAre("relay.external_addresses"));
}

TEST(CompareConfigs, KnowsHowToCompareEveryKey) {
  for (const Row& row : Schema()) {
    if (row.path.find("[]") != std::string::npos) continue;
    ASSERT_TRUE(row.is_same) << row.path;
    EXPECT_TRUE(row.is_same(Draft(), Draft())) << row.path;
  }
}

}  // namespace relay::changes_test
