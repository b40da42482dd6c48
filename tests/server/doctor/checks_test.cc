#include "server/doctor/host_checks.h"
#include "server/doctor/netfilter.h"
#include "server/doctor/port_holders.h"
#include "server/doctor/sandbox_checks.h"

namespace relay::checks_test {

TEST(HostChecks, ConntrackIsAProblemFromNinetyPercentOn) {
  HostFacts facts;
  facts.conntrack_max = 1000;
  facts.conntrack_count = 899;
  EXPECT_EQ(CheckConntrack(facts, {}).severity, Severity::kWarning);
  facts.conntrack_count = 900;
  EXPECT_EQ(CheckConntrack(facts, {}).severity, Severity::kProblem);
  facts.conntrack_max = 0;
  EXPECT_EQ(CheckConntrack(facts, {}).severity, Severity::kFine);
}

TEST(Netfilter, ARuleForAnotherPortOrOneSourceDecidesNothing) {
  const auto chains = ReadRuleset(
      "table ip t {\n chain c {\n  type filter hook input priority 0; policy accept;\n"
      "  udp dport 53 drop\n  ip saddr 192.0.2.1 udp dport 50000 drop\n }\n chain d {\n  drop\n "
      "}\n}\n");
  ASSERT_EQ(chains.size(), 1U);
  EXPECT_EQ(JudgePorts(chains[0], 49152, 65535), PortVerdict::kNothing);
  EXPECT_EQ(JudgePorts(chains[0], 50, 60), PortVerdict::kDropped);
}

TEST(PortHolders, BrokenLinesAndOtherPortsAreSkipped) {
  const std::string table =
      "  sl  local_address\n"
      "  0: 0100007F:0D96 00000000:0000 07 0:0 0:0 0 0 0 77 2 0\n"
      "  1: 0100007F:zzzz 00000000:0000 07 0:0 0:0 0 0 0 78 2 0\n  2: 0100\n";
  const auto loopback = *base::IpAddress::Parse("127.0.0.1");
  EXPECT_EQ(FindSocketInodes(table, {loopback, 3478}, PortProtocol::kUdp),
            std::vector<std::uint64_t>{77});
  EXPECT_TRUE(FindSocketInodes(table, {loopback, 3479}, PortProtocol::kUdp).empty());
}

TEST(SandboxChecks, WhatTheSystemLacksIsAWarningEach) {
  SandboxFacts facts{
      .no_rules_for_files = "no Landlock", .no_filter = "no seccomp", .is_in_force = {}};
  EXPECT_EQ(CheckSandbox(facts, true).size(), 2U);
  EXPECT_EQ(CheckSandbox(facts, false).size(), 1U);
  facts = {};
  EXPECT_EQ(CheckSandbox(facts, true).front().severity, Severity::kFine);
  EXPECT_EQ(CheckSandbox(facts, false).front().severity, Severity::kWarning);
}

TEST(SandboxChecks, ARunningServerMustHaveGivenUpItsRights) {
  SandboxFacts facts;
  facts.is_in_force = true;
  EXPECT_EQ(CheckSandbox(facts, true).front().severity, Severity::kFine);
  facts.is_in_force = false;
  EXPECT_EQ(CheckSandbox(facts, true).front().severity, Severity::kWarning);
  EXPECT_EQ(ReadSandboxFacts("/nowhere", 1).is_in_force, std::nullopt);
}

}  // namespace relay::checks_test
