#include "server/migrate/migrate.h"

#include <gmock/gmock.h>

#include "server/config/load.h"

namespace relay {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

base::IpAddress Ip(std::string_view text) { return *base::IpAddress::Parse(text); }

// The notes and errors as they are printed.
std::vector<std::string> Texts(const std::vector<MigrationNote>& notes) {
  std::vector<std::string> texts;
  for (const MigrationNote& note : notes) texts.push_back(note.ToString("turn.conf"));
  return texts;
}

class MigrateTest : public testing::Test {
 protected:
  // What the server makes of the result.
  Config ConfigOf(std::string_view text) {
    migration_ = Migrate(text, host_);
    EXPECT_THAT(Texts(migration_.errors), IsEmpty()) << text;
    const LoadedConfig loaded = LoadConfigText(migration_.yaml, "", {});
    for (const Diagnostic& error : loaded.errors)
      ADD_FAILURE() << error.ToString() << "\n" << migration_.yaml;
    return loaded.config;
  }

  std::vector<std::string> ErrorsOf(std::string_view text) {
    migration_ = Migrate(text, host_);
    EXPECT_EQ(migration_.yaml.empty(), !migration_.errors.empty());
    return Texts(migration_.errors);
  }

  std::vector<std::string> NotesOf(std::string_view text) {
    (void)ConfigOf(text);
    return Texts(migration_.notes);
  }

  // "udp 0.0.0.0:3478"
  std::vector<std::string> ListenersOf(std::string_view text) {
    std::vector<std::string> listeners;
    for (const Config::Listener& listener : ConfigOf(text).listeners)
      listeners.push_back(ToString(listener));
    return listeners;
  }

  // With certificates that everybody can see but nobody loads.
  std::string YamlWithTls(const std::string& text) {
    migration_ = Migrate(text + "\ncert=/c.pem\npkey=/k.pem", host_);
    return migration_.yaml;
  }

  MigrationHost host_;
  Migration migration_;
};

std::vector<std::string> Printed(const std::vector<base::IpPrefix>& prefixes) {
  std::vector<std::string> texts;
  for (const base::IpPrefix& prefix : prefixes) texts.push_back(prefix.ToString());
  return texts;
}

// -- what cannot be meant
// ---------------------------------------------------------------------------

TEST_F(MigrateTest, WhatCannotBeReadIsAnErrorWithItsLine) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"listening-port=high", "turn.conf:1: listening-port: 'high' is not a port"},
      {"listening-port=65536", "65536"},
      {"listening-port=-1", "'-1'"},
      {"\nlistening-ip=eth0", "turn.conf:2: listening-ip: 'eth0' is not an IP address"},
      {"relay-ip=10.0.0.0/8", "relay-ip"},
      {"aux-server=10.0.0.1", "aux-server"},
      {"aux-server=[::1]", "aux-server"},
      {"external-ip=turn.example.org", "'turn.example.org'"},
      {"external-ip=203.0.113.7/", "203.0.113.7/"},
      {"external-ip=203.0.113.7/fd00::1", "not of one family"},
      {"min-port=60000\nmax-port=50000", "turn.conf:2: max-port: min-port (60000) is above"},
      {"max-port=50\nmin-port=10", "relay ports begin with 1024"},
      {"denied-peer-ip=10.0.0.9-10.0.0.1", "ends before it begins"},
      {"denied-peer-ip=10.0.0.1-fd00::1", "in the other family"},
      {"allowed-peer-ip=10.0.0", "'10.0.0'"},
      {"allowed-peer-ip=10.0.0.0/33", "'10.0.0.0/33'"},
      {"user=alice", "name:password"},
      {"user=:secret", "name:password"},
      {"user=alice:", "name:password"},
      {"user=alice:0x12", "32 hexadecimal digits"},
      {"user=alice:0xzz807ee29df3c9ffa736523fb2c4e8ee", "32 hexadecimal digits"},
      {"user=alice:p\x01q", "the password"},
      {"user=alice:\xff\xfe", "the password"},
      {"user=a\x01lice:p", "the name"},
      {"static-auth-secret=\xff", "UTF-8"},
      {"user-quota=many", "'many' is not a number"},
      {"max-bps=99999999999999999999", "not a number"},
      {"max-bps=9999999999999999999", "more than any network"},
      {"stale-nonce=soon", "'soon'"},
      {"alternate-server=turn.example.org:3478", "alternate-server"},
      {"prometheus-port=x", "'x' is not a port"},
      {"log-min-level=loud", "'loud'"},
      {"allocation-default-address-family=ipv5", "'ipv5'"},
      {"no-cli=maybe", "neither yes nor no"},
  };
  for (const auto& [text, expected] : cases)
    EXPECT_THAT(ErrorsOf(text), ElementsAre(HasSubstr(std::string(expected)))) << text;
}

