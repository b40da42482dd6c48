#include "server/datapath/userspace/handovers.h"

#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <utility>
#include <vector>

#include "tests/support/udp_socket.h"

namespace relay::handovers_test {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using test_support::UdpSocket;

constexpr std::uint32_t kTakenOver = KernelShare::kTakenOver;
constexpr std::uint32_t kPassedOne = KernelShare::kPassedOne;

class HandoversTest : public testing::Test {
 protected:
  // `word` is that of packets to the peer.
  std::shared_ptr<KernelRoute> MakeRoute(std::uint32_t& word) const {
    return std::make_shared<KernelRoute>(
        KernelRoute{.handovers = {std::shared_ptr<void>(), &word}});
  }
  // One of which packets have passed.
  std::shared_ptr<KernelRoute> MakeUsedRoute(std::uint32_t& word) const {
    word = 6 * kPassedOne;
    return MakeRoute(word);
  }
  void Add(const std::shared_ptr<KernelRoute>& route,
           Direction direction = Direction::kClientToPeer) {
    handovers_.Add(route, direction, place_);
  }
  void OnPacket(const std::shared_ptr<KernelRoute>& route) {
    handovers_.OnPacket(route, Direction::kClientToPeer, [this] { return place_; });
  }
  void StepAt(std::chrono::nanoseconds after) {
    now_ = start_ + after;
    handovers_.Step([this] { return std::exchange(now_, now_ + tick_); });
  }
  // And while it waits for a moment of silence, a packet passes.
  void StepWithAPacketAt(std::chrono::nanoseconds after, std::uint32_t& word) {
    now_ = start_ + after;
    handovers_.Step([&] {
      if (now_ > start_ + after) word += kPassedOne;
      return std::exchange(now_, now_ + tick_);
    });
  }
  void FillSocket() { other_.SendTo(socket_.endpoint(), "x"); }

