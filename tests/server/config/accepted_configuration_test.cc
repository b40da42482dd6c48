#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "protocol/stun/integrity.h"
#include "server/config/load.h"

namespace relay::accepted_configuration_test {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;

base::IpAddress Address(std::string_view text) { return *base::IpAddress::Parse(text); }
base::IpPrefix Prefix(std::string_view text) { return *base::IpPrefix::Parse(text); }

Config Accepted(std::string_view yaml) {
  LoadedConfig loaded = LoadConfigText(yaml, "turn.yaml", {});
  for (const Diagnostic& error : loaded.errors) ADD_FAILURE() << error.ToString();
  return std::move(loaded.config);
}

// Every key of the server that this version acts upon.
constexpr const char* kEverythingAvailable = R"(
roles: [relay]
realm: turn.example.org
region: eu
node: eu01.turn.example.org
shards: 3
listeners:
  - {transport: udp, address: "0.0.0.0", port: 3478}
  - {transport: udp, address: "[::]", port: 49152}
  - {transport: tcp, address: "::", port: 3478}
tls: {certificates: []}
relay:
  addresses: [198.51.100.10, "2001:db8::10"]
  external_addresses: {198.51.100.10: 203.0.113.7}
  ports: {min: 50000, max: 50999}
  datapath: userspace
  hop_limit: default
  busy_poll: 50us
peers: {allow: [10.20.0.0/16, "fd00::/8"], deny: [203.0.113.0/24]}
auth:
  users:
    - {username: alice, password: secret}
    - {username: bob, key: 8493fbc53ba582fb4c044c456bdc40eb}
    - username: carol
      key: [8493fbc53ba582fb4c044c456bdc40eb,
            07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b]
  shared_secrets: [{id: k1, secret: the first of the secrets}, {id: k2, secret: the second of them}]
  expired_refresh: {policy: refuse, max: 2h}
limits:
  allocations: 1
  allocations_per_user: 2
  allocations_per_tenant: 3
  allocations_per_source: 4
  permissions_per_allocation: 5
  channels_per_allocation: 6
  bandwidth_per_allocation: 7Mbit
  packets_per_allocation: 8
  bandwidth_per_user: 0
  packets_per_user: 9
  bandwidth_total: 0
  packets_total: 10
  connections_per_source: 11
  challenges_per_source: {rate: 12, burst: 13}
clients: {deny: [192.0.2.0/24]}
lifetimes: {default: 601s, max: 30m, nonce: 10m, permission: 5s, channel: 7s}
protocol: {channel_numbers: rfc5766, software: never, classic_stun: false, tcp_relay: true, mobility: false,
           password_algorithms: false, username_anonymity: false}
credentials:
  ttl: {default: 2h, max: 3h}
  mints: {per_subject: 1/s, per_source: 20/m, per_tenant: 0}
  allowed_origins: ["https://console.example.org"]
  http_proxy: ""
  ca_file: ""
fleet: {registry: memory}
metrics: {address: "::1", port: 9999}
admin: {socket: /tmp/turn.sock}
state: {directory: /tmp/turn}
process: {sandbox: false}
drain: {deadline: 5m}
redirect: {when: always, servers: ["198.51.100.20:3478", "[2001:db8::20]:5349"], domain: eu02.turn.example.org}
log: {format: json, level: debug}
)";

