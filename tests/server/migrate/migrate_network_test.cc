// What migrate.h says of listeners, relay addresses and peers.

#include <gmock/gmock.h>

#include "tests/server/migrate/migrate_fixture.h"

namespace relay::migrate_network_test {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::UnorderedElementsAre;

// -- listeners --

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
              HasSubstr("\n#   - {transport: tcp, address: \"192.0.2.1\", port: 5555, "
                        "proxy_protocol: {trusted: [PROXY]}}"));
}

TEST_F(MigrateTest, WhatIsACommentBecomesRightByTakingTheHashAway) {
  const auto uncommented = [&](std::string_view text,
                               std::initializer_list<std::pair<std::string, std::string>> filled) {
    std::string yaml = Migrate(text, host_).yaml;
    for (const std::string hash : {"\n#   ", "\n# relay:", "\n# auth:"}) {
      for (std::size_t at = yaml.find(hash); at != std::string::npos; at = yaml.find(hash, at))
        yaml.erase(at + 1, 2);
    }
    const std::size_t edge = yaml.find("  - {transport: edge");  // which needs a certificate
    yaml.erase(edge, yaml.find('\n', edge) + 1 - edge);
    for (const auto& [placeholder, value] : filled)
      yaml.replace(yaml.find(placeholder), placeholder.size(), value);
    const LoadedConfig loaded = LoadConfigText(yaml, "", {});
    for (const Diagnostic& error : loaded.errors) ADD_FAILURE() << error.ToString() << "\n" << yaml;
    return loaded.config;
  };
  const Config proxied = uncommented("listening-ip=192.0.2.1\ntcp-proxy-port=5555\nuser=a:b",
                                     {{"[PROXY]", "[10.0.0.0/8]"}});
  EXPECT_TRUE(std::ranges::any_of(proxied.listeners, [](const auto& listener) {
    return listener.trusted_proxies.has_value();
  }));
  const Config translated =
      uncommented("external-ip=203.0.113.7\noauth\nserver-name=a.example",
                  {{"{ADDRESS", "{\"10.0.0.5\""},
                   {": KID", ": north"},
                   {": BASE64", ": MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}});
  EXPECT_EQ(translated.relay.external_addresses.size(), 1U);
  EXPECT_EQ(translated.auth.access_tokens.server_name, "a.example");
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

// -- relay addresses --

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
  EXPECT_THAT(migration_.yaml, HasSubstr("\n#   external_addresses: {ADDRESS: \"203.0.113.7\"}"));
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

// -- peers --

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

}  // namespace relay::migrate_network_test
