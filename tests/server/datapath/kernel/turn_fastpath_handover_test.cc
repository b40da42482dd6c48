// The order of packets between the program and userspace: what has passed is not overtaken.

#include <gtest/gtest.h>

#include <chrono>

#include "tests/server/datapath/kernel/turn_fastpath_fixture.h"

namespace relay::test::turn_fastpath_handover_test {

using std::chrono::seconds;

class TurnFastpathHandoverTest : public TurnFastpathTest {
 protected:
  void SetUp() override {
    TurnFastpathTest::SetUp();
    if (IsSkipped()) return;
    fastpath_.SetTakesOver(false);
    route_ = fastpath_.Install(Route());
  }

  std::uint32_t& Word(fastpath_direction direction) {
    return fastpath_.maps().handover(route_, direction);
  }
  static Octets Up() { return MakeFrame(FromClient(Pattern(100))); }
  static Octets Down() { return MakeFrame(FromPeer(Pattern(100))); }

  // The frame passes for the reason, and so does what comes after it in its direction, but not in
  // the other one.
  void ExpectHoldsBack(const Octets& frame, fastpath_outcome reason, fastpath_direction direction,
                       const Arrival& arrival = {}) {
    fastpath_.TakeOver();
    const std::uint32_t before = Word(direction);
    ExpectPass(frame, reason, arrival);
    EXPECT_EQ(Word(direction), before - FASTPATH_TAKEN_OVER + FASTPATH_PASSED_ONE);
  }

  std::uint32_t route_ = 0;
};

TEST_P(TurnFastpathHandoverTest, ANewRoutePassesUntilItIsTakenOver) {
  ExpectPass(Up(), FASTPATH_PASS_HANDOVER);
  ExpectPass(Up(), FASTPATH_PASS_HANDOVER);
  ExpectPass(Down(), FASTPATH_PASS_HANDOVER);
  EXPECT_EQ(Word(FASTPATH_CLIENT_TO_PEER), 2 * FASTPATH_PASSED_ONE);
  EXPECT_EQ(Word(FASTPATH_PEER_TO_CLIENT), FASTPATH_PASSED_ONE);
  Word(FASTPATH_CLIENT_TO_PEER) |= FASTPATH_TAKEN_OVER;
  ExpectRelayed(Up());
  // Each direction by itself.
  ExpectPass(Down(), FASTPATH_PASS_HANDOVER);
}

TEST_P(TurnFastpathHandoverTest, WhatIsRelayedOrDroppedLeavesTheWordAlone) {
  fastpath_.TakeOver();
  const std::uint32_t before = Word(FASTPATH_CLIENT_TO_PEER);
  ExpectRelayed(Up());
  Datagram last_hop = FromClient(Pattern(100));
  last_hop.hop_limit = 1;
  ExpectDrop(MakeFrame(last_hop), FASTPATH_DROP_HOP_LIMIT);
  fastpath_.maps().SetLimits(
      {.allocation = {.bytes_per_second = 1, .packets_per_second = 0}, .shared = {}});
  ExpectDrop(Up(), FASTPATH_DROP_OVER_LIMIT);
  EXPECT_EQ(Word(FASTPATH_CLIENT_TO_PEER), before);
}

TEST_P(TurnFastpathHandoverTest, WhatIsOfNoRouteHoldsNothingBack) {
  fastpath_.TakeOver();
  Datagram other = FromClient(Pattern(100));
  ++other.source.port;
  ExpectPass(MakeFrame(other), FASTPATH_PASS_MISS);
  ExpectRelayed(Up());
  ExpectRelayed(Down());
}

TEST_P(TurnFastpathHandoverTest, WithoutANextHop) {
  fastpath_.maps().ClearNextHop(2);
  ExpectHoldsBack(Up(), FASTPATH_PASS_NO_NEXT_HOP, FASTPATH_CLIENT_TO_PEER);
  // It is known now, and what passed still waits in userspace.
  fastpath_.maps().SetNextHop(2, MakeLink());
  ExpectPass(Up(), FASTPATH_PASS_HANDOVER);
  // The other direction had nothing that passed.
  ExpectRelayed(Down());
}

TEST_P(TurnFastpathHandoverTest, OverTheMtu) {
  fastpath_.maps().SetNextHop(1, MakeLink(600));
  ExpectHoldsBack(MakeFrame(FromPeer(Pattern(1000))), FASTPATH_PASS_OVER_MTU,
                  FASTPATH_PEER_TO_CLIENT);
  ExpectPass(Down(), FASTPATH_PASS_HANDOVER);
}

TEST_P(TurnFastpathHandoverTest, Padded) {
  Datagram datagram = FromClient(Pattern(99));
  datagram.payload.push_back(0);
  ExpectHoldsBack(MakeFrame(datagram), FASTPATH_PASS_PADDED, FASTPATH_CLIENT_TO_PEER);
}

TEST_P(TurnFastpathHandoverTest, PastTheDeadline) {
  fastpath_.maps().SetDeadline(route_, std::chrono::steady_clock::now() - seconds(1));
  ExpectHoldsBack(Up(), FASTPATH_PASS_EXPIRED, FASTPATH_CLIENT_TO_PEER);
  ExpectHoldsBack(Down(), FASTPATH_PASS_EXPIRED, FASTPATH_PEER_TO_CLIENT);
}

TEST_P(TurnFastpathHandoverTest, SeveralInOneBuffer) {
  if (attachment() == Attachment::kXdp) GTEST_SKIP() << "XDP has no such buffers";
  ExpectHoldsBack(Up(), FASTPATH_PASS_SEGMENTED, FASTPATH_CLIENT_TO_PEER,
                  {.gso_segs = 2, .gso_size = 50});
  ExpectHoldsBack(Down(), FASTPATH_PASS_SEGMENTED, FASTPATH_PEER_TO_CLIENT,
                  {.gso_segs = 2, .gso_size = 50});
}

TEST_P(TurnFastpathHandoverTest, TheFirstFragmentOfAnIpv4Datagram) {
  if (is_peer_v6()) GTEST_SKIP() << "in IPv6 that is an extension header";
  Octets frame = Down();
  Write16(frame, IpAt() + 6, 0x2000);
  MendIpv4(frame);
  ExpectHoldsBack(frame, FASTPATH_PASS_FRAGMENT, FASTPATH_PEER_TO_CLIENT);
}

// The address of a sender to whom no link leads is false, unless the packet comes by the loopback
// interface, where the program is not.
TEST_P(TurnFastpathHandoverTest, ASenderThatIsNotOutsideIsTheSystemsBusiness) {
  fastpath_.maps().ClearNextHop(1);
  ExpectHoldsBack(Up(), FASTPATH_PASS_NO_NEXT_HOP, FASTPATH_CLIENT_TO_PEER);
  fastpath_.maps().SetNextHop(1, MakeLink());
  fastpath_.maps().ClearNextHop(2);
  ExpectHoldsBack(Down(), FASTPATH_PASS_NO_NEXT_HOP, FASTPATH_PEER_TO_CLIENT);
}

TEST_P(TurnFastpathHandoverTest, AnInterfaceThatListensToEverythingHasFramesForOthers) {
  if (attachment() == Attachment::kTc) GTEST_SKIP() << "tc is told by the system";
  fastpath_.TakeOver();
  Octets frame = Up();
  frame[5] ^= 1U;
  ExpectForeign(frame);
  ExpectRelayed(Up());
}

INSTANTIATE_TEST_SUITE_P(Program, TurnFastpathHandoverTest, kCombinations, Name);

// From relay to relay, the word of the route that the packet came in by counts, and no other.
class TurnFastpathRelayHandoverTest : public TurnFastpathHandoverTest {
 protected:
  void SetUp() override {
    TurnFastpathHandoverTest::SetUp();
    if (IsSkipped()) return;
    a_ = Route();
    a_.channel = 0x4100;
    a_.relayed.port = 50001;
    a_.peer = {a_.relayed.address, 50002};
    a_.next_hop_to_peer = 0;
    a_.flags = FASTPATH_PEER_IS_OWN_RELAY;
    b_ = a_;
    b_.client.port = 62000;
    b_.relayed = a_.peer;
    b_.peer = a_.relayed;
    index_a_ = fastpath_.Install(a_);
  }
  Octets Across() const {
    Datagram datagram = FromClient(Pattern(100));
    datagram.payload = ChannelData(a_.channel, Pattern(100));
    return MakeFrame(datagram);
  }
  std::uint32_t& WordOfA() { return fastpath_.maps().handover(index_a_, FASTPATH_CLIENT_TO_PEER); }

