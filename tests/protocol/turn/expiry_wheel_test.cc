#include "protocol/turn/expiry_wheel.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "tests/support/seeded_random.h"

namespace turn::expiry_wheel_test {

using std::chrono::milliseconds;
using std::chrono::seconds;

struct Waiter : ExpiryWheel::Entry {
  Waiter() : Entry(ExpiryWheel::Kind::kAllocation) {}
};

class ExpiryWheelTest : public ::testing::Test {
 protected:
  std::vector<ExpiryWheel::Entry*> Advance(base::MonotonicTime::duration duration) {
    now_ += duration;
    std::vector<ExpiryWheel::Entry*> woken;
    wheel_.Advance(now_, [&](ExpiryWheel::Entry& entry) { woken.push_back(&entry); });
    return woken;
  }

  base::MonotonicTime now_{seconds(1000)};
  ExpiryWheel wheel_{now_};
  Waiter first_;
  Waiter second_;
};

TEST_F(ExpiryWheelTest, AnEntryWakesOnceWhenItIsDue) {
  wheel_.Reschedule(first_, now_ + milliseconds(2500));
  EXPECT_TRUE(Advance(milliseconds(2499)).empty());
  EXPECT_EQ(Advance(milliseconds(1)), std::vector<ExpiryWheel::Entry*>{&first_});
  EXPECT_FALSE(first_.is_scheduled());
  EXPECT_TRUE(Advance(seconds(10'000)).empty());
}

TEST_F(ExpiryWheelTest, AnEntryBeyondOneTurnWaitsFurtherRounds) {
  wheel_.Reschedule(first_, now_ + seconds(10'000));
  for (int i = 0; i < 9999; ++i) ASSERT_TRUE(Advance(seconds(1)).empty());
  EXPECT_EQ(Advance(seconds(1)).size(), 1u);
}

TEST_F(ExpiryWheelTest, ALongPauseWakesEverythingThatIsDue) {
  wheel_.Reschedule(first_, now_ + seconds(5));
  wheel_.Reschedule(second_, now_ + seconds(9000));
  EXPECT_EQ(Advance(seconds(100'000)).size(), 2u);
}

TEST_F(ExpiryWheelTest, WhatIsDueInThePastWakesAtTheNextAdvance) {
  Advance(seconds(100));
  wheel_.Reschedule(first_, now_ - seconds(50));
  EXPECT_EQ(Advance(seconds(0)).size(), 1u);
}

TEST_F(ExpiryWheelTest, ScheduleNoLaterOnlyMovesForward) {
  wheel_.ScheduleNoLater(first_, now_ + seconds(10));
  wheel_.ScheduleNoLater(first_, now_ + seconds(20));
  EXPECT_EQ(first_.due(), now_ + seconds(10));
  wheel_.ScheduleNoLater(first_, now_ + seconds(5));
  EXPECT_EQ(Advance(seconds(5)).size(), 1u);
}

TEST_F(ExpiryWheelTest, ADestroyedEntryDoesNotWake) {
  auto waiter = std::make_unique<Waiter>();
  wheel_.Reschedule(*waiter, now_ + seconds(1));
  waiter.reset();
  EXPECT_TRUE(Advance(seconds(2)).empty());
}

TEST_F(ExpiryWheelTest, ACancelledEntryDoesNotWake) {
  wheel_.Reschedule(first_, now_ + seconds(1));
  wheel_.Reschedule(second_, now_ + seconds(1));
  ExpiryWheel::Cancel(first_);
  ExpiryWheel::Cancel(first_);
  EXPECT_FALSE(first_.is_scheduled());
  EXPECT_EQ(Advance(seconds(2)), std::vector<ExpiryWheel::Entry*>{&second_});
}

TEST_F(ExpiryWheelTest, AWakeUpMayScheduleAndDestroyOthers) {
  auto victim = std::make_unique<Waiter>();
  wheel_.Reschedule(first_, now_ + seconds(1));
  wheel_.Reschedule(*victim, now_ + seconds(1));
  now_ += seconds(1);
  int woken = 0;
  wheel_.Advance(now_, [&](ExpiryWheel::Entry& entry) {
    ++woken;
    if (&entry != &first_) return;
    victim.reset();
    wheel_.Reschedule(first_, now_);
    wheel_.Reschedule(second_, now_ + seconds(1));
  });
  EXPECT_EQ(woken, 1);
  EXPECT_EQ(Advance(seconds(1)).size(), 2u);
}

TEST_F(ExpiryWheelTest, TimeThatRunsBackwardsWakesNothing) {
  wheel_.Reschedule(first_, now_ + seconds(10));
  EXPECT_TRUE(Advance(seconds(5)).empty());
  EXPECT_TRUE(Advance(seconds(-20)).empty());
  EXPECT_EQ(Advance(seconds(25)).size(), 1u);
}

TEST_F(ExpiryWheelTest, NobodyWakesEarlyOrLateInARandomCrowd) {
  test_support::SeededRandom random(3);
  std::vector<Waiter> waiters(2000);
  for (Waiter& waiter : waiters)
    wheel_.Reschedule(waiter, now_ + milliseconds(random.Below(9'000'000)));
  std::size_t woken = 0;
  base::MonotonicTime previous = now_;
  while (woken < waiters.size()) {
    for (ExpiryWheel::Entry* entry : Advance(milliseconds(random.Below(60'000)))) {
      EXPECT_LE(entry->due(), now_);
      EXPECT_GT(entry->due(), previous - milliseconds(1));
      ++woken;
    }
    previous = now_;
  }
  for (const Waiter& waiter : waiters) EXPECT_FALSE(waiter.is_scheduled());
}

}  // namespace turn::expiry_wheel_test
