#include "server/doctor/watch.h"

#include <gtest/gtest.h>

namespace relay::watch_test {

using std::chrono::microseconds;
using Runs = std::array<std::uint64_t, kProbeOutcomeLabels.size()>;

ProbeReport Report(std::uint32_t sent, std::vector<microseconds> round_trips,
                   std::string failure = "") {
  ProbeReport report;
  report.sent = sent;
  report.round_trips = std::move(round_trips);
  report.failure = std::move(failure);
  return report;
}

TEST(Watch, AWholeProbeIsASuccess) {
  ProbeSeries series;
  Account(Report(3, {microseconds(1000), microseconds(3000), microseconds(1500)}), series);
  EXPECT_TRUE(series.is_up);
  EXPECT_EQ(series.loss_ratio, 0);
  EXPECT_DOUBLE_EQ(*series.round_trip_seconds, 0.0015) << "the one in the middle";
  EXPECT_DOUBLE_EQ(*series.jitter_seconds, 0.00175);
  EXPECT_EQ(series.runs, (Runs{1, 0, 0}));
}

TEST(Watch, SomeLossIsUpAndCounted) {
  ProbeSeries series;
  Account(Report(4, {microseconds(1000)}), series);
  EXPECT_TRUE(series.is_up);
  EXPECT_EQ(series.loss_ratio, 0.75);
  EXPECT_EQ(*series.jitter_seconds, 0);
  EXPECT_EQ(series.runs, (Runs{0, 1, 0}));
}

TEST(Watch, NothingBackIsDown) {
  ProbeSeries series;
  Account(Report(4, {}), series);
  EXPECT_FALSE(series.is_up);
  EXPECT_EQ(series.loss_ratio, 1);
  EXPECT_FALSE(series.round_trip_seconds);
  EXPECT_EQ(series.runs, (Runs{0, 0, 1}));
}

TEST(Watch, AFailureForgetsWhatWasMeasuredBefore) {
  ProbeSeries series;
  Account(Report(1, {microseconds(1000)}), series);
  Account(Report(0, {}, "Allocate: 401 Unauthenticated"), series);
  EXPECT_FALSE(series.is_up);
  EXPECT_EQ(series.loss_ratio, 1);
  EXPECT_FALSE(series.round_trip_seconds);
  EXPECT_FALSE(series.jitter_seconds);
  EXPECT_EQ(series.runs, (Runs{1, 0, 1}));
}

TEST(Watch, AFailureInTheMiddleIsDown) {
  ProbeSeries series;
  Account(Report(2, {microseconds(1000)}, "the connection has ended"), series);
  EXPECT_FALSE(series.is_up);
  EXPECT_EQ(series.loss_ratio, 0.5);
  EXPECT_EQ(series.runs, (Runs{0, 0, 1}));
}

}  // namespace relay::watch_test
