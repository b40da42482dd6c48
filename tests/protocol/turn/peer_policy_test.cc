#include "protocol/turn/peer_policy.h"

#include <gtest/gtest.h>

#include "tests/protocol/turn/peer_matrix.h"

namespace turn::peer_policy_test {

using Verdict = PeerPolicy::Verdict;

base::IpAddress Address(std::string_view text) { return *base::IpAddress::Parse(text); }
base::IpPrefix Prefix(std::string_view text) { return *base::IpPrefix::Parse(text); }
PeerAddress Peer(std::string_view text) { return {*base::Endpoint::Parse(text)}; }

TEST(PeerPolicy, A1_A7_A10_TheBuiltInDenialsHoldForAddressAndPort) {
  const PeerPolicy policy{PeerPolicy::Rules{}};
  for (const std::string_view peer : kForbiddenPeers) {
    EXPECT_EQ(policy.JudgeAddress(Address(peer)), Verdict::kDenied) << peer;
    EXPECT_EQ(policy.Judge({{Address(peer), 5000}}), Verdict::kDenied) << peer;
  }
  for (const std::string_view peer : kOrdinaryPeers) {
    EXPECT_EQ(policy.JudgeAddress(Address(peer)), Verdict::kAllowed) << peer;
    EXPECT_EQ(policy.Judge({{Address(peer), 5000}}), Verdict::kAllowed) << peer;
  }
}

TEST(PeerPolicy, AllowWinsOverTheBuiltInDenialsAndDenyWinsOverAllow) {
  PeerPolicy::Rules rules;
  rules.allow = {Prefix("10.20.0.0/16")};
  rules.deny = {Prefix("10.20.30.0/24"), Prefix("20.0.0.0/8")};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.JudgeAddress(Address("10.20.1.1")), Verdict::kAllowed);
  EXPECT_EQ(policy.JudgeAddress(Address("10.21.1.1")), Verdict::kDenied);
  EXPECT_EQ(policy.JudgeAddress(Address("10.20.30.1")), Verdict::kDenied);
  EXPECT_EQ(policy.JudgeAddress(Address("20.1.1.1")), Verdict::kDenied);
}

TEST(PeerPolicy, A2_TheUnspecifiedAddressIsDeniedEvenIfAllowed) {
  PeerPolicy::Rules rules;
  rules.allow = {Prefix("0.0.0.0/0"), Prefix("::/0")};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.JudgeAddress(Address("0.0.0.0")), Verdict::kDenied);
  EXPECT_EQ(policy.JudgeAddress(Address("::")), Verdict::kDenied);
}

TEST(PeerPolicy, LoopbackCanBeAllowedWhole) {
  PeerPolicy::Rules rules;
  rules.own_addresses = {Address("127.0.0.1"), Address("::1")};
  rules.own_sockets = {*base::Endpoint::Parse("0.0.0.0:3478")};
  rules.allow = {Prefix("127.0.0.0/8"), Prefix("::1/128")};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.Judge(Peer("127.0.0.1:5000")), Verdict::kAllowed);
  EXPECT_EQ(policy.Judge(Peer("127.9.9.9:5000")), Verdict::kAllowed);
  EXPECT_EQ(policy.Judge(Peer("[::1]:5000")), Verdict::kAllowed);
  EXPECT_EQ(policy.Judge(Peer("127.0.0.1:3478")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("127.9.9.9:3478")), Verdict::kDenied);
}

TEST(PeerPolicy, A8_OwnSocketsAreDeniedWhateverAllowSays) {
  PeerPolicy::Rules rules;
  rules.own_sockets = {*base::Endpoint::Parse("20.5.5.5:443"), *base::Endpoint::Parse("[::]:3478")};
  rules.own_addresses = {Address("20.5.5.5"), Address("2600:5::5")};
  rules.allow = {Prefix("0.0.0.0/0"), Prefix("::/0")};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.Judge(Peer("20.5.5.5:443")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("20.5.5.5:3478")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("[2600:5::5]:3478")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("20.5.5.5:444")), Verdict::kAllowed);
  EXPECT_EQ(policy.Judge(Peer("20.6.6.6:3478")), Verdict::kAllowed);
  EXPECT_EQ(policy.JudgeAddress(Address("20.5.5.5")), Verdict::kAllowed);
}

TEST(PeerPolicy, A8_AnOwnAddressThatIsNoRelayIsDeniedUnlessAllowed) {
  PeerPolicy::Rules rules;
  rules.own_addresses = {Address("20.5.5.5")};
  EXPECT_EQ(PeerPolicy(rules).Judge(Peer("20.5.5.5:22")), Verdict::kDenied);
  rules.allow = {Prefix("20.5.5.5/32")};
  EXPECT_EQ(PeerPolicy(rules).Judge(Peer("20.5.5.5:22")), Verdict::kAllowed);
}

TEST(PeerPolicy, OwnRelayAddressesAreOwnRelaysInsideAndOutside) {
  PeerPolicy::Rules rules;
  rules.relay_addresses = {{Address("10.0.0.5"), Address("20.5.5.5")}};
  rules.own_sockets = {*base::Endpoint::Parse("10.0.0.5:3478")};
  rules.deny = {Prefix("0.0.0.0/0")};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.JudgeAddress(Address("10.0.0.5")), Verdict::kOwnRelay);
  EXPECT_EQ(policy.JudgeAddress(Address("20.5.5.5")), Verdict::kOwnRelay);
  EXPECT_EQ(policy.Judge(Peer("20.5.5.5:50000")), Verdict::kOwnRelay);
  EXPECT_EQ(policy.Judge(Peer("10.0.0.5:3478")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("20.5.5.5:3478")), Verdict::kDenied);
}