TEST_F(MigrateTest, AllErrorsAreNamedByLine) {
  EXPECT_THAT(ErrorsOf("min-port=x\nuser=alice\nlistening-port=y"),
              ElementsAre(HasSubstr(":1:"), HasSubstr(":2:"), HasSubstr(":3:")));
}

TEST_F(MigrateTest, SecretsAreNeverRepeated) {
  const std::string text =
      "user=alice:sesame1\nuser=alice:0xsesame2\nstatic-auth-secret=sesame3\npkey-pwd=sesame4\n"
      "cli-password=sesame5\nmysql-userdb=password=sesame6\npsql-userdb=sesame6\nuser=sesame7\n"
      "stateless-nonce-secret=sesame8\nredis-statsdb=password=sesame9\nstatic-auth-secert="
      "sesame10\n"
      "use-auth-secret\nuser=bob:sesame11\nuser=bob:sesame12\nrest-api-separator=sesame13\n";
  (void)ErrorsOf(text);
  EXPECT_THAT(migration_.errors, Not(IsEmpty()));
  EXPECT_THAT(Texts(migration_.errors), Each(Not(HasSubstr("sesame"))));
  EXPECT_THAT(Texts(migration_.notes), Each(Not(HasSubstr("sesame"))));
}

TEST_F(MigrateTest, AnUnknownOptionIsNamedWithItsLineAndTheNearestOne) {
  EXPECT_THAT(NotesOf("\nrealmm=a"), Contains(AllOf(HasSubstr("turn.conf:2: 'realmm'"),
                                                    HasSubstr("nearest one is realm"))));
  EXPECT_THAT(migration_.yaml, HasSubstr("line 2, 'realmm'"));
  EXPECT_THAT(NotesOf("--no-cli"), Contains(HasSubstr("without hyphens")));
  EXPECT_THAT(NotesOf(std::string(50, 'x')), Contains(HasSubstr("turn.conf:1: the line")));
  EXPECT_THAT(Texts(migration_.notes), Each(Not(HasSubstr("xxx"))));
}

TEST_F(MigrateTest, TheLastOfTwoHolds) {
  EXPECT_EQ(ConfigOf("realm=a\nrealm=b").realm, "b");
  EXPECT_THAT(Texts(migration_.notes),
              Contains(HasSubstr("turn.conf:2: realm: is also on line 1")));
}

// -- nothing, and what follows from it
// --------------------------------------------------------------

TEST_F(MigrateTest, AnEmptyFileIsACautiousServer) {
  const Config config = ConfigOf("");
  EXPECT_THAT(ListenersOf(""), ElementsAre("udp 0.0.0.0:3478", "tcp 0.0.0.0:3478", "udp [::]:3478",
                                           "tcp [::]:3478"));
  EXPECT_THAT(config.roles, ElementsAre(Config::Role::kRelay));
  EXPECT_TRUE(config.auth.users.empty());
  EXPECT_FALSE(config.protocol.tcp_relay);
  EXPECT_EQ(config.limits.allocations, 0U);
  EXPECT_EQ(config.limits.allocations_per_user, 0U);
  EXPECT_EQ(config.limits.bandwidth_per_allocation_bits_per_second, 0U);
  const auto notes = Texts(migration_.notes);
  EXPECT_THAT(notes, Contains(HasSubstr("no user and no secret")));
  EXPECT_THAT(notes, Contains(HasSubstr("no-tcp-relay")));
  EXPECT_THAT(notes, Contains(HasSubstr("private")));
}

// -- listeners
// --------------------------------------------------------------------------------------

TEST_F(MigrateTest, ListenersAreAtEveryAddressAndPort) {
  EXPECT_THAT(
      ListenersOf("listening-ip=192.0.2.1\nlistening-ip 2001:db8::1 # the other\n"
                  "listening-ip=192.0.2.1\nlistening-port=\"3480\"\naux-server=192.0.2.9:80"),
      ElementsAre("udp 192.0.2.1:3480", "tcp 192.0.2.1:3480", "udp [2001:db8::1]:3480",
                  "tcp [2001:db8::1]:3480", "udp 192.0.2.9:80", "tcp 192.0.2.9:80"));
  EXPECT_THAT(ListenersOf("listening-ip=192.0.2.1\nno-tcp\nlistening-port=0"),
              ElementsAre("udp 192.0.2.1:3478"));
  EXPECT_THAT(ListenersOf("listening-ip=192.0.2.1\nno-udp=yes"), ElementsAre("tcp 192.0.2.1:3478"));
}