  TestRoute a_, b_;
  std::uint32_t index_a_ = 0;
};

TEST_P(TurnFastpathRelayHandoverTest, TheFirstRouteCounts) {
  const std::uint32_t index_b = fastpath_.Install(b_);
  ExpectPass(Across(), FASTPATH_PASS_HANDOVER);
  EXPECT_EQ(WordOfA(), FASTPATH_PASSED_ONE);
  EXPECT_EQ(fastpath_.maps().handover(index_b, FASTPATH_PEER_TO_CLIENT), 0U);
  WordOfA() |= FASTPATH_TAKEN_OVER;
  ExpectRelayed(Across());
}

TEST_P(TurnFastpathRelayHandoverTest, WhatComesBeforeTheSecondRouteIsThereIsNotOvertaken) {
  WordOfA() |= FASTPATH_TAKEN_OVER;
  ExpectPass(Across(), FASTPATH_PASS_MISS);
  EXPECT_EQ(WordOfA(), FASTPATH_PASSED_ONE);
  fastpath_.Install(b_);
  ExpectPass(Across(), FASTPATH_PASS_HANDOVER);
  WordOfA() |= FASTPATH_TAKEN_OVER;
  ExpectRelayed(Across());
}

TEST_P(TurnFastpathRelayHandoverTest, FromOutsideNobodyHasTheAddressOfARelay) {
  const std::uint32_t index_b = fastpath_.Install(b_);
  Datagram forged;
  forged.source = a_.relayed;
  forged.destination = b_.relayed;
  forged.payload = Pattern(100);
  fastpath_.maps().handover(index_b, FASTPATH_PEER_TO_CLIENT) |= FASTPATH_TAKEN_OVER;
  ExpectPass(MakeFrame(forged), FASTPATH_PASS_NO_NEXT_HOP);
}

// Both ends are clients of one family.
INSTANTIATE_TEST_SUITE_P(Program, TurnFastpathRelayHandoverTest,
                         testing::Values(Combination{Attachment::kTc, Family::kV4, Family::kV4},
                                         Combination{Attachment::kTc, Family::kV6, Family::kV6},
                                         Combination{Attachment::kXdp, Family::kV4, Family::kV4},
                                         Combination{Attachment::kXdp, Family::kV6, Family::kV6}),
                         Name);

}  // namespace relay::test::turn_fastpath_handover_test
