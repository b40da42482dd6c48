// What the program leaves to userspace, unchanged and counted for its reason.

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>

#include "tests/server/datapath/kernel/turn_fastpath_fixture.h"

namespace relay::test::turn_fastpath_pass_test {

using std::chrono::seconds;

class TurnFastpathPassTest : public TurnFastpathTest {};

TEST_P(TurnFastpathPassTest, WithoutALeaseEverythingPasses) {
  fastpath_.Install(Route());
  fastpath_.maps().SetLease(std::chrono::steady_clock::now() - seconds(1));
  ExpectForeign(MakeFrame(FromClient(Pattern(100))));
  fastpath_.maps().SetLease(std::chrono::steady_clock::now() + seconds(3600));
  ExpectRelayed(MakeFrame(FromClient(Pattern(100))));
}

TEST_P(TurnFastpathPassTest, WithoutARoutePasses) {
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_MISS);
  ExpectPass(MakeFrame(FromPeer(Pattern(100))), FASTPATH_PASS_MISS);
}

TEST_P(TurnFastpathPassTest, WhatIsForOtherPortsPassesUncounted) {
  fastpath_.Install(Route());
  Datagram datagram = FromPeer(Pattern(100));
  datagram.destination.port = 53;
  ExpectForeign(MakeFrame(datagram));
}

TEST_P(TurnFastpathPassTest, WhatIsNotUdpPassesUncounted) {
  fastpath_.Install(Route());
  Octets frame = MakeFrame(FromPeer(Pattern(100)));
  frame[IpAt() + (is_peer_v6() ? 6U : 9U)] = 6;
  if (!is_peer_v6()) MendIpv4(frame);
  ExpectForeign(frame);
  Octets arp(60);
  Write16(arp, 12, 0x0806);
  ExpectForeign(arp);
}

TEST_P(TurnFastpathPassTest, WhatIsForAGroupPassesUncounted) {
  fastpath_.Install(Route());
  Octets frame = MakeFrame(FromPeer(Pattern(100)));
  frame[0] = 0x01;
  ExpectForeign(frame);
}

TEST_P(TurnFastpathPassTest, TheShortestFramesPass) {
  // A test run takes no frames that end within the IP header.
  const std::size_t least_bytes = is_client_v6() ? 54 : 34;
  for (std::size_t bytes = least_bytes; bytes < 70; ++bytes) {
    Octets frame = MakeFrame(FromClient(Pattern(100)));
    frame.resize(bytes);
    const RunResult result = Run(frame);
    EXPECT_EQ(result.verdict, Verdict::kPassed) << bytes;
    EXPECT_EQ(result.frame, frame) << bytes;
  }
}

TEST_P(TurnFastpathPassTest, EveryPartOfTheKeyMatters) {
  fastpath_.Install(Route());
  const auto other_address = [](bool is_v6) {
    return *base::IpAddress::Parse(is_v6 ? "2001:db8::99" : "192.0.2.99");
  };
  for (const bool from_client : {true, false}) {
    const Datagram datagram = from_client ? FromClient(Pattern(40)) : FromPeer(Pattern(40));
    const bool is_v6 = from_client ? is_client_v6() : is_peer_v6();
    Datagram other = datagram;
    other.source.address = other_address(is_v6);
    ExpectPass(MakeFrame(other), FASTPATH_PASS_MISS);
    other = datagram;
    other.destination.address = other_address(is_v6);
    ExpectPass(MakeFrame(other), FASTPATH_PASS_MISS);
    other = datagram;
    ++other.source.port;
    ExpectPass(MakeFrame(other), FASTPATH_PASS_MISS);
  }
  Datagram other = FromPeer(Pattern(40));
  ++other.destination.port;
  ExpectPass(MakeFrame(other), FASTPATH_PASS_MISS);
  other = FromClient(Pattern(40));
  other.payload[1] = 2;
  ExpectPass(MakeFrame(other), FASTPATH_PASS_MISS);
}

TEST_P(TurnFastpathPassTest, AHashEntryThatLeadsToAnotherRouteIsAMiss) {
  const std::uint32_t index = fastpath_.Install(Route());
  TestRoute other = Route();
  other.channel = 0x4002;
  other.peer.port = 7002;
  const fastpath_route record = ToRecord(other);
  // What a run of the program sees whose hash entry is used again meanwhile.
  ASSERT_TRUE(fastpath_.maps().InstallRoute(index, record).ok());
  ExpectPass(MakeFrame(FromClient(Pattern(40))), FASTPATH_PASS_MISS);
  ExpectPass(MakeFrame(FromPeer(Pattern(40))), FASTPATH_PASS_MISS);
}