TEST_F(MigrateTest, TlsIsServedWithACertificate) {
  const std::string one = "listening-ip=192.0.2.1";
  EXPECT_THAT(YamlWithTls(one),
              AllOf(HasSubstr("\n  - {transport: tls, address: \"192.0.2.1\", port: 5349}"),
                    HasSubstr("\n  - {transport: dtls, address: \"192.0.2.1\", port: 5349}"),
                    HasSubstr("\n    - {certificate: /c.pem, private_key: /k.pem}")));
  EXPECT_THAT(YamlWithTls(one + "\nno-tls"), Not(HasSubstr("transport: tls")));
  EXPECT_THAT(YamlWithTls(one + "\nno-dtls\ntls-listening-port=443"),
              AllOf(Not(HasSubstr("transport: dtls")), HasSubstr("port: 443}")));
  EXPECT_THAT(YamlWithTls(one + "\nno-udp\nno-tcp"),
              AllOf(HasSubstr("transport: tls, address: \"192.0.2.1\", port: 3478"),
                    HasSubstr("transport: dtls, address: \"192.0.2.1\", port: 3478"),
                    Not(HasSubstr("\n  - {transport: udp"))));
}

TEST_F(MigrateTest, WithoutAUsableCertificateTlsIsAComment) {
  host_.find_file = [](const std::string& name) -> std::optional<std::string> {
    if (name == "k.pem") return std::nullopt;
    return "/etc/" + name;
  };
  EXPECT_THAT(ListenersOf("listening-ip=192.0.2.1\ncert=c.pem\npkey=k.pem"),
              ElementsAre("udp 192.0.2.1:3478", "tcp 192.0.2.1:3478"));
  EXPECT_THAT(migration_.yaml, AllOf(HasSubstr("\n#   - {transport: tls"),
                                     HasSubstr("\n#     - {certificate: /etc/c.pem")));
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("turn.conf:3: pkey: the file cannot")));
  host_.find_file = nullptr;
  EXPECT_THAT(NotesOf("cert=c.pem\npkey=k.pem\npkey-pwd=x"), Contains(HasSubstr("openssl pkey")));
  EXPECT_THAT(NotesOf("cert=c.pem"), Contains(HasSubstr("without the other")));
}

TEST_F(MigrateTest, WithoutListenersNobodyReachesIt) {
  EXPECT_THAT(ListenersOf("no-udp\nno-tcp"), ElementsAre("udp 127.0.0.1:3478"));
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("no listener is left")));
}

TEST_F(MigrateTest, AProxyHasToBeNamed) {
  EXPECT_THAT(NotesOf("listening-ip=192.0.2.1\ntcp-proxy-port=5555"),
              Contains(HasSubstr("turn.conf:2: tcp-proxy-port")));
  EXPECT_THAT(migration_.yaml,
              HasSubstr("\n# - {transport: tcp, address: \"192.0.2.1\", port: 5555, "
                        "proxy_protocol: {trusted: [PROXY]}}"));
}

TEST_F(MigrateTest, NatDiscoveryNeedsTwoAddresses) {
  const std::string two = "listening-ip=192.0.2.1\nlistening-ip=192.0.2.2\n";
  const Config config = ConfigOf(two + "rfc5780\nalt-listening-port=3500");
  EXPECT_EQ(config.protocol.nat_discovery.alternate_address, Ip("192.0.2.2"));
  EXPECT_EQ(config.protocol.nat_discovery.alternate_port, 3500);
  EXPECT_EQ(ConfigOf(two + "alt-listening-port=0").protocol.nat_discovery.alternate_port, 3479);
  EXPECT_FALSE(ConfigOf(two + "rfc5780\nno-rfc5780").protocol.nat_discovery.alternate_address);
  EXPECT_FALSE(ConfigOf(two).protocol.nat_discovery.alternate_address);
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("coturn before 4.7")));
  EXPECT_THAT(NotesOf("rfc5780"), Contains(HasSubstr("needs two addresses")));
}

// -- relay addresses
// --------------------------------------------------------------------------------

