#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/load.h"

// One broken configuration after another: each has exactly one error, at this line, at this key,
// with this in its message.
namespace relay::broken_configuration_test {

struct Broken {
  const char* name;
  std::string yaml;
  int line;
  const char* key;
  const char* message;
};

class BrokenConfiguration : public testing::TestWithParam<Broken> {};

TEST_P(BrokenConfiguration, HasOneErrorAtTheLineOfTheMistake) {
  const LoadedConfig loaded = LoadConfigText(GetParam().yaml, "turn.yaml", {});
  ASSERT_EQ(loaded.errors.size(), 1U)
      << (loaded.errors.size() < 2 ? "" : loaded.errors[1].ToString());
  EXPECT_EQ(loaded.errors[0].source, "turn.yaml");
  EXPECT_EQ(loaded.errors[0].line, GetParam().line) << loaded.errors[0].ToString();
  EXPECT_EQ(loaded.errors[0].key, GetParam().key) << loaded.errors[0].ToString();
  EXPECT_THAT(loaded.errors[0].message, testing::HasSubstr(GetParam().message));
}

std::string NameOf(const testing::TestParamInfo<Broken>& test) { return test.param.name; }

INSTANTIATE_TEST_SUITE_P(
    Form, BrokenConfiguration,
    testing::Values(
        Broken{"NotYaml", "realm: a\nnode: [b\nregion: c\n", 3, "", "not valid YAML"},
        Broken{"Tab", "relay:\n\tports: {}\n", 2, "", "not valid YAML"},
        Broken{"TwoDocuments", "realm: a\n---\nrealm: b\n", 2, "", "second YAML document"},
        Broken{"TextThatTheLibraryNeverEndsToRead", ",,!,realm: a\n", 1, "",
               "second YAML document"},
        Broken{"AListAtTheTop", "- realm: a\n", 1, "", "a map of keys, not a list"},
        Broken{"TextAtTheTop", "realm\n", 1, "", "a map of keys, not a single value"},
        Broken{"AKeyThatIsNoText", "realm: a\n[x, y]: b\n", 2, "", "a key must be plain text"},
        Broken{"UnknownKey", "relm: a\n", 1, "relm", "the nearest one is realm"},
        Broken{"UnknownKeyBelow", "relay:\n  prots: {min: 5000}\n", 2, "relay.prots",
               "the nearest one is relay.ports"},
        Broken{"UnknownKeyInAList", "listeners:\n  - {transport: udp, port: 1, adress: \"::\"}\n",
               2, "listeners[0].adress", "the nearest one is listeners[].address"},
        Broken{"MisplacedKey", "users: []\n", 1, "users", "the nearest one is auth.users"},
        Broken{"DottedKey", "relay.ports.min: 50000\n", 1, "relay.ports.min", "map inside a map"},
        Broken{"KeyTwice", "realm: a\nnode: b\nrealm: c\n", 3, "realm", "twice; first in line 1"},
        Broken{"ValueForAGroup", "log: debug\n", 1, "log", "is a single value instead of a map"},
        Broken{"ListForAGroup", "relay:\n  ports: [1, 2]\n", 2, "relay.ports", "instead of a map"},
        Broken{"MapForAValue", "realm:\n  name: a\n", 2, "realm", "is a map instead of a single"},
        Broken{"ListForAValue", "realm: [a]\n", 1, "realm", "is a list instead of a single value"},
        Broken{"NothingForAValue", "node: a\nrealm:\n", 2, "realm", "has no value"},
        Broken{"ValueForAList", "peers:\n  deny: 10.0.0.0/8\n", 2, "peers.deny",
               "is a single value instead of a list"},
        Broken{"ValueForAListOfMaps", "listeners: udp\n", 1, "listeners",
               "is a single value instead of a list"},
        Broken{"ValueForAnItem", "listeners:\n- udp\n", 2, "listeners[0]",
               "is a single value instead of a map"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Values, BrokenConfiguration,
    testing::Values(
        Broken{"EmptyRealm", "realm: \"\"\n", 1, "realm", "is empty"},
        Broken{"LongRealm", "realm: " + std::string(128, 'r') + "\n", 1, "realm", "1 to 127"},
        Broken{"QuotedRealm", "realm: 'a\"b'\n", 1, "realm", "cannot have"},
        Broken{"RealmWithANewline", "realm: \"a\\nb\"\n", 1, "realm", "'a\\x0ab' has a character"},
        Broken{"BackslashInRealm", "realm: 'a\\b'\n", 1, "realm", "cannot have"},
        Broken{"Node", "node: turn/example\n", 1, "node", "is not a host name"},
        Broken{"Region", "region: e u\n", 1, "region", "is not a region"},
        Broken{"Role", "roles: [relay, turn]\n", 1, "roles[1]", "accepted: a list, each: relay"},
        Broken{"NoRole", "roles: []\n", 1, "roles", "is empty"},
        Broken{"Shards", "shards: -1\n", 1, "shards", "'-1' is not a number"},
        Broken{"ManyShards", "shards: 100000\n", 1, "shards", "too large; accepted: 0 to 1024"},
        Broken{"Transport", "listeners:\n  - transport: upd\n    port: 1\n", 2,
               "listeners[0].transport", "accepted: udp, dtls, tcp, tls, edge"},
        Broken{"NoTransport", "listeners:\n  - port: 1\n", 2, "listeners[0].transport", "missing"},
        Broken{"NoPort", "listeners:\n  - transport: udp\n", 2, "listeners[0].port", "is missing"},
        Broken{"Port", "listeners:\n  - {transport: udp,\n     port: 65536}\n", 3,
               "listeners[0].port", "accepted: 0 to 65535"},
        Broken{"ListenerAddress", "listeners: [{transport: udp, port: 1, address: localhost}]\n", 1,
               "listeners[0].address", "'localhost' is not an IP address"},
        Broken{"BracketedIpv4", "listeners: [{transport: udp, port: 1, address: \"[10.0.0.1]\"}]\n",
               1, "listeners[0].address", "is not an IP address"},
        Broken{"NoListeners", "listeners: []\n", 1, "listeners", "nobody could reach"},
        Broken{"SameListenerTwice",
               "listeners:\n- {transport: udp, port: 1}\n- {transport: tcp, port: 1}\n"
               "- {transport: udp, port: 1}\n",
               4, "listeners[2]", "as listeners[0] (udp 0.0.0.0:1)"},
        Broken{"SameListenerThrice",
               "listeners:\n- {transport: udp, port: 1}\n- {transport: tcp, port: 1}\n"
               "- {transport: tcp, port: 1}\n",
               4, "listeners[2]", "as listeners[1] (tcp 0.0.0.0:1)"},
        Broken{"TlsWithoutACertificate", "listeners:\n- {transport: tls, port: 5349}\n", 2,
               "listeners[0].transport", "'tls' needs a certificate: add tls.certificates"},
        Broken{"DtlsWithoutACertificate",
               "listeners:\n- {transport: udp, port: 1}\n- {transport: dtls, port: 2}\n", 3,
               "listeners[1].transport", "'dtls' needs a certificate: add tls.certificates"},
        Broken{"EdgeWithoutACertificate", "listeners: [{transport: edge, port: 443}]\n", 1,
               "listeners[0].transport", "'edge' needs a certificate: add tls.certificates"},
        Broken{"NoTrustedProxy",
               "listeners:\n- transport: tcp\n  port: 1\n  proxy_protocol:\n    trusted: []\n", 5,
               "listeners[0].proxy_protocol.trusted", "names no proxy: nobody's header"},
        Broken{"ProxyProtocolWithoutTrust",
               "listeners:\n- transport: tcp\n  port: 1\n  proxy_protocol: {}\n", 4,
               "listeners[0].proxy_protocol.trusted", "names no proxy"},
        Broken{"TrustedProxy",
               "listeners:\n- {transport: tcp, port: 1, proxy_protocol: {trusted: [all]}}\n", 2,
               "listeners[0].proxy_protocol.trusted[0]", "is not an address block"},
        Broken{"MetricsOnAListener",
               "listeners: [{transport: tcp, address: 127.0.0.1, port: 9641}]\nmetrics:\n"
               "  port: 9641\n",
               3, "metrics.port", "is also listeners[0]"},
        Broken{"RelayAddress", "relay:\n  addresses:\n  - 10.0.0.1\n  - 10.0.0.300\n", 4,
               "relay.addresses[1]", "is not an IP address"},
        Broken{"WildcardRelayAddress", "relay: {addresses: [\"0.0.0.0\"]}\n", 1,
               "relay.addresses[0]", "is not the address of one interface"},
        Broken{"MulticastRelayAddress", "relay: {addresses: [\"ff02::1\"]}\n", 1,
               "relay.addresses[0]", "is not the address of one interface"},
        Broken{"ExternalAddress", "relay:\n  external_addresses:\n    10.0.0.5: home\n", 3,
               "relay.external_addresses", "'home' is not an IP address"},
        Broken{"InternalAddress", "relay:\n  external_addresses: {eth0: 203.0.113.7}\n", 2,
               "relay.external_addresses", "'eth0' is not an IP address"},
        Broken{"StunServerWithoutScheme",
               "relay:\n  external_addresses: {auto: \"stun.example.org\"}\n", 2,
               "relay.external_addresses", "'stun.example.org' is not a STUN server"},
        Broken{"StunServerWithoutHost", "relay:\n  external_addresses: {auto: \"stun:\"}\n", 2,
               "relay.external_addresses", "'stun:' is not a STUN server"},
        Broken{"StunServerWithAPath", "relay:\n  external_addresses: {auto: \"stun:a/b\"}\n", 2,
               "relay.external_addresses", "'stun:a/b' is not a STUN server"},
        Broken{"MixedFamilies", "relay:\n  external_addresses: {10.0.0.5: \"2001:db8::1\"}\n", 2,
               "relay.external_addresses", "not of one family"},
        Broken{"ExternalTwice",
               "relay:\n  external_addresses:\n    10.0.0.5: 203.0.113.7\n    10.0.0.5: "
               "203.0.113.8\n",
               4, "relay.external_addresses", "'10.0.0.5' is written twice"},
        Broken{"TURN_29_LowPort", "relay:\n  ports: {min: 80}\n", 2, "relay.ports.min",
               "'80' is too small; accepted: 1024 to 65535"},
        Broken{"PortsTurnedAround", "relay:\n  ports:\n    min: 60000\n    max: 50001\n", 4,
               "relay.ports.max", "relay.ports.min (60000) is above relay.ports.max (50001)"},
        Broken{"Datapath", "relay: {datapath: dpdk}\n", 1, "relay.datapath",
               "accepted: auto, userspace, xdp, tc"},
        Broken{"Prefix", "peers:\n  allow:\n  - 10.0.0.0/33\n", 3, "peers.allow[0]",
               "is not an address block"},
        Broken{"ClientPrefix", "clients: {deny: [all]}\n", 1, "clients.deny[0]", "CIDR"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Auth, BrokenConfiguration,
    testing::Values(
        Broken{"NoUsername", "auth:\n  users:\n  - password: x\n", 3, "auth.users[0].username",
               "is missing"},
        Broken{"EmptyUsername", "auth: {users: [{username: \"\", password: x}]}\n", 1,
               "auth.users[0].username", "is empty"},
        Broken{"NulInUsername", "auth: {users: [{username: \"a\\0b\", password: x}]}\n", 1,
               "auth.users[0].username", "contains a control character"},
        Broken{"LongUsername",
               "auth:\n  users: [{username: " + std::string(763, 'a') + ", password: x}]\n", 2,
               "auth.users[0]", "longer than 508 octets"},
        Broken{"NewlineInPassword", "auth: {users: [{username: a, password: \"x\\ny\"}]}\n", 1,
               "auth.users[0].password", "contains a control character"},
        Broken{"NoPassword", "auth:\n  users:\n    - username: alice\n", 3, "auth.users[0]",
               "has neither password, password_file nor key"},
        Broken{
            "PasswordAndKey",
            "auth: {users: [{username: a, password: x, key: 00112233445566778899aabbccddeeff}]}\n",
            1, "auth.users[0]", "has more than one of"},
        Broken{"Key", "auth: {users: [{username: a, key: xyz}]}\n", 1, "auth.users[0].key",
               "accepted: 32 hexadecimal digits (MD5), 64 (SHA-256)"},
        Broken{"UserTwice",
               "auth:\n  users:\n  - {username: a, password: x}\n  - {username: a, password: y}\n",
               4, "auth.users[1].username", "is also the name of auth.users[0]"},
        Broken{"PasswordFile", "auth: {users: [{username: a, password_file: /nonexistent/x}]}\n", 1,
               "auth.users[0].password_file", "'/nonexistent/x' cannot be read: No such file"},
        Broken{"SecretWithoutName", "auth: {shared_secrets: [{secret: 0123456789abcdef}]}\n", 1,
               "auth.shared_secrets[0].id", "is missing"},
        Broken{"SecretsNameWithADot",
               "auth: {shared_secrets: [{id: k.1, secret: 0123456789abcdef}]}\n", 1,
               "auth.shared_secrets[0].id", "is not a name"},
        Broken{"EmptySecret", "auth: {shared_secrets: [{id: k1, secret: \"\"}]}\n", 1,
               "auth.shared_secrets[0].secret", "is empty"},
        Broken{"NoSecret", "auth:\n  shared_secrets:\n  - id: k1\n", 3, "auth.shared_secrets[0]",
               "has neither secret nor secret_file"},
        Broken{"SecretsNameTwice",
               "auth:\n  shared_secrets:\n  - {id: k, secret: 0123456789abcdef}\n"
               "  - {id: k, secret: 0123456789abcdeg}\n",
               4, "auth.shared_secrets[1].id", "is also the name of auth.shared_secrets[0]"},
        Broken{"ExpiredRefresh", "auth: {expired_refresh: {policy: always}}\n", 1,
               "auth.expired_refresh.policy", "accepted: grace, refuse"}),
    NameOf);

// Keys of 32 and of 16 octets, after which the rest of a line may follow.
const std::string kKey256 = "key: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=";
const std::string kKey128 = "key: MDEyMzQ1Njc4OWFiY2RlZg==";

// `keys` are list items, the first of which is in line 4.
std::string Tokens(const std::string& keys, const std::string& name = "server_name: turn.example") {
  return "auth:\n  access_tokens:\n    keys: [\n" + keys + "]\n    " + name + "\n";
}

INSTANTIATE_TEST_SUITE_P(
    AccessTokens, BrokenConfiguration,
    testing::Values(
        Broken{"TokenKeyWithoutName", Tokens("{" + kKey256 + "}"), 4,
               "auth.access_tokens.keys[0].kid", "is missing"},
        Broken{"TokenKeysNameWithASpace", Tokens("{kid: a b, " + kKey256 + "}"), 4,
               "auth.access_tokens.keys[0].kid", "'a b' is not a key name; accepted: 1 to 128"},
        Broken{"NoTokenKey", Tokens("{kid: k}"), 4, "auth.access_tokens.keys[0]",
               "has neither key nor key_file"},
        Broken{"TokenKeyThatIsNoBase64", Tokens("{kid: k, key: '0123456789abcdef'}"), 4,
               "auth.access_tokens.keys[0].key", "base64 of 16 or 32 octets"},
        Broken{"TokenKeyOf24Octets", Tokens("{kid: k, key: MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3}"), 4,
               "auth.access_tokens.keys[0].key", "base64 of 16 or 32 octets"},
        Broken{"TokenKeyTooShortForItsAlgorithm", Tokens("{kid: k, " + kKey128 + "}"), 4,
               "auth.access_tokens.keys[0].key", "accepted: base64 of 32 octets for A256GCM"},
        Broken{"TokenKeyTooLongForItsAlgorithm",
               Tokens("{kid: k, algorithm: A128GCM, " + kKey256 + "}"), 4,
               "auth.access_tokens.keys[0].key", "accepted: base64 of 16 octets for A128GCM"},
        Broken{"TokenAlgorithm", Tokens("{kid: k, algorithm: A256CBC-HS512, " + kKey256 + "}"), 4,
               "auth.access_tokens.keys[0].algorithm", "accepted: A256GCM, A128GCM"},
        Broken{"TokenKeyFile", Tokens("{kid: k, key_file: /nonexistent/x}"), 4,
               "auth.access_tokens.keys[0].key_file", "cannot be read: No such file"},
        Broken{"TokenKeysNameTwice",
               Tokens("{kid: k, " + kKey256 + "},\n{kid: k, algorithm: A128GCM, " + kKey128 + "}"),
               5, "auth.access_tokens.keys[1].kid",
               "is also the name of auth.access_tokens.keys[0]"},
        Broken{"TokenKeysWithoutServerName", Tokens("{kid: k, " + kKey256 + "}", ""), 2,
               "auth.access_tokens", "has keys and no server_name"},
        Broken{"ServerNameWithoutTokenKeys", Tokens(""), 2, "auth.access_tokens",
               "has a server_name and no keys"},
        Broken{"ServerNameWithASpace",
               Tokens("{kid: k, " + kKey256 + "}", "server_name: turn example"), 5,
               "auth.access_tokens.server_name", "accepted: up to 255 printable"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Quantities, BrokenConfiguration,
    testing::Values(
        Broken{"NegativeLimit", "limits:\n  allocations: -5\n", 2, "limits.allocations",
               "'-5' is not a number"},
        Broken{"LimitBeyond32Bits", "limits: {allocations: 4294967296}\n", 1, "limits.allocations",
               "is too large"},
        Broken{"LimitWithAUnit", "limits: {allocations: 16k}\n", 1, "limits.allocations",
               "'16k' is not a number"},
        Broken{"Bytes", "limits: {bandwidth_per_allocation: 50MB}\n", 1,
               "limits.bandwidth_per_allocation", "bits a second with a unit"},
        Broken{"BandwidthWithoutUnit", "limits: {bandwidth_total: 1000}\n", 1,
               "limits.bandwidth_total", "'1000' is not a bandwidth"},
        Broken{"Burst", "limits: {challenges_per_source: {burst: lots}}\n", 1,
               "limits.challenges_per_source.burst", "'lots' is not a number"},
        Broken{"Duration", "lifetimes: {nonce: 1y}\n", 1, "lifetimes.nonce", "is not a duration"},
        Broken{"NoLifetime", "lifetimes: {nonce: 0s}\n", 1, "lifetimes.nonce", "is too short"},
        Broken{"LongLifetime", "lifetimes: {max: 25h}\n", 1, "lifetimes.max", "is too long"},
        Broken{"DefaultAboveMax", "lifetimes:\n  max: 300s\n", 2, "lifetimes.max",
               "lifetimes.default (600s) is longer than lifetimes.max (300s)"},
        Broken{"Boolean", "protocol: {classic_stun: maybe}\n", 1, "protocol.classic_stun",
               "accepted: true, false"},
        Broken{"Software", "protocol: {software: yes}\n", 1, "protocol.software",
               "accepted: never, authenticated, always"},
        Broken{"ChannelNumbers", "protocol: {channel_numbers: 5766}\n", 1,
               "protocol.channel_numbers", "accepted: rfc8656, rfc5766"},
        Broken{"RelativeSocket", "admin: {socket: admin.sock}\n", 1, "admin.socket",
               "is not an absolute path"},
        Broken{"LongSocket", "admin:\n  socket: /" + std::string(107, 's') + "\n", 2,
               "admin.socket", "is too long; accepted: an absolute path of up to 107 octets"},
        Broken{"EmptyDirectory", "state: {directory: \"\"}\n", 1, "state.directory", "is empty"},
        Broken{"LogLevel", "log:\n  level: verbose\n", 2, "log.level",
               "accepted: trace, debug, info, warning, error"},
        Broken{"LogFormat", "log: {format: xml}\n", 1, "log.format", "accepted: text, json"},
        Broken{"MetricsAddress", "metrics: {address: all}\n", 1, "metrics.address", "IP address"},
        Broken{"Deadline", "drain: {deadline: soon}\n", 1, "drain.deadline", "is not a duration"},
        Broken{"Ttl", "credentials: {ttl: {default: 13h}}\n", 1, "credentials.ttl",
               "default (13h) is longer than max (12h)"},
        Broken{"Mints", "credentials: {mints: {per_subject: 10/y}}\n", 1,
               "credentials.mints.per_subject", "is not a rate; accepted"},
        Broken{"Origin", "credentials: {allowed_origins: [example.org]}\n", 1,
               "credentials.allowed_origins[0]", "is not an origin"},
        Broken{"Registry", "fleet: {registry: mysql}\n", 1, "fleet.registry", "is not a registry"}),
    NameOf);

TEST(BrokenConfigurations, ReportEveryMistakeInTheOrderOfTheLines) {
  const LoadedConfig loaded = LoadConfigText(
      "listeners:\n"
      "  - {transport: udp, port: x}\n"
      "realm: ''\n"
      "relay: {ports: {min: 1, max: 2}, adresses: []}\n"
      "log: {level: loud}\n",
      "turn.yaml", {});
  std::vector<int> lines;
  for (const Diagnostic& error : loaded.errors) lines.push_back(error.line);
  EXPECT_THAT(lines, testing::ElementsAre(2, 3, 4, 4, 4, 5));
}

TEST(BrokenConfigurations, AreToldInOneLineWhateverIsWritten) {
  const LoadedConfig loaded = LoadConfigText("\"a\\e[31m\\nb\\x7f\": 1\n", "turn.yaml", {});
  ASSERT_EQ(loaded.errors.size(), 1U);
  EXPECT_THAT(loaded.errors[0].ToString(),
              testing::StartsWith("turn.yaml:1: a\\x1b[31m\\x0ab\\x7f: "));
}

TEST(BrokenConfigurations, NeverRepeatASecret) {
  const LoadedConfig loaded = LoadConfigText(
      "auth:\n"
      "  users: [{username: a, password: \"hunter2\\n\"}, {username: b, key: hunter2}]\n"
      "  shared_secrets: [{id: k, secret: [hunter2]}]\n"
      "  access_tokens: {server_name: a, keys: [{kid: k, key: hunter2}]}\n",
      "turn.yaml", {});
  EXPECT_GE(loaded.errors.size(), 4U);
  for (const Diagnostic& error : loaded.errors) {
    EXPECT_EQ(error.ToString().find("hunter2"), std::string::npos) << error.ToString();
  }
}

TEST(BrokenConfigurations, SurviveAliasesThatGrowWithoutEnd) {
  std::string yaml = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n";
  for (int i = 1; i < 9; ++i) {
    const std::string before = "*a" + std::to_string(i - 1);
    yaml += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + before;
    for (int j = 0; j < 9; ++j) yaml += ", " + before;
    yaml += "]\n";
  }
  const LoadedConfig loaded = LoadConfigText(yaml, "turn.yaml", {});
  ASSERT_FALSE(loaded.ok());
  EXPECT_THAT(loaded.errors[0].message, testing::HasSubstr("too many or too deeply nested"));
}

TEST(BrokenConfigurations, SurviveDeepNesting) {
  const std::string yaml = "realm: " + std::string(5000, '[') + std::string(5000, ']');
  EXPECT_FALSE(LoadConfigText(yaml, "turn.yaml", {}).ok());
}

TEST(BrokenConfigurations, RefuseAMegabyteOfAnything) {
  const LoadedConfig loaded = LoadConfigText(std::string((1 << 20) + 1, '#'), "turn.yaml", {});
  ASSERT_EQ(loaded.errors.size(), 1U);
  EXPECT_THAT(loaded.errors[0].message, testing::HasSubstr("larger than a megabyte"));
}

// What follows one listener in a line of its own.
std::string Discovery(const std::string& values, const std::string& listener =
                                                     "{transport: udp, address: 192.0.2.1, port: "
                                                     "3478}") {
  return "listeners: [" + listener + "]\nprotocol:\n  nat_discovery: {" + values + "}\n";
}

constexpr const char* kDiscovery = "protocol.nat_discovery";
constexpr const char* kAlternateAddress = "protocol.nat_discovery.alternate_address";

INSTANTIATE_TEST_SUITE_P(
    NatDiscovery, BrokenConfiguration,
    testing::Values(
        Broken{"DiscoveryWithoutAnAddress", Discovery("alternate_port: 3480"), 3, kDiscovery,
               "lacks alternate_address"},
        Broken{"DiscoveryOnTheDefaultListeners",
               "protocol: {nat_discovery: {alternate_address: 192.0.2.2}}\n", 1, kAlternateAddress,
               "the first udp listener (udp 0.0.0.0:3478) is on every address"},
        Broken{"DiscoveryOnAWildcard",
               Discovery("alternate_address: 192.0.2.2", "{transport: udp, port: 3478}"), 3,
               kAlternateAddress, "is on every address"},
        Broken{"DiscoveryOnAnIpv6Wildcard",
               Discovery("alternate_address: \"2001:db8::2\"",
                         "{transport: udp, address: \"::\", port: 3478}"),
               3, kAlternateAddress, "is on every address"},
        Broken{"DiscoveryWithoutAUdpListener",
               Discovery("alternate_address: 192.0.2.2",
                         "{transport: tcp, address: 192.0.2.1, port: 3478}"),
               3, kAlternateAddress, "needs a listener with the transport udp"},
        Broken{"DiscoveryOnOneAddress", Discovery("alternate_address: 192.0.2.1"), 3,
               kAlternateAddress, "'192.0.2.1' is also the address of"},
        Broken{"DiscoveryOnAMappedSpellingOfOneAddress",
               Discovery("alternate_address: \"::ffff:192.0.2.1\""), 3, kAlternateAddress,
               "is also the address of"},
        Broken{"DiscoveryAcrossFamilies", Discovery("alternate_address: \"2001:db8::2\""), 3,
               kAlternateAddress, "of the same family"},
        Broken{"DiscoveryOnEveryAddress", Discovery("alternate_address: 0.0.0.0"), 3,
               kAlternateAddress, "'0.0.0.0' cannot be the other address"},
        Broken{"DiscoveryOnOnePort",
               Discovery("alternate_address: 192.0.2.2, alternate_port: 3478"), 3,
               "protocol.nat_discovery.alternate_port", "3478 is also the port of"},
        Broken{"DiscoveryWhereAListenerIs",
               Discovery("alternate_address: 192.0.2.2",
                         "{transport: udp, address: 192.0.2.1, port: 3478}, "
                         "{transport: udp, address: 192.0.2.1, port: 3479}"),
               3, kDiscovery, "needs udp 192.0.2.1:3479, which listeners[1]"},
        Broken{"DiscoveryWhereTheAlternateAddressListens",
               Discovery("alternate_address: 192.0.2.2",
                         "{transport: udp, address: 192.0.2.1, port: 3478}, "
                         "{transport: udp, address: 192.0.2.2, port: 3478}"),
               3, kDiscovery, "needs udp 192.0.2.2:3478, which listeners[1]"},
        Broken{"DiscoveryWhereAWildcardListens",
               Discovery("alternate_address: 192.0.2.2",
                         "{transport: udp, address: 192.0.2.1, port: 3478}, "
                         "{transport: udp, port: 3479}"),
               3, kDiscovery, "which listeners[1] (udp 0.0.0.0:3479) takes"},
        Broken{"DiscoveryWhereAnIpv6WildcardWouldTakeIpv4",
               Discovery("alternate_address: 192.0.2.2",
                         "{transport: udp, address: 192.0.2.1, port: 3478}, "
                         "{transport: udp, address: \"::\", port: 3479}"),
               3, kDiscovery, "which listeners[1] (udp [::]:3479) takes"},
        Broken{"DiscoveryOnNoPort", Discovery("alternate_address: 192.0.2.2, alternate_port: 0"), 3,
               "protocol.nat_discovery.alternate_port", "accepted: 1 to 65535"}),
    NameOf);

INSTANTIATE_TEST_SUITE_P(
    Redirection, BrokenConfiguration,
    testing::Values(
        Broken{"RedirectionToAName", "redirect: {servers: [\"turn.example.org:3478\"]}\n", 1,
               "redirect.servers[0]", "'turn.example.org:3478' is not an address with a port"},
        Broken{"RedirectionWithoutAPort", "redirect: {servers: [192.0.2.1]}\n", 1,
               "redirect.servers[0]", "'192.0.2.1' is not an address with a port"},
        Broken{"RedirectionToPort0", "redirect: {servers: [\"192.0.2.1:0\"]}\n", 1,
               "redirect.servers[0]", "is not an address with a port"},
        Broken{"RedirectionToIpv6WithoutBrackets", "redirect: {servers: [\"2001:db8::1:3478\"]}\n",
               1, "redirect.servers[0]", "accepted: a list, each: an address with a port"},
        Broken{"RedirectionToAnywhere", "redirect: {servers: [\"0.0.0.0:3478\"]}\n", 1,
               "redirect.servers[0]", "is not where one server is reached"},
        Broken{"RedirectionToAGroup", "redirect: {servers: [\"[ff02::1]:3478\"]}\n", 1,
               "redirect.servers[0]", "is not where one server is reached"},
        Broken{"RedirectionToOneServerTwice",
               "redirect: {servers: [\"192.0.2.1:3478\", \"[::ffff:192.0.2.1]:3478\"]}\n", 1,
               "redirect.servers[1]", "is written twice"},
        Broken{"RedirectionNow", "redirect: {when: now}\n", 1, "redirect.when",
               "accepted: draining, always"},
        Broken{"RedirectionToTheDomainOfAnAddress",
               "redirect: {servers: [\"192.0.2.1:3478\"],\n  domain: 192.0.2.1}\n", 2,
               "redirect.domain", "'192.0.2.1' is not a DNS name"}),
    NameOf);

}  // namespace relay::broken_configuration_test