TEST(AcceptedConfiguration, TakesOverEveryGeneralKey) {
  const Config config = Accepted(kEverythingAvailable);
  EXPECT_THAT(config.roles, ElementsAre(Config::Role::kRelay));
  EXPECT_EQ(config.realm, "turn.example.org");
  EXPECT_EQ(config.region, "eu");
  EXPECT_EQ(config.node, "eu01.turn.example.org");
  EXPECT_EQ(config.shards, 3U);
  EXPECT_TRUE(config.listeners_were_given);
  using Transport = Config::ListenerTransport;
  EXPECT_THAT(config.listeners,
              ElementsAre(Config::Listener{Transport::kUdp, Address("0.0.0.0"), 3478, std::nullopt},
                          Config::Listener{Transport::kUdp, Address("::"), 49152, std::nullopt},
                          Config::Listener{Transport::kTcp, Address("::"), 3478, std::nullopt}));
  EXPECT_EQ(config.metrics.address, Address("::1"));
  EXPECT_EQ(config.metrics.port, 9999);
  EXPECT_EQ(config.admin.socket, "/tmp/turn.sock");
  EXPECT_EQ(config.state.directory, "/tmp/turn");
  EXPECT_FALSE(config.process.is_sandboxed);
  EXPECT_EQ(config.drain.deadline, seconds(300));
  EXPECT_EQ(config.log.format, Config::LogFormat::kJson);
  EXPECT_EQ(config.log.level, Config::LogLevel::kDebug);
}

TEST(AcceptedConfiguration, TakesOverEveryKeyOfTheRedirection) {
  const Config::Redirect redirect = Accepted(kEverythingAvailable).redirect;
  EXPECT_EQ(redirect.when, Config::RedirectWhen::kAlways);
  EXPECT_THAT(redirect.servers, ElementsAre(*base::Endpoint::Parse("198.51.100.20:3478"),
                                            *base::Endpoint::Parse("[2001:db8::20]:5349")));
  EXPECT_EQ(redirect.domain, "eu02.turn.example.org");
}

TEST(AcceptedConfiguration, RedirectsNobodyByDefault) {
  const Config::Redirect redirect = Accepted("").redirect;
  EXPECT_EQ(redirect.when, Config::RedirectWhen::kDraining);
  EXPECT_THAT(redirect.servers, IsEmpty());
  EXPECT_EQ(redirect.domain, "");
}

TEST(AcceptedConfiguration, TakesOverEveryKeyOfTheRelay) {
  const Config config = Accepted(kEverythingAvailable);
  EXPECT_THAT(config.relay.addresses,
              ElementsAre(Address("198.51.100.10"), Address("2001:db8::10")));
  ASSERT_THAT(config.relay.external_addresses, SizeIs(1));
  EXPECT_EQ(config.relay.external_addresses[0].internal, Address("198.51.100.10"));
  EXPECT_EQ(config.relay.external_addresses[0].external, Address("203.0.113.7"));
  EXPECT_EQ(config.relay.min_port, 50000);
  EXPECT_EQ(config.relay.max_port, 50999);
  EXPECT_EQ(config.relay.datapath, Config::Datapath::kUserspace);
  EXPECT_EQ(config.relay.hop_limit, Config::HopLimit::kDefault);
  EXPECT_EQ(config.relay.busy_poll, std::chrono::microseconds(50));
  EXPECT_THAT(config.peers.allow, ElementsAre(Prefix("10.20.0.0/16"), Prefix("fd00::/8")));
  EXPECT_THAT(config.peers.deny, ElementsAre(Prefix("203.0.113.0/24")));
  EXPECT_THAT(config.clients.deny, ElementsAre(Prefix("192.0.2.0/24")));
}

TEST(AcceptedConfiguration, TakesOverEveryLimit) {
  const Config::Limits limits = Accepted(kEverythingAvailable).limits;
  EXPECT_EQ(limits.allocations, 1U);
  EXPECT_EQ(limits.allocations_per_user, 2U);
  EXPECT_EQ(limits.allocations_per_tenant, 3U);
  EXPECT_EQ(limits.allocations_per_source, 4U);
  EXPECT_EQ(limits.permissions_per_allocation, 5U);
  EXPECT_EQ(limits.channels_per_allocation, 6U);
  EXPECT_EQ(limits.bandwidth_per_allocation_bits_per_second, 7'000'000U);
  EXPECT_EQ(limits.packets_per_allocation_per_second, 8U);
  EXPECT_EQ(limits.bandwidth_per_user_bits_per_second, 0U);
  EXPECT_EQ(limits.packets_per_user_per_second, 9U);
  EXPECT_EQ(limits.bandwidth_total_bits_per_second, 0U);
  EXPECT_EQ(limits.packets_total_per_second, 10U);
  EXPECT_EQ(limits.connections_per_source, 11U);
  EXPECT_EQ(limits.challenges_per_source_rate, 12U);
  EXPECT_EQ(limits.challenges_per_source_burst, 13U);
}