TEST_F(MigrateTest, RelayAddressesAreThoseOfTheListenersUnlessWritten) {
  EXPECT_THAT(ConfigOf("listening-ip=192.0.2.1\nlistening-ip=127.0.0.1").relay.addresses,
              ElementsAre(Ip("192.0.2.1")));
  EXPECT_THAT(ConfigOf("listening-ip=127.0.0.1").relay.addresses, ElementsAre(Ip("127.0.0.1")));
  EXPECT_THAT(ConfigOf("listening-ip=0.0.0.0").relay.addresses, IsEmpty());
  EXPECT_THAT(ConfigOf("listening-ip=192.0.2.1\nrelay-ip=192.0.2.7\nrelay-ip=192.0.2.7\n"
                       "relay-ip=0.0.0.0\nrelay-ip=2001:db8::7")
                  .relay.addresses,
              ElementsAre(Ip("192.0.2.7"), Ip("2001:db8::7")));
}

TEST_F(MigrateTest, ExternalAddressesAreMapped) {
  const auto external_of = [&](std::string_view text) {
    return ConfigOf(text).relay.external_addresses;
  };
  using Pair = Config::ExternalAddress;
  EXPECT_THAT(external_of("external-ip=203.0.113.7/10.0.0.5\nexternal-ip=203.0.113.8/10.0.0.6"),
              UnorderedElementsAre(Pair{Ip("10.0.0.5"), Ip("203.0.113.7")},
                                   Pair{Ip("10.0.0.6"), Ip("203.0.113.8")}));
  EXPECT_THAT(external_of("relay-ip=10.0.0.5\nexternal-ip=203.0.113.7"),
              ElementsAre(Pair{Ip("10.0.0.5"), Ip("203.0.113.7")}));
  EXPECT_THAT(external_of("relay-ip=203.0.113.7\nexternal-ip=203.0.113.7"), IsEmpty());
  EXPECT_THAT(external_of("external-ip=203.0.113.7"), IsEmpty());
  EXPECT_THAT(migration_.yaml, HasSubstr("\n# external_addresses: {ADDRESS: \"203.0.113.7\"}"));
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("turn.conf:1: external-ip")));
  host_.v4 = Ip("10.0.0.9");
  EXPECT_THAT(external_of("external-ip=203.0.113.7"),
              ElementsAre(Pair{Ip("10.0.0.9"), Ip("203.0.113.7")}));
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("10.0.0.9")));
  EXPECT_THAT(external_of("external-ip=2001:db8::7"), IsEmpty());
  host_.v4 = Ip("203.0.113.7");
  EXPECT_THAT(external_of("external-ip=203.0.113.7"), IsEmpty());
  EXPECT_THAT(Texts(migration_.notes), Each(Not(HasSubstr("external-ip"))));
}

TEST_F(MigrateTest, PortsAndThreadsAreTaken) {
  const Config config = ConfigOf("min-port=50000\nmax-port=50999\nrelay-threads=4\ncpus=8");
  EXPECT_EQ(config.relay.min_port, 50000);
  EXPECT_EQ(config.relay.max_port, 50999);
  EXPECT_EQ(config.shards, 4U);
  EXPECT_EQ(ConfigOf("relay-threads=0").shards, 1U);
  EXPECT_EQ(ConfigOf("cpus=8").shards, 8U);
  EXPECT_EQ(ConfigOf("min-port=1").relay.min_port, 1024);
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("begin with 1024")));
}

// -- peers
// ------------------------------------------------------------------------------------------

TEST_F(MigrateTest, RangesBecomePrefixes) {
  const Config config = ConfigOf(
      "denied-peer-ip=10.0.0.0-10.255.255.255\ndenied-peer-ip=192.0.2.4\n"
      "denied-peer-ip=fc00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff # all of it\n"
      "allowed-peer-ip=10.20.0.0-10.20.255.255");
  EXPECT_THAT(Printed(config.peers.allow), ElementsAre("10.20.0.0/16"));
  EXPECT_THAT(Printed(config.peers.deny), testing::IsSupersetOf({"192.0.2.4/32", "fc00::/7"}));
  const auto denies = [&](std::string_view address) {
    return std::ranges::any_of(config.peers.deny,
                               [&](const auto& prefix) { return prefix.Contains(Ip(address)); });
  };
  // What coturn allows it allows, whatever is denied.
  EXPECT_FALSE(denies("10.20.1.2"));
  EXPECT_TRUE(denies("10.19.255.255"));
  EXPECT_TRUE(denies("10.21.0.0"));
  EXPECT_FALSE(denies("11.0.0.0"));
}

