#include "server/app/dns.h"

#include <gmock/gmock.h>

namespace relay::dns_test {

using testing::AllOf;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Transport = Config::ListenerTransport;

base::IpAddress Ip(std::string_view text) { return *base::IpAddress::Parse(text); }

Config::Listener On(Transport transport, std::uint16_t port, std::string_view address = "0.0.0.0") {
  return {transport, Ip(address), port, std::nullopt};
}

Config With(std::vector<Config::Listener> listeners) {
  Config config;
  config.listeners = std::move(listeners);
  return config;
}

const Config kOneListener = With({On(Transport::kUdp, 49152)});

// "name TYPE data" of all domains.
std::vector<std::string> Records(const Config& config, const std::vector<PublicNode>& nodes) {
  const auto domains = AdviseDns(config, nodes);
  if (!domains.ok()) return {"error: " + domains.error().message};
  std::vector<std::string> texts;
  for (const DnsDomain& domain : domains.value()) {
    for (const DnsRecord& record : domain.records)
      texts.push_back(record.name + " " + record.type + " " + record.data);
  }
  return texts;
}

TEST(DnsTest, WhatHasNoNameHasNoRecords) {
  EXPECT_THAT(Records(kOneListener, {}), ElementsAre(HasSubstr("error: there is no node")));
  EXPECT_THAT(Records(kOneListener, {{"", {"192.0.2.1"}}}),
              ElementsAre(HasSubstr("error: a node")));
  for (const std::string name : {"relay", ".example.org", "a..b", "."})
    EXPECT_THAT(Records(kOneListener, {{name, {"192.0.2.1"}}}), ElementsAre(HasSubstr("error: ")));
  EXPECT_THAT(Records(kOneListener, {{"a.example.org", {}}}),
              ElementsAre(HasSubstr("error: a.example.org has no address")));
}

TEST(DnsTest, ARegionCannotHaveTheNameOfANode) {
  EXPECT_THAT(Records(kOneListener, {{"eu.example.org", {"192.0.2.1"}, "EU"}}),
              ElementsAre(HasSubstr("is the name of a node and of a region")));
}

TEST(DnsTest, ANodeHasAddressesAndServices) {
  EXPECT_THAT(
      Records(kOneListener, {{"EU01.turn.example.org.", {"192.0.2.1", "2001:db8::1"}}}),
      ElementsAre("eu01.turn.example.org. A 192.0.2.1", "eu01.turn.example.org. AAAA 2001:db8::1",
                  "turn.example.org. NAPTR 10 10 \"S\" \"RELAY:turn.udp\" \"\" "
                  "_turn._udp.turn.example.org.",
                  "_stun._udp.turn.example.org. SRV 10 10 49152 eu01.turn.example.org.",
                  "_turn._udp.turn.example.org. SRV 10 10 49152 eu01.turn.example.org."));
}

TEST(DnsTest, WithoutReachableListenersThereIsNoService) {
  EXPECT_THAT(Records(With({On(Transport::kUdp, 3478, "127.0.0.1")}), {{"a.b.c", {"192.0.2.1"}}}),
              ElementsAre("a.b.c. A 192.0.2.1"));
}

TEST(DnsTest, EveryTransportHasItsService) {
  const auto records = Records(Config{}, {{"a.b.c", {"192.0.2.1"}}});
  for (const std::string record :
       {"_turn._udp.b.c. SRV 10 10 49152 a.b.c.", "_turn._udp.b.c. SRV 20 10 3478 a.b.c.",
        "_turns._udp.b.c. SRV 10 10 49153 a.b.c.", "_turns._udp.b.c. SRV 20 10 5349 a.b.c.",
        "_turn._tcp.b.c. SRV 20 10 3478 a.b.c.", "_turns._tcp.b.c. SRV 10 10 443 a.b.c.",
        "_turns._tcp.b.c. SRV 20 10 5349 a.b.c.", "_stun._udp.b.c. SRV 20 10 3478 a.b.c.",
        "_stuns._tcp.b.c. SRV 10 10 443 a.b.c.", "_stun._tcp.b.c. SRV 20 10 3478 a.b.c.",
        "_stuns._udp.b.c. SRV 10 10 49153 a.b.c.",
        "b.c. NAPTR 20 10 \"S\" \"RELAY:turn.tls\" \"\" _turns._tcp.b.c.",
        "b.c. NAPTR 30 10 \"S\" \"RELAY:turn.tcp\" \"\" _turn._tcp.b.c.",
        "b.c. NAPTR 40 10 \"S\" \"RELAY:turn.dtls\" \"\" _turns._udp.b.c."})
    EXPECT_THAT(records, Contains(record));
  // Both families of a listener are one service.
  EXPECT_EQ(records.size(), 1U + 4 + 14);
}

TEST(DnsTest, RegionsHaveTheirNodesOnly) {
  const auto records = Records(kOneListener, {{"eu01.t.org", {"192.0.2.1"}, "eu"},
                                              {"eu02.t.org", {"192.0.2.2"}, "eu"},
                                              {"na01.t.org", {"192.0.2.3"}, "na"}});
  EXPECT_THAT(records,
              AllOf(Contains("eu.t.org. A 192.0.2.1"), Contains("eu.t.org. A 192.0.2.2"),
                    Not(Contains("eu.t.org. A 192.0.2.3")), Contains("na.t.org. A 192.0.2.3"),
                    Contains("_turn._udp.na.t.org. SRV 10 10 49152 na01.t.org."),
                    Not(Contains("_turn._udp.na.t.org. SRV 10 10 49152 eu01.t.org.")),
                    Contains("_turn._udp.t.org. SRV 10 10 49152 na01.t.org."),
                    Contains(HasSubstr("eu.t.org. NAPTR 10"))));
}

TEST(DnsTest, EachDomainIsAZone) {
  const auto domains =
      AdviseDns(kOneListener, {{"a.x.org", {"192.0.2.1"}}, {"b.y.org", {"192.0.2.2"}}});
  ASSERT_TRUE(domains.ok());
  const std::string zones = PrintDnsZones(domains.value(), {});
  EXPECT_THAT(zones, AllOf(HasSubstr("$ORIGIN x.org.\n$TTL 300\n"), HasSubstr("$ORIGIN y.org.\n"),
                           HasSubstr("x.org. IN SOA a.x.org. hostmaster.x.org. 1 "),
                           HasSubstr("x.org. IN NS a.x.org.\n")));
  const std::string endpoints = PrintDnsEndpoints(domains.value(), {});
  EXPECT_THAT(endpoints, AllOf(HasSubstr("  name: senso-turn-x-org\n"), HasSubstr("\n---\n"),
                               HasSubstr("    - dnsName: 'a.x.org'\n      recordType: A\n"
                                         "      recordTTL: 300\n      targets:\n"
                                         "        - '192.0.2.1'\n")));
}

TEST(DnsTest, ServersOfTheZoneCanBeNamed) {
  const auto domains = AdviseDns(kOneListener, {{"a.x.org", {"192.0.2.1"}}});
  ASSERT_TRUE(domains.ok());
  const std::string zone = PrintDnsZones(domains.value(), {60, 7, {"ns1.x.net", "ns2.x.net."}});
  EXPECT_THAT(zone, AllOf(HasSubstr("$TTL 60\n"), HasSubstr(" SOA ns1.x.net. hostmaster.x.org. 7 "),
                          HasSubstr(" NS ns1.x.net.\n"), HasSubstr(" NS ns2.x.net.\n"),
                          Not(HasSubstr("--name-server"))));
}

TEST(PublicNodeTest, AServingNodeHasTheAddressesOfItsListeners) {
  Config config = With({On(Transport::kUdp, 3478), On(Transport::kTcp, 3478, "10.0.0.8"),
                        On(Transport::kTcp, 3478, "127.0.0.1")});
  config.node = "a.example.org";
  config.region = "eu";
  const std::vector<turn::RelayAddress> relay = {{Ip("10.0.0.5"), Ip("203.0.113.5")},
                                                 {Ip("2001:db8::5"), Ip("2001:db8::5")}};
  const PublicNode node = ServingNode(config, relay);
  EXPECT_EQ(node.name, "a.example.org");
  EXPECT_EQ(node.region, "eu");
  EXPECT_THAT(node.addresses, ElementsAre("203.0.113.5", "10.0.0.8"));
  EXPECT_THAT(ThisNode(config, relay).addresses,
              ElementsAre("203.0.113.5", "2001:db8::5", "10.0.0.8"));
  config.listeners = {On(Transport::kUdp, 3478, "10.0.0.5")};
  EXPECT_THAT(ServingNode(config, relay).addresses, ElementsAre("203.0.113.5"));
  config.node = "192.0.2.1";
  EXPECT_EQ(ServingNode(config, relay).name, "");
  config.listeners = {};
  EXPECT_THAT(ServingNode(config, relay).addresses, IsEmpty());
}

}  // namespace relay::dns_test
