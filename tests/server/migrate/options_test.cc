#include "server/migrate/options.h"

#include <gmock/gmock.h>

#include <set>

#include "server/migrate/migrate.h"

namespace relay::options_test {

using testing::HasSubstr;
using testing::IsEmpty;

// The names that coturn 4.17 has and 4.6 does not, and those that it has given up since.
constexpr std::string_view kNewerOptions[] = {"cpus",
                                              "sock-buf-size",
                                              "dtls",
                                              "udp-recvmmsg",
                                              "udp-recvmmsg-log",
                                              "udp-sendmmsg-log",
                                              "udp-gso",
                                              "multiplex-peer",
                                              "multiplex-peer-port",
                                              "multiplex-peer-max-peers",
                                              "respond-http-unsupported",
                                              "stateless-nonce",
                                              "stateless-nonce-secret",
                                              "unauthorized-ratelimit",
                                              "unauthorized-ratelimit-rps",
                                              "rfc5780",
                                              "stun-backward-compatibility",
                                              "rfc3489-compatibility",
                                              "rfc5766-channel-numbers",
                                              "include-reason-string",
                                              "software-attribute",
                                              "drop-invalid-packets",
                                              "drop-invalid-packets-log",
                                              "raw-public-keys",
                                              "tlsv1",
                                              "tlsv1_1",
                                              "log-min-level",
                                              "prometheus",
                                              "prometheus-port",
                                              "prometheus-address",
                                              "prometheus-path",
                                              "prometheus-username-labels",
                                              "udp-alternate-server",
                                              "tcp-alternate-server",
                                              "drain-min-allocations",
                                              "cli"};

// Those of 4.6, as its help and its example name them.
constexpr std::string_view kOlderOptions[] = {"listening-device",
                                              "listening-port",
                                              "tls-listening-port",
                                              "alt-listening-port",
                                              "alt-tls-listening-port",
                                              "tcp-proxy-port",
                                              "listening-ip",
                                              "aux-server",
                                              "udp-self-balance",
                                              "relay-device",
                                              "relay-ip",
                                              "external-ip",
                                              "allow-loopback-peers",
                                              "no-multicast-peers",
                                              "relay-threads",
                                              "min-port",
                                              "max-port",
                                              "verbose",
                                              "Verbose",
                                              "daemon",
                                              "no-software-attribute",
                                              "fingerprint",
                                              "lt-cred-mech",
                                              "no-auth",
                                              "user",
                                              "realm",
                                              "check-origin-consistency",
                                              "user-quota",
                                              "total-quota",
                                              "max-bps",
                                              "bps-capacity",
                                              "db",
                                              "userdb",
                                              "psql-userdb",
                                              "sql-userdb",
                                              "mysql-userdb",
                                              "secret-key-file",
                                              "mongo-userdb",
                                              "redis-userdb",
                                              "redis-statsdb",
                                              "use-auth-secret",
                                              "static-auth-secret",
                                              "no-auth-pings",
                                              "no-dynamic-ip-list",
                                              "no-dynamic-realms",
                                              "server-name",
                                              "oauth",
                                              "cert",
                                              "pkey",
                                              "pkey-pwd",
                                              "cipher-list",
                                              "CA-file",
                                              "ec-curve-name",
                                              "dh566",
                                              "dh1066",
                                              "dh-file",
                                              "no-sslv2",
                                              "no-sslv3",
                                              "no-tlsv1",
                                              "no-tlsv1_1",
                                              "no-tlsv1_2",
                                              "no-udp",
                                              "no-tcp",
                                              "no-tls",
                                              "no-dtls",
                                              "no-udp-relay",
                                              "no-tcp-relay",
                                              "log-file",
                                              "no-stdout-log",
                                              "syslog",
                                              "syslog-facility",
                                              "simple-log",
                                              "new-log-timestamp",
                                              "new-log-timestamp-format",
                                              "log-binding",
                                              "stale-nonce",
                                              "max-allocate-lifetime",
                                              "channel-lifetime",
                                              "permission-lifetime",
                                              "stun-only",
                                              "no-stun",
                                              "alternate-server",
                                              "tls-alternate-server",
                                              "rest-api-separator",
                                              "max-allocate-timeout",
                                              "allowed-peer-ip",
                                              "denied-peer-ip",
                                              "pidfile",
                                              "acme-redirect",
                                              "secure-stun",
                                              "proc-user",
                                              "proc-group",
                                              "mobility",
                                              "keep-address-family",
                                              "allocation-default-address-family",
                                              "no-cli",
                                              "cli-ip",
                                              "cli-port",
                                              "cli-password",
                                              "web-admin",
                                              "web-admin-ip",
                                              "web-admin-port",
                                              "web-admin-listen-on-workers",
                                              "server-relay",
                                              "cli-max-output-sessions",
                                              "ne",
                                              "no-rfc5780",
                                              "no-stun-backward-compatibility",
                                              "response-origin-only-with-rfc5780",
                                              "version",
                                              "help"};

TEST(CoturnOptionsTest, EveryOptionOfBothVersionsHasARow) {
  for (const std::string_view name : kOlderOptions)
    EXPECT_NE(FindCoturnOption(name), nullptr) << name;
  for (const std::string_view name : kNewerOptions)
    EXPECT_NE(FindCoturnOption(name), nullptr) << name;
}

TEST(CoturnOptionsTest, NoOptionHasTwoRows) {
  std::set<std::string_view> names;
  for (const CoturnOption* option : CoturnOptions())
    EXPECT_TRUE(names.insert(option->name).second) << option->name;
}

TEST(CoturnOptionsTest, RowsAreWhole) {
  for (const CoturnOption* option : CoturnOptions()) {
    EXPECT_EQ(option->apply != nullptr, option->fate == Fate::kTaken) << option->name;
    if (option->fate != Fate::kTaken) {
      EXPECT_FALSE(option->remark.empty()) << option->name;
      EXPECT_TRUE(option->here.empty()) << option->name;
    } else {
      EXPECT_FALSE(option->here.empty() && option->remark.empty()) << option->name;
    }
    EXPECT_FALSE(option->remark.ends_with('.')) << option->name;
  }
}

TEST(CoturnOptionsTest, CaseTellsOptionsApart) {
  EXPECT_NE(FindCoturnOption("verbose"), FindCoturnOption("Verbose"));
  EXPECT_EQ(FindCoturnOption("REALM"), nullptr);
  EXPECT_EQ(FindCoturnOption(""), nullptr);
}

TEST(CoturnOptionsTest, TheNearestIsNamed) {
  EXPECT_EQ(NearestCoturnOption("static-auth-secert").name, "static-auth-secret");
}

// An option without an equivalent never goes by in silence, and what is off asks for nothing.
TEST(CoturnOptionsTest, WhatHasNoEquivalentIsNotedWithItsLine) {
  for (const CoturnOption* option : CoturnOptions()) {
    if (option->fate != Fate::kNone) continue;
    const std::string name(option->name);
    const auto of_line = [&](const Migration& migration) {
      std::vector<std::string> messages;
      for (const MigrationNote& note : migration.notes) {
        if (note.line == 2) messages.push_back(note.option + ": " + note.message);
      }
      return messages;
    };
    const bool is_flag = option->takes == Takes::kFlag;
    const Migration on = Migrate("\n" + name + (is_flag ? "" : "=1"), {});
    EXPECT_THAT(of_line(on), testing::ElementsAre(name + ": " + std::string(option->remark)));
    EXPECT_THAT(on.yaml, HasSubstr("# line 2, " + name + ":"));
    if (!is_flag) continue;
    EXPECT_THAT(of_line(Migrate("\n" + name + "=no", {})), IsEmpty()) << name;
  }
}

TEST(CoturnOptionsTest, WhatNeedsAValueFailsWithoutOne) {
  for (const CoturnOption* option : CoturnOptions()) {
    if (option->takes != Takes::kValue) continue;
    const Migration migration = Migrate("\n\n" + std::string(option->name) + " =", {});
    ASSERT_EQ(migration.errors.size(), 1U) << option->name;
    EXPECT_EQ(migration.errors[0].line, 3);
    EXPECT_EQ(migration.errors[0].option, option->name);
    EXPECT_EQ(migration.yaml, "");
  }
}

TEST(CoturnOptionsTest, AFlagIsOnOrOff) {
  for (const CoturnOption* option : CoturnOptions()) {
    if (option->takes != Takes::kFlag) continue;
    const Migration migration = Migrate(std::string(option->name) + "=perhaps", {});
    ASSERT_EQ(migration.errors.size(), 1U) << option->name;
    EXPECT_THAT(migration.errors[0].message, HasSubstr("'perhaps'"));
  }
}

TEST(CoturnOptionsTest, TheDocumentHasARowForEach) {
  const std::string document = PrintMigrationDocument();
  for (const CoturnOption* option : CoturnOptions())
    EXPECT_THAT(document, HasSubstr("\n| `" + std::string(option->name) + "` | "));
}

}  // namespace relay::options_test
