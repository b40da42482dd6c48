#include "server/app/firewall.h"

#include <gmock/gmock.h>

#include <boost/json.hpp>

namespace relay::firewall_test {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using Transport = Config::ListenerTransport;

base::IpAddress Ip(std::string_view text) { return *base::IpAddress::Parse(text); }

Config::Listener On(Transport transport, std::uint16_t port, std::string_view address = "0.0.0.0") {
  return {transport, Ip(address), port, std::nullopt};
}

// "udp 49152-65535 needed"
std::vector<std::string> RulesOf(const FirewallAdvice& advice) {
  std::vector<std::string> rules;
  for (const auto& rule : advice.rules) {
    std::string ports = std::to_string(rule.min_port);
    if (rule.max_port != rule.min_port) ports += "-" + std::to_string(rule.max_port);
    rules.push_back(std::string(rule.protocol) + " " + ports + (rule.is_needed ? " needed" : ""));
  }
  return rules;
}

Config With(std::vector<Config::Listener> listeners) {
  Config config;
  config.listeners = std::move(listeners);
  return config;
}

TEST(FirewallTest, WithoutAListenerOnlyRelayedAddressesAreReached) {
  const FirewallAdvice advice = AdviseFirewall(With({}), {});
  EXPECT_THAT(RulesOf(advice), ElementsAre("udp 49152-65535 needed"));
  EXPECT_THAT(advice.rules[0].purpose, Not(HasSubstr("TURN")));
  EXPECT_THAT(advice.names, IsEmpty());
  EXPECT_THAT(advice.addresses, IsEmpty());
}

TEST(FirewallTest, ListenersOnLoopbackAreNobodysBusiness) {
  const Config config =
      With({On(Transport::kUdp, 3478, "127.0.0.1"), On(Transport::kTcp, 3478, "::1"),
            On(Transport::kUdp, 50000, "127.0.0.53")});
  EXPECT_THAT(RulesOf(AdviseFirewall(config, {})), ElementsAre("udp 49152-65535 needed"));
  EXPECT_THAT(ThisNode(config, {}).addresses, IsEmpty());
}

TEST(FirewallTest, TheDefaultNeedsTheUdpRangeAndTlsAt443) {
  EXPECT_THAT(RulesOf(AdviseFirewall(Config{}, {})),
              ElementsAre("udp 49152-65535 needed", "tcp 443 needed", "udp 3478", "tcp 3478",
                          "tcp 5349", "udp 5349"));
}

TEST(FirewallTest, AListenerOutsideTheRangeIsNeededWhenNoneIsInside) {
  const Config config = With({On(Transport::kUdp, 3478), On(Transport::kUdp, 3479)});
  EXPECT_THAT(RulesOf(AdviseFirewall(config, {})),
              ElementsAre("udp 49152-65535 needed", "udp 3478 needed", "udp 3479"));
}

TEST(FirewallTest, ADtlsListenerInsideTheRangeIsNotTheWayOverUdp) {
  const Config config = With({On(Transport::kDtls, 49153), On(Transport::kUdp, 3478)});
  EXPECT_THAT(RulesOf(AdviseFirewall(config, {})),
              ElementsAre("udp 49152-65535 needed", "udp 3478 needed"));
}

TEST(FirewallTest, Without443TheFirstStreamIsNeeded) {
  const Config config =
      With({On(Transport::kUdp, 50000), On(Transport::kTls, 5349), On(Transport::kTcp, 3478)});
  EXPECT_THAT(RulesOf(AdviseFirewall(config, {})),
              ElementsAre("udp 49152-65535 needed", "tcp 5349 needed", "tcp 3478"));
}

TEST(FirewallTest, BothFamiliesOfAListenerAreOneRule) {
  const Config config = With({On(Transport::kEdge, 443), On(Transport::kEdge, 443, "::")});
  const FirewallAdvice advice = AdviseFirewall(config, {});
  EXPECT_THAT(RulesOf(advice), ElementsAre("udp 49152-65535 needed", "tcp 443 needed"));
  EXPECT_EQ(advice.rules[1].purpose, "TURN over TLS, HTTPS and WebSocket (WSS)");
}

TEST(FirewallTest, ListenersOfOnePortSayBothWhatTheyAreFor) {
  const Config config = With({On(Transport::kUdp, 3478), On(Transport::kDtls, 3478, "192.0.2.1")});
  const FirewallAdvice advice = AdviseFirewall(config, {});
  EXPECT_THAT(RulesOf(advice), ElementsAre("udp 49152-65535 needed", "udp 3478 needed"));
  EXPECT_EQ(advice.rules[1].purpose, "STUN and TURN over UDP, TURN over DTLS");
}

TEST(FirewallTest, AWildcardCoversOneLevelAndNothingCleverer) {
  const FirewallAdvice advice = AdviseFirewall(With({}), {{"eu01.turn.example.org", {}},
                                                          {"na01.turn.example.org", {}},
                                                          {"example.org", {}},
                                                          {"relay", {}},
                                                          {"", {}}});
  EXPECT_THAT(advice.names, ElementsAre("*.turn.example.org", "example.org", "relay"));
}

TEST(FirewallTest, AddressesOfAllNodesComeOnceAndIpv4First) {
  const FirewallAdvice advice = AdviseFirewall(
      With({}), {{"a.b.c", {"2001:db8::1", "192.0.2.1"}}, {"d.b.c", {"192.0.2.1", "192.0.2.2"}}});
  EXPECT_THAT(advice.addresses, ElementsAre("192.0.2.1", "192.0.2.2", "2001:db8::1"));
}

TEST(FirewallTest, ThisNodeIsKnownByItsExternalAddresses) {
  Config config = With({On(Transport::kUdp, 3478, "10.0.0.5"),
                        On(Transport::kTls, 443, "192.0.2.9"), On(Transport::kTcp, 3478)});
  config.node = "eu01.turn.example.org";
  const auto node = ThisNode(config, {{Ip("10.0.0.5"), Ip("203.0.113.7")}});
  EXPECT_EQ(node.name, "eu01.turn.example.org");
  EXPECT_THAT(node.addresses, ElementsAre("203.0.113.7", "192.0.2.9"));
}

TEST(FirewallTest, ANodeThatIsAnAddressHasNoName) {
  Config config;
  config.node = "192.0.2.1";
  EXPECT_EQ(ThisNode(config, {}).name, "");
}

FleetNode Announced(std::string name, std::vector<std::string> addresses) {
  FleetNode node;
  node.name = std::move(name);
  node.addresses = std::move(addresses);
  return node;
}

TEST(FirewallTest, AloneANodeHasNoOthers) {
  const FirewallAdvice::Node self{"eu01.turn.example.org", {"192.0.2.1"}};
  EXPECT_THAT(WithOthers(self, {}), ElementsAre(self));
}

TEST(FirewallTest, OfItselfANodeKnowsBetterThanTheFleet) {
  const FirewallAdvice::Node self{"eu01.turn.example.org", {"192.0.2.1"}};
  EXPECT_THAT(WithOthers(self, {Announced(self.name, {"192.0.2.99"})}), ElementsAre(self));
  const FirewallAdvice::Node nameless{"", {"192.0.2.1"}};
  EXPECT_THAT(WithOthers(nameless, {Announced("192.0.2.1", {"192.0.2.1"})}), ElementsAre(nameless));
}

TEST(FirewallTest, TheOthersOfTheFleetComeBehindIt) {
  const FirewallAdvice::Node self{"eu02.turn.example.org", {"192.0.2.2"}};
  EXPECT_THAT(WithOthers(self, {Announced("192.0.2.9", {"192.0.2.9"}),
                                Announced("eu01.turn.example.org", {"192.0.2.1"})}),
              ElementsAre(self, FirewallAdvice::Node{"", {"192.0.2.9"}},
                          FirewallAdvice::Node{"eu01.turn.example.org", {"192.0.2.1"}}));
}

TEST(FirewallTest, TextListsSeveralServersWithTheirAddresses) {
  const FirewallAdvice::Node one{"a.b.c", {"192.0.2.1", "2001:db8::1"}};
  EXPECT_THAT(PrintFirewallText(AdviseFirewall(With({}), {one})), Not(HasSubstr("The servers:")));
  EXPECT_THAT(
      PrintFirewallText(AdviseFirewall(With({}), {one, {"longer.b.c", {}}, {"", {"192.0.2.3"}}})),
      HasSubstr("\nThe servers:\n"
                "  a.b.c       192.0.2.1, 2001:db8::1\n"
                "  longer.b.c\n"
                "              192.0.2.3\n\n"));
}

TEST(FirewallTest, TextNamesRulesAndDestinations) {
  Config config;
  config.node = "eu01.turn.example.org";
  const std::string text = PrintFirewallText(
      AdviseFirewall(config, {ThisNode(config, {{Ip("192.0.2.1"), Ip("192.0.2.1")}})}));
  EXPECT_THAT(text, HasSubstr("  udp  49152-65535  STUN and TURN over UDP"));
  EXPECT_THAT(text, HasSubstr("  tcp  443          TURN over TLS, HTTPS"));
  EXPECT_THAT(text, HasSubstr("\n  *.turn.example.org\n"));
  EXPECT_THAT(text, HasSubstr("\n  192.0.2.1\n"));
  EXPECT_THAT(text, HasSubstr("exactly one level"));
}

TEST(FirewallTest, TextWithoutNamesDoesNotSpeakOfThem) {
  const std::string text = PrintFirewallText(AdviseFirewall(Config{}, {{"", {"192.0.2.1"}}}));
  EXPECT_THAT(text, Not(HasSubstr("names:")));
  EXPECT_THAT(text, Not(HasSubstr("one level")));
}

TEST(FirewallTest, JsonSaysTheSameToPrograms) {
  Config config;
  config.node = "eu01.turn.example.org";
  const auto whole = boost::json::parse(PrintFirewallJson(
      AdviseFirewall(config, {ThisNode(config, {{Ip("192.0.2.1"), Ip("192.0.2.1")}})})));
  EXPECT_EQ(whole.at("names"), boost::json::array({"*.turn.example.org"}));
  EXPECT_EQ(whole.at("addresses"), boost::json::array({"192.0.2.1"}));
  const auto& rule = whole.at("rules").at(0);
  EXPECT_EQ(rule.at("protocol"), "udp");
  EXPECT_EQ(rule.at("min_port"), 49152);
  EXPECT_EQ(rule.at("max_port"), 65535);
  EXPECT_EQ(rule.at("needed"), true);
  EXPECT_EQ(whole.at("nodes").at(0).at("name"), "eu01.turn.example.org");
  EXPECT_EQ(whole.at("complete"), true);
  FirewallAdvice partial;
  partial.is_complete = false;
  EXPECT_EQ(boost::json::parse(PrintFirewallJson(partial)).at("complete"), false);
}

}  // namespace relay::firewall_test