  const base::MonotonicTime start_{std::chrono::seconds(1000)};
  UdpSocket socket_, other_;
  WaitingPlace place_{.socket = socket_.descriptor(), .own_relay = {}};
  // What each look at the clock takes: only who waits for a moment looks more than once.
  std::chrono::nanoseconds tick_ = Handovers::kShortSilence;
  base::MonotonicTime now_;
  OwnRelays own_relays_;
  Handovers handovers_{own_relays_};
};

TEST_F(HandoversTest, ANewRouteIsTakenOverAtOnce) {
  std::uint32_t word = 0;
  Add(MakeRoute(word));
  StepAt({});
  EXPECT_EQ(word, kTakenOver);
  EXPECT_TRUE(handovers_.empty());
}

TEST_F(HandoversTest, NotIfAPacketCameByInUserspace) {
  std::uint32_t word = 0;
  OnPacket(MakeRoute(word));
  StepAt({});
  EXPECT_EQ(word, 0U);
}

TEST_F(HandoversTest, NotIfOnePassesInThatMoment) {
  std::uint32_t word = 0;
  Add(MakeRoute(word));
  StepWithAPacketAt({}, word);
  EXPECT_EQ(word & kTakenOver, 0U);
}

TEST_F(HandoversTest, TheShardDoesNotSpendAllItsTimeOnMoments) {
  std::array<std::uint32_t, 2> words{};
  Add(MakeRoute(words[0]));
  StepAt({});
  Add(MakeRoute(words[1]));
  StepAt(Handovers::kBetweenMoments - microseconds(20));
  EXPECT_EQ(words[1], 0U);
  StepAt(Handovers::kBetweenMoments);
  EXPECT_EQ(words[1], kTakenOver);
}

TEST_F(HandoversTest, WhatJustPassedIsNotTakenOver) {
  std::uint32_t word = 0;
  Add(MakeUsedRoute(word));
  StepAt({});
  word += kPassedOne;
  StepAt(microseconds(150));
  StepAt(microseconds(200));
  EXPECT_EQ(word, 7 * kPassedOne);
  EXPECT_FALSE(handovers_.empty());
}

TEST_F(HandoversTest, WhatIsSilentIsTakenOver) {
  std::uint32_t word = 0;
  Add(MakeUsedRoute(word));
  StepAt({});
  StepAt(Handovers::kSilence);
  EXPECT_EQ(word, 6 * kPassedOne + kTakenOver);
  EXPECT_TRUE(handovers_.empty());
}

TEST_F(HandoversTest, NotWhileSomethingWaitsInTheSocket) {
  std::uint32_t word = 0;
  Add(MakeRoute(word));
  FillSocket();
  for (const auto after : {milliseconds(0), milliseconds(10), milliseconds(500)}) StepAt(after);
  EXPECT_EQ(word, 0U);
  EXPECT_EQ(socket_.Receive()->octets, "x");
  StepAt(milliseconds(600));
  EXPECT_EQ(word, kTakenOver);
}

TEST_F(HandoversTest, SilenceBeginsWhenUserspaceHasSentThePacket) {
  std::uint32_t word = 0;
  const auto route = MakeUsedRoute(word);
  OnPacket(route);
  StepAt({});
  OnPacket(route);
  StepAt(Handovers::kSilence);
  EXPECT_EQ(word & kTakenOver, 0U);
  StepAt(2 * Handovers::kSilence);
  EXPECT_EQ(word & kTakenOver, kTakenOver);
}

// Packets pass between any two looks.
TEST_F(HandoversTest, ADenseStreamIsTakenOverInAMomentOfSilence) {
  std::uint32_t word = 0;
  Add(MakeUsedRoute(word));
  for (const auto after : {milliseconds(0), milliseconds(1), milliseconds(4)}) {
    StepAt(after);
    word += kPassedOne;
    EXPECT_EQ(word & kTakenOver, 0U);
  }
  StepAt(Handovers::kEagerFrom);
  EXPECT_EQ(word & kTakenOver, kTakenOver);
}

TEST_F(HandoversTest, AndInTheEndBetweenTwoPackets) {
  std::uint32_t word = 0;
  Add(MakeUsedRoute(word));
  StepAt({});
  word += kPassedOne;
  StepWithAPacketAt(Handovers::kPatience - microseconds(100), word);
  EXPECT_EQ(word & kTakenOver, 0U);
  word += kPassedOne;
  StepAt(Handovers::kPatience);
  EXPECT_EQ(word & kTakenOver, kTakenOver);
}

TEST_F(HandoversTest, WhenUserspaceIsOverloadedItIsTakenOverInTheEnd) {
  std::uint32_t word = 0;
  Add(MakeRoute(word));
  FillSocket();
  StepAt({});
  StepAt(Handovers::kEnd - milliseconds(1));
  EXPECT_EQ(word, 0U);
  StepAt(Handovers::kEnd);
  EXPECT_EQ(word, kTakenOver);
}

// From relay to relay, packets wait in a second socket, which may be another shard's.
class RelayToRelayHandoversTest : public HandoversTest {
 protected:
  RelayToRelayHandoversTest() {
    own_relays_.Add(relay_.endpoint(),
                    {.socket = relay_.descriptor(), .is_in_round = &is_in_round_});
    place_.own_relay = relay_.endpoint();
  }
  UdpSocket relay_;
  std::atomic<bool> is_in_round_ = false;
};

TEST_F(RelayToRelayHandoversTest, NotWhileSomethingWaitsInTheSecondSocket) {
  std::uint32_t word = 0;
  Add(MakeUsedRoute(word));
  other_.SendTo(relay_.endpoint(), "x");
  for (const auto after : {milliseconds(0), milliseconds(10), milliseconds(500)}) StepAt(after);
  EXPECT_EQ(word & kTakenOver, 0U);
  EXPECT_EQ(relay_.Receive()->octets, "x");
  StepAt(milliseconds(600));
  EXPECT_EQ(word & kTakenOver, kTakenOver);
}

TEST_F(RelayToRelayHandoversTest, NorInTheFirst) {
  std::uint32_t word = 0;
  Add(MakeUsedRoute(word));
  FillSocket();
  StepAt({});
  StepAt(milliseconds(500));
  EXPECT_EQ(word & kTakenOver, 0U);
}

TEST_F(RelayToRelayHandoversTest, NorWhileTheOtherShardHasSomethingInHand) {
  std::uint32_t word = 0;
  Add(MakeUsedRoute(word));
  is_in_round_ = true;
  for (const auto after : {milliseconds(0), milliseconds(10), milliseconds(500)}) StepAt(after);
  EXPECT_EQ(word & kTakenOver, 0U);
  is_in_round_ = false;
  StepAt(milliseconds(600));
  EXPECT_EQ(word & kTakenOver, kTakenOver);
}

TEST_F(RelayToRelayHandoversTest, ADenseStreamDoesNotWaitForASecond) {
  std::uint32_t word = 0;
  Add(MakeUsedRoute(word));
  StepAt({});
  word += kPassedOne;
  StepAt(Handovers::kEagerFrom);
  EXPECT_EQ(word & kTakenOver, kTakenOver);
}

TEST_F(RelayToRelayHandoversTest, TheOtherWayThereIsOneSocket) {
  std::array<std::uint32_t, 2> words{};
  Add(MakeUsedRoute(words[0]), Direction::kPeerToClient);
  is_in_round_ = true;
  StepAt({});
  StepAt(Handovers::kSilence);
  EXPECT_EQ(words[1], kTakenOver);
}

TEST_F(RelayToRelayHandoversTest, WhatIsForARelayThatIsGoneWaitsNowhere) {
  std::uint32_t word = 0;
  Add(MakeUsedRoute(word));
  own_relays_.Remove(relay_.endpoint(), relay_.descriptor());
  is_in_round_ = true;
  StepAt({});
  StepAt(Handovers::kSilence);
  EXPECT_EQ(word & kTakenOver, kTakenOver);
}

TEST_F(HandoversTest, ARemovedRouteIsForgotten) {
  std::uint32_t word = 0;
  const auto route = MakeUsedRoute(word);
  Add(route);
  StepAt({});
  route->is_removed = true;
  StepAt(milliseconds(10));
  EXPECT_EQ(word & kTakenOver, 0U);
  EXPECT_TRUE(handovers_.empty());
}

TEST_F(HandoversTest, WhoPassesAgainWaitsAgain) {
  std::uint32_t word = 0;
  const auto route = MakeRoute(word);
  for (int i = 0; i < 2; ++i) {
    Add(route);
    Add(route);
    StepAt(milliseconds(10 * i));
    StepAt(milliseconds(10 * i + 1));
    EXPECT_EQ(word & kTakenOver, kTakenOver);
    EXPECT_TRUE(handovers_.empty());
    word = (word & ~kTakenOver) + kPassedOne;
  }
}

TEST_F(HandoversTest, ManyHaveTheirTurns) {
  std::vector<std::uint32_t> words(1000);
  for (std::uint32_t& word : words) Add(MakeRoute(word));
  for (int i = 0; i < 40; ++i) StepAt(milliseconds(i));
  for (const std::uint32_t word : words) EXPECT_EQ(word, kTakenOver);
  EXPECT_TRUE(handovers_.empty());
}

}  // namespace relay::handovers_test
