// What goes from relay to relay in one pass.

#include <gtest/gtest.h>

#include <chrono>

#include "tests/server/datapath/kernel/turn_fastpath_fixture.h"

namespace relay::test::turn_fastpath_relays_test {

using std::chrono::seconds;

// Both ends are allocations of this server: A's peer is B's relayed transport address, and the
// other way round. A has the family of clients, B that of peers; relayed are IPv4.
class RelayToRelayTest : public TurnFastpathTest {
 protected:
  static TestRoute RouteOfA() {
    TestRoute route = Route();
    route.relayed = At("198.51.100.2", 50001);
    route.peer = At("198.51.100.2", 50002);
    route.slot = 1;
    route.next_hop_to_peer = 0;
    route.flags = FASTPATH_PEER_IS_OWN_RELAY;
    return route;
  }
  static TestRoute RouteOfB() {
    TestRoute route;
    route.client = is_peer_v6() ? At("2001:db8:2::8", 62000) : At("192.0.2.8", 62000);
    route.server = is_peer_v6() ? At("2001:db8::1", 3478) : At("198.51.100.1", 3478);
    route.channel = 0x4abc;
    route.relayed = RouteOfA().peer;
    route.peer = RouteOfA().relayed;
    route.slot = 2;
    route.next_hop_to_peer = 0;
    route.flags = FASTPATH_PEER_IS_OWN_RELAY;
    return route;
  }
};

TEST_P(RelayToRelayTest, WithoutTheOtherRoutePasses) {
  fastpath_.Install(RouteOfA());
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_MISS);
}

TEST_P(RelayToRelayTest, WhenTheOtherRouteIsOverPasses) {
  fastpath_.Install(RouteOfA());
  TestRoute other = RouteOfB();
  other.deadline = std::chrono::steady_clock::now() - seconds(1);
  fastpath_.Install(other);
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_EXPIRED);
}

TEST_P(RelayToRelayTest, APeerThatIsNotTheOthersPeerPasses) {
  fastpath_.Install(RouteOfA());
  TestRoute other = RouteOfB();
  other.peer.port = 50003;
  fastpath_.Install(other);
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_MISS);
}

TEST_P(RelayToRelayTest, AnUnresolvedClientPasses) {
  fastpath_.Install(RouteOfA());
  fastpath_.Install(RouteOfB());
  fastpath_.maps().ClearNextHop(1);
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_NO_NEXT_HOP);
}

TEST_P(RelayToRelayTest, OfEverySize) {
  fastpath_.Install(RouteOfA());
  fastpath_.Install(RouteOfB());
  for (std::size_t bytes = 0; bytes <= 1400; bytes += bytes < 80 ? 1 : 33) {
    for (const bool is_unfinished : {false, true}) {
      Octets frame = MakeFrame(FromClient(Pattern(bytes)));
      if (is_unfinished) LeaveCheckUnfinished(frame);
      const ReadFrame read = ExpectRelayed(frame);
      EXPECT_EQ(read.datagram.payload, ChannelData(0x4abc, Pattern(bytes))) << bytes;
      EXPECT_EQ(read.datagram.source, RouteOfB().server);
      EXPECT_EQ(read.datagram.destination, RouteOfB().client);
      EXPECT_EQ(read.datagram.hop_limit, 62);
    }
  }
}

TEST_P(RelayToRelayTest, BothAreCharged) {
  fastpath_.Install(RouteOfA());
  fastpath_.Install(RouteOfB());
  ExpectRelayed(MakeFrame(FromClient(Pattern(100))));
  EXPECT_EQ(fastpath_.OfSlot(1, FASTPATH_CLIENT_TO_PEER).bytes, 100U);
  EXPECT_EQ(fastpath_.OfSlot(1, FASTPATH_PEER_TO_CLIENT).packets, 0U);
  EXPECT_EQ(fastpath_.OfSlot(2, FASTPATH_PEER_TO_CLIENT).bytes, 100U);
  EXPECT_EQ(fastpath_.OfSlot(2, FASTPATH_CLIENT_TO_PEER).packets, 0U);
  EXPECT_EQ(fastpath_.Relayed(FASTPATH_CLIENT_TO_PEER).packets, 1U);
  EXPECT_EQ(fastpath_.Relayed(FASTPATH_PEER_TO_CLIENT).packets, 1U);
}

TEST_P(RelayToRelayTest, TheSecondLimitHoldsAfterTheFirstIsCharged) {
  fastpath_.Install(RouteOfA());
  fastpath_.Install(RouteOfB());
  fastpath_.maps().SetLimits(
      {.allocation = {.bytes_per_second = 0, .packets_per_second = 1}, .shared = {}});
  EXPECT_EQ(ExpectRelayed(MakeFrame(FromClient(Pattern(8)))).problem, "");
  fastpath_.maps().ResetSlot(1, {1});
  EXPECT_EQ(Run(MakeFrame(FromClient(Pattern(8)))).verdict, Verdict::kDropped);
  EXPECT_EQ(fastpath_.Outcomes(FASTPATH_DROP_OVER_LIMIT), 1U);
  EXPECT_EQ(fastpath_.OfSlot(1, FASTPATH_CLIENT_TO_PEER).packets, 2U);
  EXPECT_EQ(fastpath_.OfSlot(2, FASTPATH_PEER_TO_CLIENT).packets, 1U);
}

TEST_P(RelayToRelayTest, ItIsTwoHops) {
  fastpath_.Install(RouteOfA());
  fastpath_.Install(RouteOfB());
  Datagram datagram = FromClient(Pattern(100));
  datagram.hop_limit = 2;
  EXPECT_EQ(Run(MakeFrame(datagram)).verdict, Verdict::kDropped);
  EXPECT_EQ(fastpath_.Outcomes(FASTPATH_DROP_HOP_LIMIT), 1U);
  datagram.hop_limit = 3;
  EXPECT_EQ(ExpectRelayed(MakeFrame(datagram)).datagram.hop_limit, 1);
}

INSTANTIATE_TEST_SUITE_P(Fastpath, RelayToRelayTest, kCombinations, Name);

}  // namespace relay::test::turn_fastpath_relays_test
