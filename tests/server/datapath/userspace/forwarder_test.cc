#include "server/datapath/userspace/forwarder.h"

#include <gtest/gtest.h>
#include <netinet/in.h>

#include <array>
#include <vector>

#include "server/datapath/userspace/packet_batch.h"
#include "tests/support/udp_socket.h"

namespace relay::forwarder_test {

using std::chrono::seconds;
using test_support::UdpSocket;

const base::MonotonicTime kNow{seconds(1000)};

// A client, a listener, a relay socket and a peer on loopback, and a route between them.
class ForwarderTest : public testing::Test {
 protected:
  ForwarderTest()
      : queue_(counters_.dropped_packets[LabelIndex(turn::DropReason::kSendFailed)],
               counters_.dropped_packets[LabelIndex(turn::DropReason::kBufferFull)]),
        forwarder_(ledger_, {{listener_.descriptor(), AF_INET, false}}, {}, SharedBuckets::Make(8),
                   queue_, counters_, own_relays_) {
    forwarder_.AddRelay(relay_.descriptor(), {relay_.endpoint()});
  }

  turn::Route MakeRoute(base::Transport transport = base::Transport::kUdp) const {
    return {.client = {{client_.endpoint(), listener_.endpoint(), transport}, {0}},
            .channel = {0x4001},
            .relay = {relay_.descriptor()},
            .relayed = {relay_.endpoint()},
            .peer = {peer_.endpoint()},
            .peer_is_own_relay = false,
            .user = {1},
            .deadline = kNow + seconds(10)};
  }
  void FromClient(std::string_view payload, base::MonotonicTime now = kNow,
                  const IpFields& arrived = {}) {
    forwarder_.FromClient(MakeRoute().client.five_tuple, {{0x4001}, base::AsBytes(payload)}, now,
                          arrived);
    queue_.Flush();
  }
  // Puts a payload where a batch would have it and shows it to the forwarder.
  Forwarder::PeerVerdict FromPeer(std::string_view payload, base::MonotonicTime now = kNow,
                                  const IpFields& arrived = {}) {
    std::copy(payload.begin(), payload.end(), buffer_.begin() + PacketBatch::kHeadroom);
    const base::MutableBytes view{buffer_.data() + PacketBatch::kHeadroom, payload.size()};
    const auto verdict =
        forwarder_.FromPeer(*forwarder_.FindRelay(relay_.descriptor()), peer_.endpoint(), view,
                            arrived, now, &stream_client_, &stream_message_);
    queue_.Flush();
    return verdict;
  }
  IpFields FieldsAt(const UdpSocket& socket) {
    EXPECT_EQ(batch_.Receive(socket.descriptor(), 0, 1), 1u);
    return batch_[0].fields;
  }
  std::uint64_t Dropped(turn::DropReason reason) const {
    return counters_.dropped_packets[LabelIndex(reason)].Read();
  }