TEST(AcceptedConfiguration, TakesOverEveryKeyOfTheProtocol) {
  const Config config = Accepted(kEverythingAvailable);
  EXPECT_EQ(config.lifetimes.default_lifetime, seconds(601));
  EXPECT_EQ(config.lifetimes.max, seconds(1800));
  EXPECT_EQ(config.lifetimes.nonce, seconds(600));
  EXPECT_EQ(config.lifetimes.permission, seconds(5));
  EXPECT_EQ(config.lifetimes.channel, seconds(7));
  EXPECT_EQ(config.protocol.channel_numbers, Config::ChannelNumbers::kRfc5766);
  EXPECT_EQ(config.protocol.software, Config::Software::kNever);
  EXPECT_FALSE(config.protocol.classic_stun);
  EXPECT_FALSE(config.protocol.password_algorithms);
  EXPECT_FALSE(config.protocol.username_anonymity);
}

TEST(AcceptedConfiguration, TakesOverEveryKeyOfTheCredentials) {
  const Config::Credentials credentials = Accepted(kEverythingAvailable).credentials;
  EXPECT_EQ(credentials.default_ttl, seconds(7200));
  EXPECT_EQ(credentials.max_ttl, seconds(10800));
  EXPECT_EQ(credentials.mints_per_source.count, 20U);
  EXPECT_EQ(credentials.mints_per_source.period, seconds(60));
  EXPECT_EQ(credentials.mints_per_tenant.count, 0U);
  EXPECT_THAT(credentials.allowed_origins, ElementsAre("https://console.example.org"));
}

TEST(AcceptedConfiguration, AUTH_44_KeepsTheUsersKeysAndNotTheirPasswords) {
  const Config::Auth auth = Accepted(kEverythingAvailable).auth;
  ASSERT_THAT(auth.users, SizeIs(3));
  EXPECT_EQ(auth.users[0].username, "alice");
  EXPECT_EQ(auth.users[0].md5_key, stun::LongTermKeyMd5("alice", "turn.example.org", "secret"));
  EXPECT_EQ(auth.users[0].sha256_key,
            stun::LongTermKeySha256("alice", "turn.example.org", "secret"));
  EXPECT_TRUE(auth.users[1].md5_key);
  EXPECT_FALSE(auth.users[1].sha256_key);
  EXPECT_TRUE(auth.users[2].md5_key);
  EXPECT_TRUE(auth.users[2].sha256_key);
  EXPECT_THAT(auth.shared_secrets, ElementsAre(auth::SharedSecret{"k1", "the first of the secrets"},
                                               auth::SharedSecret{"k2", "the second of them"}));
  EXPECT_EQ(auth.expired_refresh, Config::ExpiredRefresh::kRefuse);
  EXPECT_EQ(auth.expired_refresh_max, seconds(7200));
}

TEST(AcceptedConfiguration, AccessTokensNeedNoUsers) {
  const Config config = Accepted(R"(
roles: [relay]
realm: sixteen-octets.x
auth:
  access_tokens:
    server_name: turn1@example.com-with-40-octets-in-all.
    keys:
      - {kid: 22BIjxU93h/IgwEb, key: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=}
      - {kid: south, algorithm: A128GCM, key: MDEyMzQ1Njc4OWFiY2RlZg==}
)");
  const Config::AccessTokens& tokens = config.auth.access_tokens;
  EXPECT_EQ(tokens.server_name.size(), 40U);
  ASSERT_THAT(tokens.keys, SizeIs(2));
  EXPECT_EQ(tokens.keys[0].kid, "22BIjxU93h/IgwEb");
  EXPECT_EQ(tokens.keys[0].algorithm, "A256GCM");
  EXPECT_EQ(tokens.keys[1].algorithm, "A128GCM");
  EXPECT_EQ(tokens.keys[1].key_base64, "MDEyMzQ1Njc4OWFiY2RlZg==");
}

