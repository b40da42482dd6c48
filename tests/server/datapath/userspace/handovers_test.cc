#include "server/datapath/userspace/handovers.h"

#include <gtest/gtest.h>

#include <chrono>
#include <vector>

#include "tests/support/udp_socket.h"

namespace relay {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using test_support::UdpSocket;

constexpr std::uint32_t kTakenOver = KernelShare::kTakenOver;
constexpr std::uint32_t kPassedOne = KernelShare::kPassedOne;

class HandoversTest : public testing::Test {
 protected:
  std::shared_ptr<KernelRoute> MakeRoute(std::uint32_t& word, bool is_to_own_relay = false) const {
    KernelShare share;
    share.handovers = {&word, &word};
    return std::make_shared<KernelRoute>(
        KernelRoute{.share = share,
                    .sockets = {socket_.descriptor(), other_.descriptor()},
                    .is_to_own_relay = is_to_own_relay});
  }
  // Until then nothing changes.
  void StepAt(std::chrono::nanoseconds after) { handovers_.Step(start_ + after); }
  void FillSocket() { other_.SendTo(socket_.endpoint(), "x"); }

  const base::MonotonicTime start_{std::chrono::seconds(1000)};
  UdpSocket socket_, other_;
  Handovers handovers_;
};

TEST_F(HandoversTest, WhatJustPassedIsNotTakenOver) {
  std::uint32_t word = 0;
  handovers_.Add(MakeRoute(word), Direction::kClientToPeer);
  StepAt({});
  word += kPassedOne;
  StepAt(microseconds(150));
  StepAt(microseconds(200));
  EXPECT_EQ(word, kPassedOne);
  EXPECT_FALSE(handovers_.empty());
}

TEST_F(HandoversTest, WhatIsSilentIsTakenOver) {
  std::uint32_t word = 6 * kPassedOne;
  handovers_.Add(MakeRoute(word), Direction::kClientToPeer);
  StepAt({});
  StepAt(Handovers::kSilence);
  EXPECT_EQ(word, 6 * kPassedOne + kTakenOver);
  EXPECT_TRUE(handovers_.empty());
}

TEST_F(HandoversTest, NotWhileSomethingWaitsInTheSocket) {
  std::uint32_t word = 0;
  handovers_.Add(MakeRoute(word), Direction::kClientToPeer);
  FillSocket();
  for (const auto after : {milliseconds(0), milliseconds(10), milliseconds(500)}) StepAt(after);
  EXPECT_EQ(word, 0U);
  EXPECT_EQ(socket_.Receive()->octets, "x");
  StepAt(milliseconds(600));
  EXPECT_EQ(word, kTakenOver);
}

TEST_F(HandoversTest, TheSocketIsThatOfTheDirection) {
  std::uint32_t word = 0;
  handovers_.Add(MakeRoute(word), Direction::kPeerToClient);
  FillSocket();
  StepAt({});
  StepAt(milliseconds(1));
  EXPECT_EQ(word, kTakenOver);
}

TEST_F(HandoversTest, ADenseStreamIsTakenOverBetweenTwoPackets) {
  std::uint32_t word = 0;
  handovers_.Add(MakeRoute(word), Direction::kClientToPeer);
  for (int i = 0; i < 100; ++i) {
    StepAt(milliseconds(i));
    word += kPassedOne;
    EXPECT_EQ(word & kTakenOver, 0U);
  }
  StepAt(Handovers::kPatience);
  EXPECT_EQ(word & kTakenOver, kTakenOver);
}

TEST_F(HandoversTest, WhenUserspaceIsOverloadedItIsTakenOverInTheEnd) {
  std::uint32_t word = 0;
  handovers_.Add(MakeRoute(word), Direction::kClientToPeer);
  FillSocket();
  StepAt({});
  StepAt(Handovers::kEnd - milliseconds(1));
  EXPECT_EQ(word, 0U);
  StepAt(Handovers::kEnd);
  EXPECT_EQ(word, kTakenOver);
}

TEST_F(HandoversTest, FromRelayToRelayTheSilenceIsLonger) {
  std::uint32_t word = 0;
  handovers_.Add(MakeRoute(word, true), Direction::kClientToPeer);
  StepAt({});
  StepAt(milliseconds(1));
  EXPECT_EQ(word, 0U);
  StepAt(Handovers::kLongSilence);
  EXPECT_EQ(word, kTakenOver);
  // And impatience does not help.
  word = 0;
  handovers_.Add(MakeRoute(word, true), Direction::kClientToPeer);
  for (int i = 0; i < 300; ++i) {
    StepAt(milliseconds(i));
    word += kPassedOne;
  }
  EXPECT_EQ(word & kTakenOver, 0U);
}

TEST_F(HandoversTest, ARemovedRouteIsForgotten) {
  std::uint32_t word = 0;
  const auto route = MakeRoute(word);
  handovers_.Add(route, Direction::kClientToPeer);
  StepAt({});
  route->is_removed = true;
  StepAt(milliseconds(10));
  EXPECT_EQ(word, 0U);
  EXPECT_TRUE(handovers_.empty());
}

TEST_F(HandoversTest, WhoPassesAgainWaitsAgain) {
  std::uint32_t word = 0;
  const auto route = MakeRoute(word);
  for (int i = 0; i < 2; ++i) {
    handovers_.Add(route, Direction::kClientToPeer);
    handovers_.Add(route, Direction::kClientToPeer);
    StepAt(milliseconds(10 * i));
    StepAt(milliseconds(10 * i + 1));
    EXPECT_EQ(word & kTakenOver, kTakenOver);
    EXPECT_TRUE(handovers_.empty());
    word = (word & ~kTakenOver) + kPassedOne;
  }
}

TEST_F(HandoversTest, ManyHaveTheirTurns) {
  std::vector<std::uint32_t> words(1000);
  for (std::uint32_t& word : words) handovers_.Add(MakeRoute(word), Direction::kClientToPeer);
  for (int i = 0; i < 40; ++i) StepAt(milliseconds(i));
  for (const std::uint32_t word : words) EXPECT_EQ(word, kTakenOver);
  EXPECT_TRUE(handovers_.empty());
}

}  // namespace
}  // namespace relay
