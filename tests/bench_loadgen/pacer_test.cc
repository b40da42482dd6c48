#include "bench/loadgen/pacer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <map>

namespace loadgen::pacer_test {

using std::chrono::milliseconds;
using Kind = Pacer::Kind;

const base::MonotonicTime kStart{std::chrono::hours(1)};

Pacer Active(Kind kind, double amount, std::uint32_t flows) {
  Pacer pacer(kind, amount, flows);
  for (std::uint32_t i = 0; i < flows; ++i) pacer.SetActive(i, true);
  pacer.Start(kStart);
  return pacer;
}

std::map<std::uint32_t, std::uint32_t> TakeAll(Pacer& pacer) {
  std::map<std::uint32_t, std::uint32_t> packets;
  while (const auto run = pacer.Next(32)) packets[run->flow] += run->packets;
  return packets;
}

std::uint32_t Count(Pacer& pacer) {
  std::uint32_t total = 0;
  for (const auto& [flow, packets] : TakeAll(pacer)) total += packets;
  return total;
}

TEST(Pacer, ARateGivesWhatIsDueAndNoMore) {
  Pacer pacer = Active(Kind::kRate, 1000, 4);
  EXPECT_EQ(Count(pacer), 0U);
  pacer.Advance(kStart + milliseconds(10));
  EXPECT_EQ(Count(pacer), 10U);
  pacer.Advance(kStart + milliseconds(11));
  EXPECT_EQ(Count(pacer), 1U);
}

TEST(Pacer, ARateSharesBetweenTheActiveFlows) {
  Pacer pacer = Active(Kind::kRate, 3000, 4);
  pacer.SetActive(2, false);
  pacer.Advance(kStart + milliseconds(10));
  const auto packets = TakeAll(pacer);
  EXPECT_EQ(packets.count(2), 0U);
  for (const std::uint32_t flow : {0U, 1U, 3U}) EXPECT_NEAR(packets.at(flow), 10, 2);
}

TEST(Pacer, ARateThatFallsBehindGivesUpInsteadOfBursting) {
  Pacer pacer = Active(Kind::kRate, 100000, 1);
  pacer.Advance(kStart + milliseconds(1000));
  EXPECT_EQ(Count(pacer), 2000U);
  EXPECT_EQ(pacer.missed(), 98000U);
}

TEST(Pacer, ARateSaysWhenTheNextPacketIsDue) {
  Pacer pacer = Active(Kind::kRate, 1000, 1);
  EXPECT_EQ(pacer.NextDue(), kStart + milliseconds(1));
  pacer.Advance(*pacer.NextDue());
  EXPECT_EQ(Count(pacer), 1U);
}

TEST(Pacer, AFlowWindowHoldsForEachFlow) {
  Pacer pacer = Active(Kind::kFlowWindow, 3, 2);
  EXPECT_EQ(TakeAll(pacer), (std::map<std::uint32_t, std::uint32_t>{{0, 3}, {1, 3}}));
  EXPECT_FALSE(pacer.NextDue());
  pacer.OnFreed(1, 2);
  EXPECT_TRUE(pacer.NextDue());
  EXPECT_EQ(TakeAll(pacer), (std::map<std::uint32_t, std::uint32_t>{{1, 2}}));
}

TEST(Pacer, ATotalWindowHoldsForAllFlowsTogetherAndTakesTurns) {
  Pacer pacer = Active(Kind::kTotalWindow, 2, 4);
  EXPECT_EQ(TakeAll(pacer), (std::map<std::uint32_t, std::uint32_t>{{0, 1}, {1, 1}}));
  pacer.OnFreed(0, 1);
  pacer.OnFreed(1, 1);
  EXPECT_EQ(TakeAll(pacer), (std::map<std::uint32_t, std::uint32_t>{{2, 1}, {3, 1}}));
}

TEST(Pacer, WhatCouldNotBeSentIsOfferedAgainInClosedLoops) {
  for (const Kind kind : {Kind::kFlowWindow, Kind::kTotalWindow}) {
    Pacer pacer = Active(kind, 4, 1);
    const auto run = pacer.Next(32);
    ASSERT_TRUE(run);
    pacer.GiveBack({run->flow, 3});
    EXPECT_EQ(Count(pacer), 3U);
  }
}

TEST(Pacer, AClosedLoopStartsAnewAfterSilence) {
  for (const Kind kind : {Kind::kFlowWindow, Kind::kTotalWindow}) {
    Pacer pacer = Active(kind, 4, 1);
    EXPECT_EQ(Count(pacer), 4U);
    pacer.OnFreed(0, 1);
    pacer.OnSilenceCheck();
    EXPECT_EQ(Count(pacer), 1U);
    pacer.OnSilenceCheck();
    EXPECT_EQ(Count(pacer), 4U);
  }
}

TEST(Pacer, AFlowThatStopsAndComesBackHasItsWholeWindow) {
  Pacer pacer = Active(Kind::kFlowWindow, 2, 2);
  TakeAll(pacer);
  pacer.SetActive(0, false);
  pacer.OnFreed(0, 2);
  EXPECT_TRUE(TakeAll(pacer).empty());
  pacer.SetActive(0, true);
  EXPECT_EQ(TakeAll(pacer), (std::map<std::uint32_t, std::uint32_t>{{0, 2}}));
}

}  // namespace loadgen::pacer_test