TEST(AcceptedConfiguration, DerivesKeysForTheRealmWhereverItStands) {
  const Config config =
      Accepted("auth: {users: [{username: a, password: p}]}\nrealm: late.example\n");
  ASSERT_THAT(config.auth.users, SizeIs(1));
  EXPECT_EQ(config.auth.users[0].md5_key, stun::LongTermKeyMd5("a", "late.example", "p"));
}

TEST(AcceptedConfiguration, MayBeEmpty) {
  for (const char* yaml : {"", "\n", "# nothing\n", "{}", "---\n", "relay:\nauth:\n  users:\n"}) {
    const Config config = Accepted(yaml);
    EXPECT_EQ(config.realm, "senso-turn");
    EXPECT_FALSE(config.listeners_were_given);
    EXPECT_THAT(config.listeners, SizeIs(14));
    EXPECT_THAT(config.auth.users, IsEmpty());
  }
}

TEST(AcceptedConfiguration, HasTheDefaultListenersOnBothFamilies) {
  const Config config = Accepted("");
  EXPECT_EQ(ToString(config.listeners[0]), "udp 0.0.0.0:3478");
  EXPECT_EQ(ToString(config.listeners[1]), "udp 0.0.0.0:49152");
  EXPECT_EQ(ToString(config.listeners[6]), "edge 0.0.0.0:443");
  EXPECT_EQ(ToString(config.listeners[13]), "edge [::]:443");
}

TEST(AcceptedConfiguration, MayBeJson) {
  const Config config = Accepted(
      "{\n  \"realm\": \"json.example\",\n  \"limits\": {\"bandwidth_per_allocation\": 0},\n"
      "  \"auth\": {\"users\": [{\"username\": \"alice\", \"password\": \"alice's "
      "\\\"word\\\"\"}]}\n}");
  EXPECT_EQ(config.realm, "json.example");
  EXPECT_EQ(config.limits.bandwidth_per_allocation_bits_per_second, 0U);
  ASSERT_THAT(config.auth.users, SizeIs(1));
  EXPECT_EQ(config.auth.users[0].md5_key,
            stun::LongTermKeyMd5("alice", "json.example", "alice's \"word\""));
}

TEST(AcceptedConfiguration, TakesUdpAndTcpOnOnePortAndOneAddressOfEachFamily) {
  const Config config = Accepted(
      "listeners:\n- {transport: udp, port: 5000, address: \"::\"}\n"
      "- {transport: tcp, port: 5000, address: \"::\"}\n- {transport: udp, port: 5000}\n");
  EXPECT_THAT(config.listeners, SizeIs(3));
}

// Needs a certificate, which only comes later.
LoadedConfig LoadListeners(const std::string& listeners) {
  return LoadConfigText("listeners:\n" + listeners, "turn.yaml", {}, {},
                        CertificateNeed::kIsMadeIfMissing);
}

TEST(AcceptedConfiguration, TakesTwoTransportsOnOneSocketThatTheFirstOctetTellsApart) {
  const LoadedConfig loaded = LoadListeners(
      "- {transport: udp, port: 49152}\n- {transport: dtls, port: 49152}\n"
      "- {transport: tls, port: 3478}\n- {transport: tcp, port: 3478}\n");
  EXPECT_TRUE(loaded.ok());
}

TEST(AcceptedConfiguration, HasNoOtherTransportBesideTheEdge) {
  for (const char* other : {"tcp", "tls", "edge"}) {
    const LoadedConfig loaded = LoadListeners(
        "- {transport: edge, port: 443}\n- {transport: " + std::string(other) + ", port: 443}\n");
    ASSERT_THAT(loaded.errors, SizeIs(1)) << other;
    EXPECT_EQ(loaded.errors[0].key, "listeners[1]");
  }
  EXPECT_TRUE(
      LoadListeners("- {transport: edge, port: 443}\n- {transport: udp, port: 443}\n").ok());
}

