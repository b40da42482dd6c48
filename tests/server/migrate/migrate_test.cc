#include "server/migrate/migrate.h"

#include <gmock/gmock.h>

#include "tests/server/migrate/migrate_fixture.h"

namespace relay::migrate_test {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

// -- what cannot be meant --

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

// -- nothing, and what follows from it --

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

// -- authentication --

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

// -- limits, lifetimes, protocol and the rest --

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

}  // namespace relay::migrate_test