TEST_P(TurnFastpathPassTest, CHAN_09_PastTheDeadlinePasses) {
  TestRoute route = Route();
  route.deadline = std::chrono::steady_clock::now() - seconds(1);
  const std::uint32_t index = fastpath_.Install(route);
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_EXPIRED);
  ExpectPass(MakeFrame(FromPeer(Pattern(100))), FASTPATH_PASS_EXPIRED);
  fastpath_.maps().SetDeadline(index, std::chrono::steady_clock::now() + seconds(3600));
  ExpectRelayed(MakeFrame(FromClient(Pattern(100))));
  ExpectRelayed(MakeFrame(FromPeer(Pattern(100))));
}

TEST_P(TurnFastpathPassTest, ARemovedRouteIsAMiss) {
  const std::uint32_t index = fastpath_.Install(Route());
  fastpath_.maps().RemoveRoute(index);
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_MISS);
  ExpectPass(MakeFrame(FromPeer(Pattern(100))), FASTPATH_PASS_MISS);
}

TEST_P(TurnFastpathPassTest, RemovingWhatWasReplacedLeavesTheNewRoute) {
  const std::uint32_t old_index = fastpath_.Install(Route());
  fastpath_.Install(Route());
  fastpath_.maps().RemoveRoute(old_index);
  ExpectRelayed(MakeFrame(FromClient(Pattern(100))));
  ExpectRelayed(MakeFrame(FromPeer(Pattern(100))));
}

TEST_P(TurnFastpathPassTest, IpOptionsPass) {
  fastpath_.Install(Route());
  Octets frame = MakeFrame(FromPeer(Pattern(100)));
  if (is_peer_v6()) {
    for (const std::uint8_t header : std::to_array<std::uint8_t>({0, 43, 60, 51})) {
      frame[IpAt() + 6] = header;
      ExpectPass(frame, FASTPATH_PASS_IP_OPTIONS);
    }
    return;
  }
  // Four octets "no operation".
  frame.insert(frame.begin() + 34, {1, 1, 1, 1});
  frame[IpAt()] = 0x46;
  Write16(frame, 16, static_cast<std::uint16_t>(frame.size() - 14));
  MendIpv4(frame);
  ExpectPass(frame, FASTPATH_PASS_IP_OPTIONS);
}

TEST_P(TurnFastpathPassTest, FragmentsPass) {
  fastpath_.Install(Route());
  Octets frame = MakeFrame(FromPeer(Pattern(100)));
  if (is_peer_v6()) {
    frame[IpAt() + 6] = 44;
    ExpectPass(frame, FASTPATH_PASS_FRAGMENT);
    return;
  }
  for (const std::uint16_t field : std::to_array<std::uint16_t>({0x2000, 0x0001, 0x1fff, 0x2010})) {
    Write16(frame, 20, field);
    MendIpv4(frame);
    ExpectPass(frame, FASTPATH_PASS_FRAGMENT);
  }
}

TEST_P(TurnFastpathPassTest, LengthsThatDisagreePass) {
  fastpath_.Install(Route());
  const Octets sound = MakeFrame(FromPeer(Pattern(100)));
  const std::size_t ip_length = is_peer_v6() ? 18 : 16;
  for (const int difference : {-4, 4}) {
    Octets frame = sound;
    Write16(frame, ip_length, static_cast<std::uint16_t>(Read16(frame, ip_length) + difference));
    if (!is_peer_v6()) MendIpv4(frame);
    ExpectPass(frame, FASTPATH_PASS_MALFORMED);
    frame = sound;
    const std::size_t udp_length = UdpAt(frame) + 4;
    Write16(frame, udp_length, static_cast<std::uint16_t>(Read16(frame, udp_length) + difference));
    ExpectPass(frame, FASTPATH_PASS_MALFORMED);
  }
  Octets frame = sound;
  frame.pop_back();
  ExpectPass(frame, FASTPATH_PASS_MALFORMED);
  frame = sound;
  Write16(frame, UdpAt(frame) + 4, 7);
  ExpectPass(frame, FASTPATH_PASS_MALFORMED);
}

TEST_P(TurnFastpathPassTest, ABrokenIpHeaderPasses) {
  fastpath_.Install(Route());
  Octets frame = MakeFrame(FromPeer(Pattern(100)));
  if (is_peer_v6()) {
    frame[IpAt()] = 0x50;
  } else {
    frame[IpAt() + 10] ^= 1;
  }
  ExpectPass(frame, FASTPATH_PASS_MALFORMED);
}

TEST_P(TurnFastpathPassTest, Ipv4InIpv6ClothesPasses) {
  if (!is_peer_v6()) return;  // about IPv6
  TestRoute route = Route();
  route.peer = At("203.0.113.9", 7000);
  fastpath_.Install(route);
  Octets frame = MakeFrame(FromPeer(Pattern(100)));
  const auto& mapped = route.peer.address.octets();
  std::copy(mapped.begin(), mapped.end(), frame.begin() + 22);
  MendUdp(frame);
  ExpectPass(frame, FASTPATH_PASS_MALFORMED);
}