TEST_F(MigrateTest, LoopbackIsNotOpenedByTheWay) {
  const Config config = ConfigOf("allowed-peer-ip=0.0.0.0-255.255.255.255");
  for (const base::IpPrefix& prefix : config.peers.allow) {
    EXPECT_FALSE(prefix.Contains(Ip("127.0.0.1"))) << prefix.ToString();
    EXPECT_FALSE(prefix.Contains(Ip("0.0.0.0"))) << prefix.ToString();
  }
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("addresses of the host itself")));
  EXPECT_THAT(Printed(ConfigOf("allow-loopback-peers").peers.allow),
              UnorderedElementsAre("127.0.0.0/8", "::1/128"));
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("meant for tests")));
}

TEST_F(MigrateTest, APrefixIsTakenAsItWasMeant) {
  EXPECT_THAT(Printed(ConfigOf("denied-peer-ip=172.16.0.0/12").peers.deny),
              ElementsAre("172.16.0.0/12"));
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("did not understand")));
}

// -- authentication
// ---------------------------------------------------------------------------------

TEST_F(MigrateTest, UsersHavePasswordsOrKeys) {
  const Config config = ConfigOf(
      "realm=north.gov\nuser=ninefingers:youhavetoberealistic\n"
      "user=other:0xbc807ee29df3c9ffa736523fb2c4e8ee\nuser=odd:a:b \"c\" ${HOME}#");
  ASSERT_EQ(config.auth.users.size(), 3U);
  // The key of the same user, which coturn's own documentation derives from that password.
  EXPECT_EQ(config.auth.users[0].md5_key, config.auth.users[1].md5_key);
  EXPECT_TRUE(config.auth.users[2].sha256_key);
  EXPECT_FALSE(config.protocol.password_algorithms);
  EXPECT_TRUE(ConfigOf("user=a:b").protocol.password_algorithms);
  EXPECT_EQ(ConfigOf("user=a:b\nuser=a:c").auth.users.size(), 1U);
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr("turn.conf:1: user: is there again")));
}

TEST_F(MigrateTest, SecretsKeepTheirOrder) {
  const auto secrets =
      ConfigOf("use-auth-secret\nstatic-auth-secret=north\nstatic-auth-secret=\"south of it\"")
          .auth.shared_secrets;
  ASSERT_EQ(secrets.size(), 2U);
  EXPECT_EQ(secrets[0].secret, "north");
  EXPECT_EQ(secrets[1].secret, "south of it");
  EXPECT_THAT(NotesOf("use-auth-secret"), Contains(HasSubstr("is in a database")));
  EXPECT_THAT(NotesOf("static-auth-secret=a\nuser=b:c"),
              Contains(HasSubstr("both let clients in")));
}

TEST_F(MigrateTest, NobodyComesInWithoutCredentials) {
  EXPECT_THAT(NotesOf("no-auth"), Contains(HasSubstr("turn.conf:1: no-auth: nobody is relayed")));
  const Config config = ConfigOf("stun-only\nuser=a:b\nstatic-auth-secret=c");
  EXPECT_TRUE(config.auth.users.empty() && config.auth.shared_secrets.empty());
  EXPECT_THAT(NotesOf("userdb=/var/lib/turn/turndb"), Contains(HasSubstr("no database of users")));
  EXPECT_THAT(NotesOf("oauth\nserver-name=a.example"), Contains(HasSubstr("oauth")));
  EXPECT_THAT(migration_.yaml, HasSubstr("access_tokens: {server_name: \"a.example\""));
  EXPECT_THAT(NotesOf("rest-api-separator=-"), Contains(HasSubstr("rest-api-separator")));
  EXPECT_THAT(NotesOf("rest-api-separator=:"), Each(Not(HasSubstr("rest-api-separator"))));
}

TEST_F(MigrateTest, TheKeysOfUsersDependOnTheRealm) {
  EXPECT_THAT(NotesOf("user=a:0xbc807ee29df3c9ffa736523fb2c4e8ee"),
              Contains(HasSubstr("the keys of users are right for coturn's only")));
}

// -- limits, lifetimes, protocol and the rest
// -------------------------------------------------------