  UdpSocket client_, listener_, relay_, peer_;
  ShardCounters counters_;
  turn::Ledger ledger_{turn::Ledger::Options{}};
  SendQueue queue_;
  OwnRelays own_relays_;
  Forwarder forwarder_;
  std::array<std::uint8_t, 2048> buffer_{};
  PacketBatch batch_;
  const turn::Client* stream_client_ = nullptr;
  base::MutableBytes stream_message_;
};

TEST_F(ForwarderTest, CHAN_20_AnUnboundChannelIsDroppedAndCounted) {
  FromClient("x");
  EXPECT_EQ(Dropped(turn::DropReason::kNoChannel), 1u);
}

TEST_F(ForwarderTest, CHAN_09_PastTheDeadlineNothingIsForwarded) {
  forwarder_.Install(MakeRoute());
  FromClient("x", kNow + seconds(10));
  EXPECT_EQ(Dropped(turn::DropReason::kNoChannel), 1u);
  EXPECT_EQ(FromPeer("x", kNow + seconds(10)), Forwarder::PeerVerdict::kToEngine);
}

TEST_F(ForwarderTest, APeerWithoutARouteIsShownToTheEngine) {
  EXPECT_EQ(FromPeer("x"), Forwarder::PeerVerdict::kToEngine);
}

TEST_F(ForwarderTest, ARelayPortOfOursThatIsNotLiveGetsNothing) {
  turn::Route route = MakeRoute();
  route.peer_is_own_relay = true;
  forwarder_.Install(route);
  FromClient("x");
  EXPECT_EQ(Dropped(turn::DropReason::kPolicy), 1u);
}

TEST_F(ForwarderTest, TURN_26_WhatIsOverTheLimitIsDroppedAndTheRouteStays) {
  forwarder_.Install(MakeRoute());
  forwarder_.SetLimits(
      {.allocation = {.bytes_per_second = 0, .packets_per_second = 1}, .shared = {}});
  FromClient("one");
  FromClient("two");
  EXPECT_EQ(FromPeer("one"), Forwarder::PeerVerdict::kDone);
  EXPECT_EQ(FromPeer("two"), Forwarder::PeerVerdict::kDone);
  EXPECT_EQ(Dropped(turn::DropReason::kOverLimit), 2u);
  EXPECT_EQ(peer_.Receive()->octets, "one");
  EXPECT_EQ(forwarder_.route_count(), 1u);
}

TEST_F(ForwarderTest, TURN_26_AFloodIsDroppedBeforeItIsReadAndCountsAsBefore) {
  forwarder_.Install(MakeRoute());
  forwarder_.SetLimits(
      {.allocation = {.bytes_per_second = 0, .packets_per_second = 10}, .shared = {}});
  constexpr std::uint64_t kFlood = 100 * FloodGuard::kLeastRefused;
  for (std::uint64_t i = 0; i < kFlood; ++i) FromClient("x");
  forwarder_.StepFloods();
  EXPECT_EQ(Dropped(turn::DropReason::kOverLimit), kFlood - 10);
  const std::uint32_t lost_before = *ReceiveDrops::Ask(listener_.descriptor());
  for (int i = 0; i < 1000; ++i) client_.SendTo(listener_.endpoint(), "\x40\x01");
  const std::uint32_t lost = *ReceiveDrops::Ask(listener_.descriptor()) - lost_before;
  EXPECT_GT(lost, 900U);
  // Silence ends it; what was lost meanwhile was over the limit.
  forwarder_.StepFloods();
  EXPECT_EQ(Dropped(turn::DropReason::kOverLimit), kFlood - 10 + lost);
  EXPECT_EQ(counters_.socket_receive_drops.Read(), 0U);
  while (listener_.Receive(std::chrono::milliseconds(1))) continue;
  client_.SendTo(listener_.endpoint(), "\x40\x01");
  EXPECT_TRUE(listener_.Receive());
}

TEST_F(ForwarderTest, TURN_26_SendIndicationsBringNoFilter) {
  forwarder_.Install(MakeRoute());
  forwarder_.SetLimits(
      {.allocation = {.bytes_per_second = 0, .packets_per_second = 1}, .shared = {}});
  for (std::uint64_t i = 0; i < 10 * FloodGuard::kLeastRefused; ++i)
    forwarder_.SendToPeer(relay_.descriptor(), {peer_.endpoint()}, base::AsBytes("x"), false, false,
                          kNow);
  FromClient("x");
  forwarder_.StepFloods();
  for (int i = 0; i < 100; ++i) client_.SendTo(listener_.endpoint(), "\x40\x01");
  EXPECT_EQ(ReceiveDrops::Ask(listener_.descriptor()), 0U);
}

TEST_F(ForwarderTest, TURN_26_ErrorsAboutPeersBringNoFilter) {
  forwarder_.SetLimits(
      {.allocation = {.bytes_per_second = 0, .packets_per_second = 1}, .shared = {}});
  RelaySocket* const relay = forwarder_.FindRelay(relay_.descriptor());
  {
    const Forwarder::Arrival arrival(forwarder_, {}, relay, Forwarder::Arrival::As::kError);
    EXPECT_TRUE(forwarder_.AdmitArrived(0, kNow));
    for (std::uint64_t i = 0; i < 10 * FloodGuard::kLeastRefused; ++i)
      EXPECT_FALSE(forwarder_.AdmitArrived(0, kNow));
  }
  forwarder_.StepFloods();
  for (int i = 0; i < 100; ++i) peer_.SendTo(relay_.endpoint(), "x");
  EXPECT_EQ(ReceiveDrops::Ask(relay_.descriptor()), 0U);
}

TEST_F(ForwarderTest, TURN_26_WhoTakesASocketOverTakesWhatItLostForGranted) {
  const std::vector<FloodSource> all{{.client = std::nullopt, .keep = 0}};
  ASSERT_TRUE(SetFloodFilter(listener_.descriptor(), all));
  client_.SendTo(listener_.endpoint(), "x");
  forwarder_.Start();
  EXPECT_EQ(forwarder_.listener(0).receive_drops.total(), 1U);
  client_.SendTo(listener_.endpoint(), "x");
  EXPECT_TRUE(listener_.Receive());
}

TEST_F(ForwarderTest, TURN_26_ARelayThatGoesTakesItsFilterAlong) {
  forwarder_.Install(MakeRoute());
  forwarder_.SetLimits(
      {.allocation = {.bytes_per_second = 0, .packets_per_second = 1}, .shared = {}});
  for (std::uint64_t i = 0; i < 10 * FloodGuard::kLeastRefused; ++i) FromPeer("x");
  forwarder_.StepFloods();
  for (int i = 0; i < 1000; ++i) peer_.SendTo(relay_.endpoint(), "x");
  EXPECT_GT(*ReceiveDrops::Ask(relay_.descriptor()), 500U);
  const std::uint64_t before = Dropped(turn::DropReason::kOverLimit);
  forwarder_.Remove({MakeRoute().client, {0x4001}, {relay_.descriptor()}, {peer_.endpoint()}});
  forwarder_.RemoveRelay(relay_.descriptor());
  EXPECT_EQ(Dropped(turn::DropReason::kOverLimit),
            before + *ReceiveDrops::Ask(relay_.descriptor()));
  while (relay_.Receive(std::chrono::milliseconds(1))) continue;
  for (int i = 0; i < 100; ++i) {
    peer_.SendTo(relay_.endpoint(), "x");
    EXPECT_TRUE(relay_.Receive());
  }
}

TEST_F(ForwarderTest, CHAN_22_TheDatagramLeavesFromTheRelayedAddressToTheBoundPeer) {
  forwarder_.Install(MakeRoute());
  FromClient("hello");
  const auto received = peer_.Receive();
  EXPECT_EQ(received->octets, "hello");
  EXPECT_EQ(received->source, relay_.endpoint());
}

TEST_F(ForwarderTest, CHAN_21_AnEmptyPayloadIsAnEmptyDatagram) {
  forwarder_.Install(MakeRoute());
  FromClient("");
  EXPECT_EQ(peer_.Receive()->octets, "");
}

TEST_F(ForwarderTest, DATA_11_APeersDatagramArrivesAsChannelData) {
  forwarder_.Install(MakeRoute());
  EXPECT_EQ(FromPeer("hello"), Forwarder::PeerVerdict::kDone);
  const auto received = client_.Receive();
  EXPECT_EQ(received->octets, std::string("\x40\x01\x00\x05hello", 9));
  EXPECT_EQ(received->source, listener_.endpoint());
}

TEST_F(ForwarderTest, CHAN_19_ForAStreamClientTheMessageIsPaddedWithZeros) {
  forwarder_.Install(MakeRoute(base::Transport::kTcp));
  buffer_.fill(0xff);
  EXPECT_EQ(FromPeer("hello"), Forwarder::PeerVerdict::kToConnection);
  EXPECT_EQ(base::AsText(stream_message_), std::string_view("\x40\x01\x00\x05hello\0\0\0", 12));
  EXPECT_EQ(stream_client_->five_tuple.transport, base::Transport::kTcp);
}

TEST_F(ForwarderTest, ForADtlsClientTheMessageIsAsOverUdp) {
  forwarder_.Install(MakeRoute(base::Transport::kDtls));
  EXPECT_EQ(FromPeer("hello"), Forwarder::PeerVerdict::kToConnection);
  EXPECT_EQ(base::AsText(stream_message_), std::string_view("\x40\x01\x00\x05hello", 9));
  EXPECT_EQ(stream_client_->five_tuple.transport, base::Transport::kDtls);
}

TEST_F(ForwarderTest, AClientBehindAProxyIsReachedByItsPath) {
  turn::Route route = MakeRoute();
  route.client.handle.value = 1000;
  forwarder_.SendToClient(route.client, base::AsBytes("nobody knows the way"));
  EXPECT_EQ(Dropped(turn::DropReason::kSendFailed), 1u);

  UdpSocket proxy;
  forwarder_.SetPath({1000}, {.socket = listener_.descriptor(),
                              .destination = ToSocketAddress(proxy.endpoint()),
                              .source = std::nullopt});
  forwarder_.SendToClient(route.client, base::AsBytes("answer"));
  queue_.Flush();
  EXPECT_EQ(proxy.Receive()->octets, "answer");
  forwarder_.Install(route);
  EXPECT_EQ(FromPeer("hello"), Forwarder::PeerVerdict::kDone);
  EXPECT_EQ(proxy.Receive()->octets, std::string("\x40\x01\x00\x05hello", 9));
}

TEST_F(ForwarderTest, ARemovedRouteForwardsNothing) {
  const turn::Route route = MakeRoute();
  forwarder_.Install(route);
  forwarder_.Remove({route.client, route.channel, route.relay, route.peer});
  FromClient("x");
  EXPECT_EQ(Dropped(turn::DropReason::kNoChannel), 1u);
  EXPECT_EQ(FromPeer("x"), Forwarder::PeerVerdict::kToEngine);
}

TEST_F(ForwarderTest, CountsPacketsAndPayloadBytesOfBothDirections) {
  forwarder_.Install(MakeRoute());
  FromClient("12345");
  FromPeer("123");
  EXPECT_EQ(counters_.relayed_packets[0][0].Read(), 1u);
  EXPECT_EQ(counters_.relayed_bytes[0][0].Read(), 5u);
  EXPECT_EQ(counters_.relayed_packets[1][0].Read(), 1u);
  EXPECT_EQ(counters_.relayed_bytes[1][0].Read(), 3u);
}

TEST_F(ForwarderTest, IPH_03_ASendWithDontFragmentLeavesTheSocketAsItWas) {
  forwarder_.SendToPeer(relay_.descriptor(), {peer_.endpoint()}, base::AsBytes("df"), true, false,
                        kNow);
  EXPECT_EQ(peer_.Receive()->octets, "df");
  int mode = -1;
  socklen_t length = sizeof(mode);
  ::getsockopt(relay_.descriptor(), IPPROTO_IP, IP_MTU_DISCOVER, &mode, &length);
  EXPECT_EQ(mode, IP_PMTUDISC_OMIT);
}

TEST_F(ForwarderTest, IPH_01_IPH_02_IPH_07_TheFieldsGoAlongOneHopOlder) {
  forwarder_.Install(MakeRoute());
  ASSERT_TRUE(EnableIpFields(peer_.descriptor(), AF_INET, HopLimits::kDecrement));
  ASSERT_TRUE(EnableIpFields(client_.descriptor(), AF_INET, HopLimits::kDecrement));
  FromClient("x", kNow, {0xba, 40});
  EXPECT_EQ(FieldsAt(peer_), (IpFields{0xba, 39}));
  FromPeer("x", kNow, {0x03, 2});
  EXPECT_EQ(FieldsAt(client_), (IpFields{0x03, 1}));
}

TEST_F(ForwarderTest, IPH_07_AHopLimitIsRightWhetherItStaysOrChanges) {
  forwarder_.Install(MakeRoute());
  ASSERT_TRUE(EnableIpFields(peer_.descriptor(), AF_INET, HopLimits::kDecrement));
  FromClient("x");
  const std::uint8_t usual = FieldsAt(peer_).hop_limit;
  std::vector<std::uint8_t> arrived(20, 64);
  arrived.insert(arrived.end(), {33, 64, 33, 64});
  arrived.insert(arrived.end(), 20, 50);
  arrived.insert(arrived.end(), {64, 0, 0, 64, 50});
  const turn::Route route = MakeRoute();
  for (const std::uint8_t hop_limit : arrived) {
    // Two of a batch, so that what waits must not follow what comes.
    forwarder_.FromClient(route.client.five_tuple, {{0x4001}, base::AsBytes("x")}, kNow,
                          {0, hop_limit});
    const Forwarder::Arrival arrival(forwarder_, {0, hop_limit});
    forwarder_.SendToPeer(relay_.descriptor(), {peer_.endpoint()}, base::AsBytes("x"), false, false,
                          kNow);
  }
  queue_.Flush();
  for (const std::uint8_t hop_limit : arrived) {
    const auto expected = static_cast<std::uint8_t>(hop_limit == 0 ? usual : hop_limit - 1);
    EXPECT_EQ(FieldsAt(peer_).hop_limit, expected);
    EXPECT_EQ(FieldsAt(peer_).hop_limit, expected);
  }
}

TEST_F(ForwarderTest, IPH_07_ARelaySocketIsLeftAsItWasFound) {
  forwarder_.Install(MakeRoute());
  int before = 0, during = 0, after = 0;
  socklen_t length = sizeof(int);
  const auto read = [&](int& into) {
    return ::getsockopt(relay_.descriptor(), IPPROTO_IP, IP_TTL, &into, &length);
  };
  ASSERT_EQ(read(before), 0);
  for (int i = 0; i < 20; ++i) FromClient("x", kNow, {0, 40});
  ASSERT_EQ(read(during), 0);
  EXPECT_EQ(during, 39);
  forwarder_.RemoveRelay(relay_.descriptor());
  ASSERT_EQ(read(after), 0);
  EXPECT_EQ(after, before);
}

TEST_F(ForwarderTest, WhatWaitsInARelayThatEndsIsSentAndAnswersWaitForTheBatch) {
  UdpSocket other;
  forwarder_.AddRelay(other.descriptor(), {other.endpoint()});
  const turn::Route route = MakeRoute();
  forwarder_.SendToClient(route.client, base::AsBytes("answer"));
  forwarder_.RemoveRelay(other.descriptor());
  EXPECT_FALSE(queue_.empty());
  forwarder_.SendToPeer(relay_.descriptor(), route.peer, base::AsBytes("last"), false, false, kNow);
  forwarder_.RemoveRelay(relay_.descriptor());
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(peer_.Receive()->octets, "last");
  EXPECT_EQ(client_.Receive()->octets, "answer");
}

TEST_F(ForwarderTest, IPH_07_X12_TheLastHopIsDroppedAndCounted) {
  forwarder_.Install(MakeRoute());
  FromClient("x", kNow, {0, 1});
  EXPECT_EQ(FromPeer("x", kNow, {0, 1}), Forwarder::PeerVerdict::kDone);
  const Forwarder::Arrival arrival(forwarder_, {0, 1});
  forwarder_.SendToPeer(relay_.descriptor(), {peer_.endpoint()}, base::AsBytes("x"), true, false,
                        kNow);
  EXPECT_FALSE(forwarder_.SendToClientInPlace(MakeRoute().client, base::AsBytes("x")));
  EXPECT_EQ(Dropped(turn::DropReason::kHopLimit), 4u);
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(counters_.relayed_packets[0][0].Read(), 0u);
  EXPECT_EQ(counters_.relayed_packets[1][0].Read(), 0u);
}

TEST_F(ForwarderTest, IPH_01_IPH_07_WhatGoesThroughTheEngineHasTheFieldsOfItsArrival) {
  ASSERT_TRUE(EnableIpFields(peer_.descriptor(), AF_INET, HopLimits::kDecrement));
  ASSERT_TRUE(EnableIpFields(client_.descriptor(), AF_INET, HopLimits::kDecrement));
  {
    const Forwarder::Arrival arrival(forwarder_, {0xb8, 9});
    for (const bool dont_fragment : {false, true}) {
      forwarder_.SendToPeer(relay_.descriptor(), {peer_.endpoint()}, base::AsBytes("x"),
                            dont_fragment, false, kNow);
      queue_.Flush();
      EXPECT_EQ(FieldsAt(peer_), (IpFields{0xb8, 8}));
    }
    EXPECT_TRUE(forwarder_.SendToClientInPlace(MakeRoute().client, base::AsBytes("x")));
    queue_.Flush();
    EXPECT_EQ(FieldsAt(client_), (IpFields{0xb8, 8}));
  }
  // What comes next did not arrive in that datagram.
  forwarder_.SendToPeer(relay_.descriptor(), {peer_.endpoint()}, base::AsBytes("x"), false, true,
                        kNow);
  queue_.Flush();
  EXPECT_EQ(FieldsAt(peer_).traffic_class, 0);
}

TEST_F(ForwarderTest, IPH_05_AnAnswerHasTheSystemsFields) {
  ASSERT_TRUE(EnableIpFields(client_.descriptor(), AF_INET, HopLimits::kDecrement));
  const Forwarder::Arrival arrival(forwarder_, {0xb8, 1});
  forwarder_.SendToClient(MakeRoute().client, base::AsBytes("x"));
  queue_.Flush();
  EXPECT_EQ(FieldsAt(client_).traffic_class, 0);
}

TEST_F(ForwarderTest, IPH_06_ToAConnectionTheLastHopIsNone) {
  forwarder_.Install(MakeRoute(base::Transport::kTcp));
  EXPECT_EQ(FromPeer("x", kNow, {0x03, 1}), Forwarder::PeerVerdict::kToConnection);
  EXPECT_EQ(Dropped(turn::DropReason::kHopLimit), 0u);
}

// A route that the kernel has as well.
class SharedRouteTest : public ForwarderTest {
 protected:
  SharedRouteTest() {
    share_.handovers = {std::shared_ptr<void>(), words_.data()};
    share_.buckets = {buckets_.data(), &buckets_[1]};
    forwarder_.Install(MakeRoute());
    forwarder_.SetShare(Key(), share_);
  }
  turn::RouteKey Key() const {
    const turn::Route route = MakeRoute();
    return {route.client, route.channel, route.relay, route.peer};
  }
  // Both directions, as nothing waits in their sockets.
  void HandOver() {
    for (int i = 0; i < 2; ++i) {
      forwarder_.handovers().Step([this] { return clock_ += std::chrono::microseconds(1); });
      clock_ += std::chrono::milliseconds(10);
    }
  }