TEST_P(TurnFastpathPassTest, WhatIsNotChannelDataPassesAtAListener) {
  fastpath_.Install(Route());
  Datagram datagram = FromClient(Pattern(100));
  for (const std::uint8_t first :
       std::to_array<std::uint8_t>({0x00, 0x01, 0x16, 0x3f, 0x50, 0x7f, 0x80, 0xff})) {
    datagram.payload[0] = first;
    ExpectPass(MakeFrame(datagram), FASTPATH_PASS_CONTROL);
  }
  for (const std::size_t bytes : {0U, 1U, 3U}) {
    datagram.payload.assign(bytes, 0x40);
    ExpectPass(MakeFrame(datagram), FASTPATH_PASS_CONTROL);
  }
}

TEST_P(TurnFastpathPassTest, ChannelsOfRfc5766AreTakenWhereTheyAreSet) {
  TestRoute route = Route();
  route.channel = 0x7ffe;
  fastpath_.Install(route);
  Datagram datagram = FromClient({});
  datagram.payload = ChannelData(0x7ffe, Pattern(100));
  ExpectPass(MakeFrame(datagram), FASTPATH_PASS_CONTROL);
  fastpath_.maps().SetLastChannel(0x7ffe);
  ExpectRelayed(MakeFrame(datagram));
}

TEST_P(TurnFastpathPassTest, TruncatedChannelDataPasses) {
  fastpath_.Install(Route());
  Datagram datagram = FromClient(Pattern(100));
  datagram.payload.pop_back();
  ExpectPass(MakeFrame(datagram), FASTPATH_PASS_MALFORMED);
  datagram.payload = ChannelData(0x4001, {});
  datagram.payload[2] = 0xff;
  datagram.payload[3] = 0xff;
  ExpectPass(MakeFrame(datagram), FASTPATH_PASS_MALFORMED);
}

TEST_P(TurnFastpathPassTest, PaddedChannelDataPasses) {
  fastpath_.Install(Route());
  Datagram datagram = FromClient(Pattern(101));
  datagram.payload.resize(datagram.payload.size() + 3);
  ExpectPass(MakeFrame(datagram), FASTPATH_PASS_PADDED);
}

TEST_P(TurnFastpathPassTest, SegmentedBuffersPass) {
  if (attachment() == Attachment::kXdp) return;  // there are none
  fastpath_.Install(Route());
  ExpectPass(MakeFrame(FromPeer(Pattern(1200))), FASTPATH_PASS_SEGMENTED,
             {.gso_segs = 2, .gso_size = 600});
}

TEST_P(TurnFastpathPassTest, AnUnresolvedNextHopPasses) {
  fastpath_.Install(Route());
  fastpath_.maps().ClearNextHop(2);
  // Nor does what comes from where nothing is known to be.
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_NO_NEXT_HOP);
  ExpectPass(MakeFrame(FromPeer(Pattern(100))), FASTPATH_PASS_NO_NEXT_HOP);
  fastpath_.maps().SetNextHop(2, MakeLink());
  fastpath_.maps().ClearNextHop(1);
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_NO_NEXT_HOP);
  ExpectPass(MakeFrame(FromPeer(Pattern(100))), FASTPATH_PASS_NO_NEXT_HOP);
}

TEST_P(TurnFastpathPassTest, NextHopZeroIsNeverResolved) {
  TestRoute route = Route();
  route.next_hop_to_peer = 0;
  const std::uint32_t index = fastpath_.Install(route);
  ExpectPass(MakeFrame(FromClient(Pattern(100))), FASTPATH_PASS_NO_NEXT_HOP);
  fastpath_.maps().SetRouteNextHops(index, 1, 2);
  ExpectRelayed(MakeFrame(FromClient(Pattern(100))));
}

TEST_P(TurnFastpathPassTest, WhatIsLongerThanTheMtuPasses) {
  fastpath_.Install(Route());
  fastpath_.maps().SetNextHop(1, MakeLink(IpBytes(is_client_v6(), 104)));
  fastpath_.maps().SetNextHop(2, MakeLink(IpBytes(is_peer_v6(), 100)));
  ExpectPass(MakeFrame(FromClient(Pattern(101))), FASTPATH_PASS_OVER_MTU);
  ExpectPass(MakeFrame(FromPeer(Pattern(101))), FASTPATH_PASS_OVER_MTU);
  ExpectRelayed(MakeFrame(FromClient(Pattern(100))));
  ExpectRelayed(MakeFrame(FromPeer(Pattern(100))));
}

TEST_P(TurnFastpathPassTest, WithoutAChecksumOverIpv6Passes) {
  if (!is_peer_v6()) return;  // about IPv6
  fastpath_.Install(Route());
  Octets frame = MakeFrame(FromPeer(Pattern(100)));
  Write16(frame, CheckAt(frame), 0);
  ExpectPass(frame, FASTPATH_PASS_ZERO_CHECKSUM);
}

INSTANTIATE_TEST_SUITE_P(Fastpath, TurnFastpathPassTest, kCombinations, Name);

}  // namespace relay::test::turn_fastpath_pass_test