TEST(AcceptedConfiguration, HasTheSameProxiesForBothTransportsOfASocket) {
  const std::string tcp = "- {transport: tcp, port: 1, proxy_protocol: {trusted: [10.0.0.0/8]}}\n";
  const LoadedConfig loaded = LoadListeners(tcp + "- {transport: tls, port: 1}\n");
  ASSERT_THAT(loaded.errors, SizeIs(1));
  EXPECT_EQ(loaded.errors[0].key, "listeners[1]");
  EXPECT_THAT(loaded.errors[0].message, testing::HasSubstr("need the same proxy_protocol"));
  EXPECT_TRUE(
      LoadListeners(tcp + "- {transport: tls, port: 1, proxy_protocol: {trusted: [10.0.0.0/8]}}\n")
          .ok());
}

TEST(AcceptedConfiguration, TakesTrustedProxiesOnEveryTransport) {
  for (const char* transport : {"udp", "dtls", "tcp", "tls", "edge"}) {
    const LoadedConfig loaded =
        LoadListeners("- {transport: " + std::string(transport) +
                      ", port: 1, proxy_protocol: {trusted: [10.0.0.0/8, \"fd00::1\"]}}\n");
    ASSERT_TRUE(loaded.ok()) << loaded.errors[0].ToString();
    ASSERT_TRUE(loaded.config.listeners[0].trusted_proxies);
    EXPECT_THAT(*loaded.config.listeners[0].trusted_proxies,
                ElementsAre(Prefix("10.0.0.0/8"), Prefix("fd00::1")));
  }
}

TEST(AcceptedConfiguration, TakesARealmOf127CharactersOutsideAscii) {
  std::string realm;
  for (int i = 0; i < 127; ++i) realm += "\xc3\xb6";
  EXPECT_EQ(Accepted("realm: " + realm + "\n").realm, realm);
}

TEST(AcceptedConfiguration, TakesOverEveryKeyOfNatDiscovery) {
  const Config config = Accepted(
      "listeners:\n- {transport: tcp, port: 3478}\n"
      "- {transport: udp, address: 198.51.100.10, port: 3478}\n"
      "- {transport: udp, address: \"::\", port: 3478}\n"
      "protocol: {nat_discovery: {alternate_address: 198.51.100.11, alternate_port: 3480,\n"
      "  padding: true, response_port: true}}\n");
  EXPECT_EQ(config.protocol.nat_discovery.alternate_address, Address("198.51.100.11"));
  EXPECT_EQ(config.protocol.nat_discovery.alternate_port, 3480);
  EXPECT_TRUE(config.protocol.nat_discovery.padding);
  EXPECT_TRUE(config.protocol.nat_discovery.response_port);
  ASSERT_NE(FirstUdpListener(config), nullptr);
  EXPECT_EQ(ToString(*FirstUdpListener(config)), "udp 198.51.100.10:3478");
}

TEST(AcceptedConfiguration, HasNatDiscoveryOffAndItsDangerousPartsToo) {
  const Config config = Accepted("");
  EXPECT_FALSE(config.protocol.nat_discovery.alternate_address);
  EXPECT_EQ(config.protocol.nat_discovery.alternate_port, 3479);
  EXPECT_FALSE(config.protocol.nat_discovery.padding);
  EXPECT_FALSE(config.protocol.nat_discovery.response_port);
}

TEST(AcceptedConfiguration, TakesExternalAddressesOfNatDiscoveryThatNobodyRelaysFrom) {
  const LoadedConfig loaded = LoadConfigText(
      "listeners: [{transport: udp, address: 10.0.0.5, port: 3478}]\n"
      "relay: {addresses: [10.0.0.5],\n"
      "  external_addresses: {10.0.0.5: 203.0.113.7, 10.0.0.6: 203.0.113.8}}\n"
      "protocol: {nat_discovery: {alternate_address: 10.0.0.6}}\n"
      "auth: {users: [{username: a, password: b}]}\nroles: [relay]\n",
      "turn.yaml", {});
  EXPECT_TRUE(loaded.ok());
  EXPECT_THAT(loaded.warnings, IsEmpty());
}

}  // namespace relay::accepted_configuration_test
