#include "server/control/drain_controller.h"

#include <gtest/gtest.h>

namespace relay::drain_controller_test {

using std::chrono::minutes;
using std::chrono::seconds;
using Phase = DrainController::Phase;
using End = DrainController::End;

const base::MonotonicTime kStart(seconds(1000));

TEST(DrainController, ServesUntilItIsTold) {
  DrainController drain(minutes(60));
  drain.Advance(kStart, 0);
  EXPECT_EQ(drain.phase(), Phase::kServing);
  EXPECT_FALSE(drain.is_draining());
  EXPECT_EQ(drain.remaining(kStart), std::nullopt);
}

TEST(DrainController, TheFirstTerminateBeginsADrain) {
  DrainController drain(minutes(60));
  drain.OnTerminate(kStart);
  EXPECT_EQ(drain.phase(), Phase::kDraining);
  EXPECT_EQ(drain.remaining(kStart + minutes(1)), minutes(59));
}

TEST(DrainController, EndsWhenNoAllocationIsLeft) {
  DrainController drain(minutes(60));
  drain.OnTerminate(kStart);
  drain.Advance(kStart + seconds(1), 1);
  EXPECT_EQ(drain.phase(), Phase::kDraining);
  drain.Advance(kStart + seconds(2), 0);
  EXPECT_EQ(drain.end(), End::kEmpty);
}

TEST(DrainController, EndsAtTheDeadline) {
  DrainController drain(minutes(60));
  drain.OnTerminate(kStart);
  drain.Advance(kStart + minutes(60) - seconds(1), 5);
  EXPECT_EQ(drain.phase(), Phase::kDraining);
  drain.Advance(kStart + minutes(60), 5);
  EXPECT_EQ(drain.end(), End::kDeadline);
}

TEST(DrainController, TheSecondTerminateEndsAtOnce) {
  DrainController drain(minutes(60));
  drain.OnTerminate(kStart);
  drain.OnTerminate(kStart);
  EXPECT_EQ(drain.end(), End::kAtOnce);
}

TEST(DrainController, ATerminateGoesOnWithAnAdministratorsDrainAndTheSecondEndsIt) {
  DrainController drain(minutes(60));
  EXPECT_TRUE(drain.Begin(kStart, minutes(5)));
  drain.OnTerminate(kStart + minutes(1));
  EXPECT_EQ(drain.remaining(kStart + minutes(1)), minutes(4));
  drain.OnTerminate(kStart + minutes(2));
  EXPECT_EQ(drain.end(), End::kAtOnce);
}

TEST(DrainController, BeginningAgainChangesTheDeadlineThatIsGivenAndNothingElse) {
  DrainController drain(minutes(60));
  EXPECT_TRUE(drain.Begin(kStart, minutes(50)));
  EXPECT_FALSE(drain.Begin(kStart + minutes(1)));
  EXPECT_EQ(drain.remaining(kStart + minutes(1)), minutes(49));
  EXPECT_FALSE(drain.Begin(kStart, minutes(5)));
  EXPECT_EQ(drain.remaining(kStart), minutes(5));
  EXPECT_EQ(drain.remaining(kStart + minutes(6)), seconds(0));
}

TEST(DrainController, RemembersTheFirstEnd) {
  DrainController drain(minutes(60));
  drain.StopAtOnce();
  drain.Advance(kStart, 0);
  EXPECT_EQ(drain.end(), End::kAtOnce);
  EXPECT_TRUE(drain.is_draining());
}

TEST(DrainController, AnotherDeadlineIsForTheNextDrain) {
  DrainController drain(minutes(60));
  drain.SetDeadline(minutes(5));
  drain.OnTerminate(kStart);
  EXPECT_EQ(drain.remaining(kStart), minutes(5));
  drain.SetDeadline(minutes(1));
  EXPECT_EQ(drain.remaining(kStart), minutes(5));
}

}  // namespace relay::drain_controller_test
