#include "bench/loadgen/sequence_tracker.h"

#include <gtest/gtest.h>

namespace loadgen::sequence_tracker_test {

using Arrival = SequenceTracker::Arrival;

TEST(SequenceTracker, TakesASequenceWithoutGapsInOrder) {
  SequenceTracker tracker;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    const auto verdict = tracker.Observe(i);
    EXPECT_EQ(verdict.arrival, Arrival::kInOrder);
    EXPECT_EQ(verdict.skipped, 0U);
  }
  EXPECT_EQ(tracker.next(), 1000U);
}

TEST(SequenceTracker, CountsWhatWasSkipped) {
  SequenceTracker tracker;
  EXPECT_EQ(tracker.Observe(3).skipped, 3U);
  EXPECT_EQ(tracker.Observe(4).skipped, 0U);
  EXPECT_EQ(tracker.Observe(1000).skipped, 995U);
}

TEST(SequenceTracker, TellsLateFromRepeated) {
  SequenceTracker tracker;
  tracker.Observe(0);
  tracker.Observe(2);
  EXPECT_EQ(tracker.Observe(1).arrival, Arrival::kLate);
  EXPECT_EQ(tracker.Observe(1).arrival, Arrival::kDuplicate);
  EXPECT_EQ(tracker.Observe(2).arrival, Arrival::kDuplicate);
  EXPECT_EQ(tracker.Observe(0).arrival, Arrival::kDuplicate);
}

TEST(SequenceTracker, ForgetsTheRoundBeforeWhenTheWindowMovesOn) {
  SequenceTracker tracker;
  for (std::uint64_t i = 0; i < 256; ++i) tracker.Observe(i);
  tracker.Observe(258);  // 256 and 257 share their places with 0 and 1
  EXPECT_EQ(tracker.Observe(256).arrival, Arrival::kLate);
  EXPECT_EQ(tracker.Observe(257).arrival, Arrival::kLate);
  EXPECT_EQ(tracker.Observe(255).arrival, Arrival::kDuplicate);
}

TEST(SequenceTracker, ForgetsAllAfterAJumpBeyondTheWindow) {
  SequenceTracker tracker;
  for (std::uint64_t i = 0; i < 256; ++i) tracker.Observe(i);
  tracker.Observe(10000);
  EXPECT_EQ(tracker.Observe(9999).arrival, Arrival::kLate);
  EXPECT_EQ(tracker.Observe(9745).arrival, Arrival::kLate);
  EXPECT_EQ(tracker.Observe(9745).arrival, Arrival::kDuplicate);
}

TEST(SequenceTracker, TakesWhatIsOlderThanTheWindowForLate) {
  SequenceTracker tracker;
  for (std::uint64_t i = 0; i < 300; ++i) tracker.Observe(i);
  EXPECT_EQ(tracker.Observe(1).arrival, Arrival::kLate);
}

}  // namespace loadgen::sequence_tracker_test
