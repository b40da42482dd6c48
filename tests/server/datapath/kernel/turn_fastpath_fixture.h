#pragma once

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <tuple>

#include "tests/server/datapath/kernel/fastpath_fixture.h"

namespace relay::test {

inline base::Endpoint At(const char* address, std::uint16_t port) {
  return {*base::IpAddress::Parse(address), port};
}

enum class Family : std::uint8_t { kV4, kV6 };

// Attachment, the family of clients, that of peers.
using Combination = std::tuple<Attachment, Family, Family>;

inline std::string Name(const testing::TestParamInfo<Combination>& info) {
  const auto name = [](Family family) { return family == Family::kV4 ? "V4" : "V6"; };
  return std::string(std::get<0>(info.param) == Attachment::kTc ? "Tc" : "Xdp") + "Client" +
         name(std::get<1>(info.param)) + "Peer" + name(std::get<2>(info.param));
}

// The program by itself, for each attachment and pair of families: a frame in, a verdict and a
// frame out.
class TurnFastpathTest : public testing::TestWithParam<Combination> {
 protected:
  void SetUp() override {
    if (!fastpath_.Load() && !fastpath_.skip_reason().empty())
      GTEST_SKIP() << fastpath_.skip_reason();
    ASSERT_FALSE(HasFatalFailure() || HasNonfatalFailure());
  }

  static Attachment attachment() { return std::get<0>(GetParam()); }
  static bool is_client_v6() { return std::get<1>(GetParam()) == Family::kV6; }
  static bool is_peer_v6() { return std::get<2>(GetParam()) == Family::kV6; }

  static TestRoute Route() {
    TestRoute route;
    route.client = is_client_v6() ? At("2001:db8:1::7", 61000) : At("192.0.2.7", 61000);
    route.server = is_client_v6() ? At("2001:db8::1", 3478) : At("198.51.100.1", 3478);
    route.relayed = is_peer_v6() ? At("2001:db8::2", 50000) : At("198.51.100.2", 50000);
    route.peer = is_peer_v6() ? At("2001:db8:9::9", 7000) : At("203.0.113.9", 7000);
    route.slot = 3;
    return route;
  }
  static Datagram FromClient(const Octets& data) {
    const TestRoute route = Route();
    Datagram datagram;
    datagram.source = route.client;
    datagram.destination = route.server;
    datagram.payload = ChannelData(route.channel, data);
    return datagram;
  }
  static Datagram FromPeer(const Octets& data) {
    const TestRoute route = Route();
    Datagram datagram;
    datagram.source = route.peer;
    datagram.destination = route.relayed;
    datagram.payload = data;
    return datagram;
  }
  // The MTU that the longer of both directions just fits.
  static std::uint32_t IpBytes(bool is_v6, std::size_t payload_bytes) {
    return static_cast<std::uint32_t>((is_v6 ? 40U : 20U) + 8U + payload_bytes);
  }

  RunResult Run(const Octets& frame, const Arrival& arrival = {}) {
    return fastpath_.Run(attachment(), frame, arrival);
  }
  // Passed, unchanged, and counted for this reason only.
  void ExpectPass(const Octets& frame, fastpath_outcome reason, const Arrival& arrival = {}) {
    const fastpath_totals before = fastpath_.maps().ReadTotals().value();
    const RunResult result = Run(frame, arrival);
    EXPECT_EQ(result.verdict, Verdict::kPassed);
    EXPECT_EQ(result.frame, frame);
    ExpectOnly(before, reason);
  }
  void ExpectDrop(const Octets& frame, fastpath_outcome reason) {
    const fastpath_totals before = fastpath_.maps().ReadTotals().value();
    EXPECT_EQ(Run(frame).verdict, Verdict::kDropped);
    ExpectOnly(before, reason);
  }
  // Passed, unchanged, and not counted at all.
  void ExpectForeign(const Octets& frame) {
    const fastpath_totals before = fastpath_.maps().ReadTotals().value();
    const RunResult result = Run(frame);
    EXPECT_EQ(result.verdict, Verdict::kPassed);
    EXPECT_EQ(result.frame, frame);
    ExpectOnly(before, FASTPATH_OUTCOMES);
  }
  ReadFrame ExpectRelayed(const Octets& frame, bool allows_no_check = false,
                          const Arrival& arrival = {}) {
    const RunResult result = Run(frame, arrival);
    EXPECT_EQ(result.verdict, Verdict::kRedirected);
    ReadFrame read = Read(result.frame, allows_no_check);
    EXPECT_EQ(read.problem, "");
    return read;
  }

  FastpathFixture fastpath_;

 private:
  void ExpectOnly(const fastpath_totals& before, fastpath_outcome reason) {
    const fastpath_totals after = fastpath_.maps().ReadTotals().value();
    for (int i = 0; i < FASTPATH_OUTCOMES; ++i)
      EXPECT_EQ(after.outcomes[i] - before.outcomes[i], i == reason ? 1U : 0U) << "outcome " << i;
    for (int i = 0; i < FASTPATH_DIRECTIONS; ++i)
      EXPECT_EQ(after.relayed[i].packets, before.relayed[i].packets);
  }
};

inline const auto kCombinations = testing::Combine(
    testing::Values(Attachment::kTc, Attachment::kXdp), testing::Values(Family::kV4, Family::kV6),
    testing::Values(Family::kV4, Family::kV6));

}  // namespace relay::test