TEST_F(MigrateTest, BandwidthsAreOctetsThereAndBitsHere) {
  const Config config = ConfigOf("max-bps=64000\nuser-quota=12\ntotal-quota=1200");
  EXPECT_EQ(config.limits.bandwidth_per_allocation_bits_per_second, 512'000U);
  EXPECT_EQ(config.limits.allocations_per_user, 12U);
  EXPECT_EQ(config.limits.allocations, 1200U);
  EXPECT_EQ(ConfigOf("max-bps=1").limits.bandwidth_per_allocation_bits_per_second, 8U);
  EXPECT_THAT(NotesOf("bps-capacity=1000000"), Contains(HasSubstr("bps-capacity")));
  EXPECT_THAT(migration_.yaml, HasSubstr("bandwidth_total: 8Mbit"));
  EXPECT_EQ(ConfigOf("unauthorized-ratelimit-rps=20").limits.challenges_per_source_rate, 20U);
}

TEST_F(MigrateTest, LifetimesAreTaken) {
  using std::chrono::seconds;
  const Config config = ConfigOf(
      "stale-nonce=1200\nmax-allocate-lifetime=300\nchannel-lifetime=60\npermission-lifetime=30");
  EXPECT_EQ(config.lifetimes.nonce, seconds(1200));
  EXPECT_EQ(config.lifetimes.max, seconds(300));
  EXPECT_EQ(config.lifetimes.default_lifetime, seconds(300));
  EXPECT_EQ(config.lifetimes.channel, seconds(60));
  EXPECT_EQ(config.lifetimes.permission, seconds(30));
  EXPECT_EQ(ConfigOf("stale-nonce").lifetimes.nonce, seconds(600));
  EXPECT_EQ(ConfigOf("stale-nonce=0").lifetimes.nonce, std::chrono::days(1));
  EXPECT_EQ(ConfigOf("max-allocate-lifetime=100000").lifetimes.max, std::chrono::days(1));
  EXPECT_THAT(NotesOf("channel-lifetime=600\npermission-lifetime=300"),
              Each(Not(HasSubstr("lifetime"))));
}

TEST_F(MigrateTest, TheProtocolIsTaken) {
  const Config config = ConfigOf(
      "mobility\nno-software-attribute\nno-stun-backward-compatibility\nrfc5766-channel-numbers\n"
      "no-tcp-relay");
  EXPECT_TRUE(config.protocol.mobility);
  EXPECT_EQ(config.protocol.software, Config::Software::kNever);
  EXPECT_FALSE(config.protocol.classic_stun);
  EXPECT_EQ(config.protocol.channel_numbers, Config::ChannelNumbers::kRfc5766);
  EXPECT_THAT(Texts(migration_.notes), Each(Not(HasSubstr("tcp-relay"))));
  EXPECT_EQ(ConfigOf("software-attribute=off").protocol.software, Config::Software::kNever);
  EXPECT_EQ(ConfigOf("software-attribute").protocol.software, Config::Software::kAuthenticated);
  const Config tcp_only = ConfigOf("no-udp-relay");
  EXPECT_FALSE(tcp_only.protocol.udp_relay);
  EXPECT_TRUE(tcp_only.protocol.tcp_relay);
}

TEST_F(MigrateTest, AlternateServersAreAlwaysUsed) {
  const Config config = ConfigOf(
      "alternate-server=192.0.2.1:5678\nalternate-server=[2001:db8::1]\n"
      "alternate-server=192.0.2.1:5678\ntls-alternate-server=192.0.2.2:443");
  EXPECT_EQ(config.redirect.when, Config::RedirectWhen::kAlways);
  EXPECT_THAT(config.redirect.servers, ElementsAre(base::Endpoint{Ip("192.0.2.1"), 5678},
                                                   base::Endpoint{Ip("2001:db8::1"), 3478}));
  EXPECT_THAT(Texts(migration_.notes), Contains(HasSubstr(":4: tls-alternate-server")));
}

TEST_F(MigrateTest, MetricsAndLogsAreTaken) {
  const Config config = ConfigOf(
      "prometheus\nprometheus-port=9000\nprometheus-address=192.0.2.1\nprometheus-path=/metrics\n"
      "log-min-level=warn");
  EXPECT_EQ(config.metrics.address, Ip("192.0.2.1"));
  EXPECT_EQ(config.metrics.port, 9000);
  EXPECT_EQ(config.log.level, Config::LogLevel::kWarning);
  EXPECT_THAT(NotesOf("prometheus\nprometheus-path=/m"),
              AllOf(Contains(HasSubstr("loopback")), Contains(HasSubstr("always /metrics"))));
  EXPECT_EQ(ConfigOf("verbose").log.level, Config::LogLevel::kDebug);
  EXPECT_EQ(ConfigOf("Verbose\nverbose").log.level, Config::LogLevel::kTrace);
}

}  // namespace
}  // namespace relay