TEST(PeerPolicy, A14_ABackendElsewhereIsDeniedWhole) {
  PeerPolicy::Rules rules;
  rules.backends = {*base::Endpoint::Parse("10.0.0.9:6379"), *base::Endpoint::Parse("10.0.0.8:0")};
  rules.allow = {Prefix("10.0.0.0/8")};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.JudgeAddress(Address("10.0.0.9")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("10.0.0.9:6379")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("10.0.0.9:80")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("10.0.0.8:80")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("10.0.0.7:6379")), Verdict::kAllowed);
}

TEST(PeerPolicy, A14_OfABackendOnThisHostThePortIsDenied) {
  PeerPolicy::Rules rules;
  rules.backends = {*base::Endpoint::Parse("127.0.0.1:6379"),
                    *base::Endpoint::Parse("20.5.5.5:6379")};
  rules.relay_addresses = {{Address("20.5.5.5"), Address("20.5.5.5")}};
  rules.allow = {Prefix("127.0.0.0/8")};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.JudgeAddress(Address("127.0.0.1")), Verdict::kAllowed);
  EXPECT_EQ(policy.Judge(Peer("127.0.0.1:6379")), Verdict::kDenied);
  EXPECT_EQ(policy.JudgeAddress(Address("20.5.5.5")), Verdict::kOwnRelay);
  EXPECT_EQ(policy.Judge(Peer("20.5.5.5:6379")), Verdict::kDenied);
}

TEST(PeerPolicy, A3_ATranslatedSpellingIsAlsoJudgedByTheAddressInside) {
  PeerPolicy::Rules rules;
  rules.allow = {Prefix("64:ff9b::/96")};
  rules.deny = {Prefix("20.7.0.0/16")};
  rules.own_sockets = {*base::Endpoint::Parse("20.5.5.5:443")};
  rules.relay_addresses = {{Address("20.6.6.6"), Address("20.6.6.6")}};
  rules.backends = {*base::Endpoint::Parse("20.8.8.8:0")};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.Judge(Peer("[64:ff9b::8.8.8.8]:443")), Verdict::kAllowed);
  EXPECT_EQ(policy.Judge(Peer("[64:ff9b::20.7.1.1]:443")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("[64:ff9b::20.5.5.5]:443")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("[64:ff9b::20.6.6.6]:443")), Verdict::kDenied);
  EXPECT_EQ(policy.Judge(Peer("[64:ff9b::20.8.8.8]:443")), Verdict::kDenied);
}

TEST(PeerPolicy, A13_IPv6RangesAreComparedAsNumbers) {
  PeerPolicy::Rules rules;
  rules.deny = {Prefix("2600:0:0:1:ff00::/72")};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.JudgeAddress(Address("2600:0:0:1:ff00::1")), Verdict::kDenied);
  EXPECT_EQ(policy.JudgeAddress(Address("2600:0:0:1:ffff:ffff:ffff:ffff")), Verdict::kDenied);
  EXPECT_EQ(policy.JudgeAddress(Address("2600:0:0:1:feff::1")), Verdict::kAllowed);
  EXPECT_EQ(policy.JudgeAddress(Address("2600:0:0:2::1")), Verdict::kAllowed);
}

TEST(PeerPolicy, ToWireAndFromWireTranslateRelayAddressesOnly) {
  PeerPolicy::Rules rules;
  rules.relay_addresses = {{Address("10.0.0.5"), Address("20.5.5.5")}};
  const PeerPolicy policy(rules);
  EXPECT_EQ(policy.ToWire(Peer("20.5.5.5:50000")), Peer("10.0.0.5:50000"));
  EXPECT_EQ(policy.FromWire(Peer("10.0.0.5:50000")), Peer("20.5.5.5:50000"));
  EXPECT_EQ(policy.ToWire(Peer("20.9.9.9:1")), Peer("20.9.9.9:1"));
  EXPECT_EQ(policy.FromWire(Peer("20.9.9.9:1")), Peer("20.9.9.9:1"));
}

TEST(EmbeddedIpv4, EverySpellingIsRead) {
  const base::IpAddress inside = Address("192.0.2.33");
  for (const std::string_view spelling :
       {"::192.0.2.33", "::ffff:0:192.0.2.33", "64:ff9b::192.0.2.33", "64:ff9b:1::192.0.2.33",
        "64:ff9b:1:c000:2:2100::", "2002:c000:221::", "2002:c000:221:1::5",
        "2001:0:4136:e378:8000:63bf:3fff:fdde", "2600::5efe:192.0.2.33",
        "fe80::200:5efe:192.0.2.33"})
    EXPECT_EQ(EmbeddedIpv4(Address(spelling)), inside) << spelling;
}

TEST(EmbeddedIpv4, OrdinaryAddressesHaveNone) {
  for (const std::string_view address : {"192.0.2.33", "::ffff:192.0.2.33", "::", "::1", "2600::1",
                                         "2001:1::1", "64:ff9b:2::1", "fe80::1"})
    EXPECT_EQ(EmbeddedIpv4(Address(address)), std::nullopt) << address;
}

}  // namespace turn::peer_policy_test
