#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/load.h"

namespace relay::unwise_configuration_test {

struct Unwise {
  const char* name;
  std::string yaml;  // after one line that is right
  int line;
  const char* key;
  const char* message;
};

class UnwiseConfiguration : public testing::TestWithParam<Unwise> {};

TEST_P(UnwiseConfiguration, IsAcceptedWithOneWarning) {
  const LoadedConfig loaded = LoadConfigText("roles: [relay]\n" + GetParam().yaml, "turn.yaml", {});
  ASSERT_TRUE(loaded.ok()) << loaded.errors[0].ToString();
  ASSERT_EQ(loaded.warnings.size(), 1U) << loaded.warnings.back().ToString();
  EXPECT_EQ(loaded.warnings[0].line, GetParam().line);
  EXPECT_EQ(loaded.warnings[0].key, GetParam().key);
  EXPECT_THAT(loaded.warnings[0].message, testing::HasSubstr(GetParam().message));
}

const std::string kUsers = "auth: {users: [{username: a, password: b}]}\n";

INSTANTIATE_TEST_SUITE_P(
    All, UnwiseConfiguration,
    testing::Values(
        Unwise{"LongRealm", kUsers + "realm: " + std::string(61, 'r') + "\n", 3, "realm",
               "five times"},
        Unwise{"LongNameForTokens",
               "realm: sixteen-octets.x\nauth:\n  access_tokens:\n    server_name: " +
                   std::string(41, 's') +
                   "\n    keys: [{kid: k, algorithm: A128GCM, key: MDEyMzQ1Njc4OWFiY2RlZg==}]\n",
               5, "auth.access_tokens.server_name", "at most 56 octets"},
        Unwise{"PermissionLifetime", kUsers + "lifetimes: {permission: 5s}\n", 3,
               "lifetimes.permission", "300s"},
        Unwise{"ChannelLifetime", kUsers + "lifetimes: {channel: 599s}\n", 3, "lifetimes.channel",
               "600s"},
        Unwise{"DefaultLifetime", kUsers + "lifetimes: {default: 60s}\n", 3, "lifetimes.default",
               "600s"},
        Unwise{"MaxLifetime", kUsers + "lifetimes: {max: 2h}\n", 3, "lifetimes.max", "1h"},
        Unwise{"NonceLifetime", kUsers + "lifetimes: {nonce: 2h}\n", 3, "lifetimes.nonce", "1h"},
        Unwise{"ExternalAddressOfNobody",
               kUsers + "relay: {addresses: [10.0.0.4],\n  external_addresses: {10.0.0.5: "
                        "203.0.113.7}}\n",
               4, "relay.external_addresses", "'10.0.0.5' is not one of relay.addresses"},
        Unwise{"PaddingOfNatDiscovery",
               kUsers + "listeners: [{transport: udp, address: 192.0.2.1, port: 3478}]\nprotocol:\n"
                        "  nat_discovery: {alternate_address: 192.0.2.2,\n    padding: true}\n",
               6, "protocol.nat_discovery.padding", "meant for tests"},
        Unwise{"ResponsePortOfNatDiscovery",
               kUsers +
                   "listeners: [{transport: udp, address: 192.0.2.1, port: 3478}]\nprotocol:\n"
                   "  nat_discovery: {alternate_address: 192.0.2.2,\n    response_port: true}\n",
               6, "protocol.nat_discovery.response_port", "a port that did not ask"},
        Unwise{"RedirectionToNobody", kUsers + "redirect: {when: always}\n", 3, "redirect.when",
               "redirect.servers is empty"},
        Unwise{"DomainOfNobody", kUsers + "redirect: {domain: turn.example.org}\n", 3,
               "redirect.domain", "redirect.servers is empty"},
        Unwise{"OddFirstPort", kUsers + "relay: {ports: {min: 50001}}\n", 3, "relay.ports.min",
               "is odd"},
        Unwise{"EvenLastPort", kUsers + "relay: {ports: {max: 60000}}\n", 3, "relay.ports.max",
               "is even"},
        Unwise{"AnyPort", kUsers + "listeners: [{transport: udp, port: 0}]\n", 3,
               "listeners[0].port", "the system chooses"},
        Unwise{"EverybodyIsAProxy",
               kUsers + "listeners:\n- transport: tcp\n  port: 1\n"
                        "  proxy_protocol: {trusted: [0.0.0.0/0]}\n",
               6, "listeners[0].proxy_protocol.trusted", "'0.0.0.0/0' trusts everybody"},
        Unwise{"EverybodyIsAProxyOnIpv6",
               kUsers + "listeners: [{transport: tcp, port: 1, address: \"::\","
                        " proxy_protocol: {trusted: [\"::/0\"]}}]\n",
               3, "listeners[0].proxy_protocol.trusted", "'::/0' trusts everybody"},
        Unwise{"ShortSecret", "auth:\n  shared_secrets:\n  - {id: k, secret: short}\n", 4,
               "auth.shared_secrets[0]", "fewer than 16"},
        Unwise{"OnlyMd5", "auth: {users: [{username: a, key: 8493fbc53ba582fb4c044c456bdc40eb}]}\n",
               2, "auth.users[0].key", "only an MD5 key"},
        Unwise{"OnlySha256", "auth: {users: [{username: a, key: " + std::string(64, 'a') + "}]}\n",
               2, "auth.users[0].key", "only a SHA-256 key"},
        Unwise{"NobodyCanLogIn", "auth: {users: []}\n", 2, "auth", "nobody can use the relay"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(WiseConfiguration, HasNoWarning) {
  const LoadedConfig loaded = LoadConfigText(kUsers, "turn.yaml", {});
  EXPECT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded.warnings.empty());
}

TEST(WiseConfiguration, MayHaveOnlyMd5KeysWhenNothingElseIsOffered) {
  const LoadedConfig loaded = LoadConfigText(
      "auth: {users: [{username: a, key: 8493fbc53ba582fb4c044c456bdc40eb}]}\n"
      "protocol: {password_algorithms: false}\n",
      "turn.yaml", {});
  EXPECT_TRUE(loaded.ok());
  EXPECT_TRUE(loaded.warnings.empty());
}

}  // namespace relay::unwise_configuration_test
