#include "server/control/status_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "protocol/turn/event.h"
#include "tests/server/control/fake_relay.h"

namespace relay::status_report_test {

using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;

class StatusReportTest : public testing::Test {
 protected:
  StatusInput Input(seconds uptime = seconds(93'784)) const {
    return {.version = "1.2.3",
            .now = relay_.snapshot.started + uptime,
            .drain_remaining = std::nullopt,
            .relay = relay_.ReadSnapshot(),
            .shards = relay_.counters()};
  }
  void CountTraffic(std::uint64_t packets) {
    relay_.shards[0]
        .relayed_packets[LabelIndex(Direction::kClientToPeer)][LabelIndex(RelayPath::kUserspace)]
        .Add(packets);
    relay_.shards[1]
        .relayed_bytes[LabelIndex(Direction::kClientToPeer)][LabelIndex(RelayPath::kStream)]
        .Add(packets * 1000);
  }

  FakeRelay relay_;
  StatusReporter reporter_;
};

TEST_F(StatusReportTest, IsExactlyThisForAnIdleRelay) {
  EXPECT_EQ(reporter_.RenderText(Input()),
            "senso-turn    1.2.3, up 1d 2h 3m 4s, 2 shards\n"
            "state         serving\n"
            "listeners     udp 0.0.0.0:3478  open\n"
            "              tcp 0.0.0.0:3478  Address already in use\n"
            "certificates  /etc/senso-turn/tls.crt until 2026-11-20T18:00:00Z (turn.example.org, "
            "203.0.113.7)\n"
            "relay         10.0.0.5 (known as 203.0.113.7) ports 49152-65535\n"
            "allocations   0\n"
            "users         2\n"
            "permissions   0\n"
            "channels      0\n"
            "connections   none\n"
            "ports         3 of 16382 in use, 1 reservations\n"
            "requests      none\n"
            "to peers      0 packets, 0B\n"
            "to clients    0 packets, 0B\n"
            "dropped       none\n");
}

TEST_F(StatusReportTest, HasNoLineForCertificatesWithoutTls) {
  relay_.snapshot.certificates.clear();
  EXPECT_THAT(reporter_.RenderText(Input()), Not(HasSubstr("certificates")));
  EXPECT_TRUE(
      boost::json::parse(reporter_.RenderJson(Input())).at("certificates").as_array().empty());
}

TEST_F(StatusReportTest, EscapesTheNamesOfCertificates) {
  relay_.snapshot.certificates[0].subjects = {"evil\x1b[2J"};
  EXPECT_THAT(reporter_.RenderText(Input()), HasSubstr("(\"evil\\u{1b}[2J\")"));
}

TEST_F(StatusReportTest, ShowsAllocationsByTransportAndFamily) {
  relay_.AddAllocations(2);
  relay_.shards[0]
      .allocations[LabelIndex(base::Transport::kTls)][LabelIndex(base::AddressFamily::kIpv6)]
      .Add(1);
  EXPECT_THAT(reporter_.RenderText(Input()),
              HasSubstr("allocations   3 (udp/ipv4 2, tls/ipv6 1)\n"));
}

TEST_F(StatusReportTest, ShowsOnlyOutcomesAndDropsThatHappened) {
  relay_.shards[0].requests[MethodIndex(0x003)][OutcomeIndex(401)].Add(2);
  relay_.shards[1].requests[MethodIndex(0x004)][OutcomeIndex(401)].Add(1);
  relay_.shards[0].dropped_packets[LabelIndex(turn::DropReason::kNoPermission)].Add(4);
  relay_.shards[0].socket_receive_drops.Add(9);
  const std::string text = reporter_.RenderText(Input());
  EXPECT_THAT(text, HasSubstr("requests      401 3\n"));
  EXPECT_THAT(
      text, HasSubstr("dropped       no_permission 4\n              9 by full receive buffers\n"));
}

TEST_F(StatusReportTest, ShowsRatesSinceTheLastReport) {
  CountTraffic(1000);
  EXPECT_THAT(reporter_.RenderText(Input(seconds(100))),
              HasSubstr("to peers      1000 packets, 1.0MB\n"));
  CountTraffic(5000);
  EXPECT_THAT(
      reporter_.RenderText(Input(seconds(110))),
      HasSubstr(
          "to peers      6000 packets, 6.0MB; 500 packets/s, 4.0Mbit/s since the last status\n"));
}

TEST_F(StatusReportTest, ShowsNoRatesOverNoTime) {
  reporter_.RenderText(Input());
  EXPECT_THAT(reporter_.RenderText(Input()), Not(HasSubstr("/s since")));
}

TEST_F(StatusReportTest, SaysHowLongADrainMayTake) {
  StatusInput input = Input();
  input.drain_remaining = seconds(3599);
  EXPECT_THAT(reporter_.RenderText(input),
              HasSubstr("state         draining, 59m 59s until the deadline\n"));
}

TEST_F(StatusReportTest, IsAlsoAnObjectForPrograms) {
  relay_.AddAllocations(2);
  CountTraffic(10);
  StatusInput input = Input();
  input.drain_remaining = seconds(60);
  const boost::json::value status = boost::json::parse(reporter_.RenderJson(input));
  EXPECT_EQ(status.at("version"), "1.2.3");
  EXPECT_EQ(status.at("uptime_seconds"), 93'784);
  EXPECT_EQ(status.at("draining"), true);
  EXPECT_EQ(status.at("drain_remaining_seconds"), 60);
  EXPECT_EQ(status.at("listeners").at(1).at("state"), "Address already in use");
  EXPECT_EQ(status.at("certificates").at(0).at("certificate"), "/etc/senso-turn/tls.crt");
  EXPECT_EQ(status.at("certificates").at(0).at("not_after"), "2026-11-20T18:00:00Z");
  EXPECT_EQ(status.at("certificates").at(0).at("subjects").at(1), "203.0.113.7");
  EXPECT_EQ(status.at("allocations").at("udp").at("ipv4"), 2);
  EXPECT_EQ(status.at("relayed_packets").at("client_to_peer").at("userspace"), 10);
  EXPECT_EQ(status.at("relayed_bytes").at("client_to_peer").at("stream"), 10'000);
  EXPECT_EQ(status.at("relay_ports_limit"), 16'382);
}

}  // namespace relay::status_report_test