  std::array<std::uint32_t, 2> words_{};
  std::array<leaky_buckets, 2> buckets_{};
  KernelShare share_;
  base::MonotonicTime clock_ = kNow;
};

TEST_F(SharedRouteTest, IsHandedOverFromTheStartAndAgainWhenPacketsComeBy) {
  HandOver();
  EXPECT_EQ(words_[0], KernelShare::kTakenOver);
  EXPECT_EQ(words_[1], KernelShare::kTakenOver);
  words_ = {2, 2};
  HandOver();
  EXPECT_EQ(words_[0], 2U);
  FromClient("x");
  HandOver();
  EXPECT_EQ(words_[0], 2U + KernelShare::kTakenOver);
  EXPECT_EQ(words_[1], 2U);
  FromPeer("x");
  HandOver();
  EXPECT_EQ(words_[1], 2U + KernelShare::kTakenOver);
}

TEST_F(SharedRouteTest, EachDirectionWaitsForWhatIsInItsOwnSocket) {
  peer_.SendTo(relay_.endpoint(), "x");
  HandOver();
  EXPECT_EQ(words_[0], KernelShare::kTakenOver);
  EXPECT_EQ(words_[1], 0U);
  EXPECT_TRUE(relay_.Receive());
  words_[0] = 2;
  FromClient("x");
  client_.SendTo(listener_.endpoint(), "x");
  HandOver();
  EXPECT_EQ(words_[0], 2U);
  EXPECT_EQ(words_[1], KernelShare::kTakenOver);
}

TEST_F(SharedRouteTest, FromRelayToRelayTheOtherRelaysShardMustHaveSentWhatItRead) {
  turn::Route route = MakeRoute();
  route.peer_is_own_relay = true;
  forwarder_.AddRelay(peer_.descriptor(), {peer_.endpoint()});
  forwarder_.Remove(Key());
  forwarder_.Install(route);
  forwarder_.SetShare(Key(), share_);
  {
    const Forwarder::Round round(forwarder_);
    HandOver();
    EXPECT_EQ(words_[0], 0U);
  }
  HandOver();
  EXPECT_EQ(words_[0], KernelShare::kTakenOver);
}

TEST_F(SharedRouteTest, ARefreshChangesNothing) {
  HandOver();
  forwarder_.Install(MakeRoute());
  forwarder_.SetShare(Key(), share_);
  EXPECT_TRUE(forwarder_.handovers().empty());
  words_ = {2, 2};
  FromClient("x");
  HandOver();
  EXPECT_EQ(words_[0], 2U + KernelShare::kTakenOver);
}

TEST_F(SharedRouteTest, ARemovedRouteIsNotHandedOver) {
  forwarder_.Remove(Key());
  HandOver();
  EXPECT_EQ(words_[0], 0U);
  EXPECT_TRUE(forwarder_.handovers().empty());
}

TEST_F(SharedRouteTest, TURN_26_ItsMetersAreThoseOfTheKernel) {
  forwarder_.SetLimits(
      {.allocation = {.bytes_per_second = 10, .packets_per_second = 0}, .shared = {}});
  const auto full =
      static_cast<std::uint64_t>(std::chrono::nanoseconds(kNow.time_since_epoch()).count()) +
      1'000'000'000;
  buckets_[0].bytes_empty_at_ns = full;
  FromClient("x");
  EXPECT_EQ(Dropped(turn::DropReason::kOverLimit), 1u);
  FromPeer("x");
  EXPECT_EQ(Dropped(turn::DropReason::kOverLimit), 1u);
  EXPECT_GT(buckets_[1].bytes_empty_at_ns, full - 1'000'000'000);
  // Without a route in the kernel it goes on with what is in them.
  forwarder_.Remove(Key());
  buckets_ = {};
  forwarder_.Install(MakeRoute());
  FromClient("x");
  EXPECT_EQ(Dropped(turn::DropReason::kOverLimit), 2u);
}

}  // namespace relay::forwarder_test
