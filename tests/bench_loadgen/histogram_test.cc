#include "bench/loadgen/histogram.h"

#include <gtest/gtest.h>

namespace loadgen::histogram_test {

TEST(Histogram, AnEmptyOneAnswersZero) {
  const Histogram histogram;
  EXPECT_EQ(histogram.PercentileNs(0.99), 0U);
  EXPECT_EQ(histogram.min_ns(), 0U);
  EXPECT_EQ(histogram.mean_ns(), 0);
}

TEST(Histogram, SmallValuesAreExact) {
  Histogram histogram;
  for (std::uint64_t value = 1; value <= 100; ++value) histogram.Record(value);
  EXPECT_EQ(histogram.PercentileNs(0.5), 50U);
  EXPECT_EQ(histogram.PercentileNs(0.99), 99U);
  EXPECT_EQ(histogram.PercentileNs(1), 100U);
  EXPECT_EQ(histogram.PercentileNs(0), 1U);
}

TEST(Histogram, APercentileIsNeverBelowAndAtMostTwoPercentAboveTheTrueValue) {
  for (std::uint64_t value = 1; value < (std::uint64_t{1} << 62); value = value * 3 + 1) {
    Histogram histogram;
    histogram.Record(value);
    histogram.Record(UINT64_MAX);
    const std::uint64_t median = histogram.PercentileNs(0.5);
    EXPECT_GE(median, value);
    EXPECT_LE(static_cast<double>(median), static_cast<double>(value) * 1.016);
  }
}

TEST(Histogram, NoPercentileIsAboveTheMaximum) {
  Histogram histogram;
  histogram.Record(1'000'001);
  EXPECT_EQ(histogram.PercentileNs(0.999), 1'000'001U);
  EXPECT_EQ(histogram.max_ns(), 1'000'001U);
}

TEST(Histogram, TheLargestValueHasAPlace) {
  Histogram histogram;
  histogram.Record(UINT64_MAX);
  EXPECT_EQ(histogram.PercentileNs(0.5), UINT64_MAX);
}

TEST(Histogram, MergingAddsTheOtherOnesValues) {
  Histogram one;
  Histogram other;
  one.Record(10);
  other.Record(20);
  other.Record(30);
  one.Merge(other);
  EXPECT_EQ(one.count(), 3U);
  EXPECT_EQ(one.PercentileNs(0.5), 20U);
  EXPECT_EQ(one.min_ns(), 10U);
  EXPECT_EQ(one.max_ns(), 30U);
  EXPECT_DOUBLE_EQ(one.mean_ns(), 20);
}

}  // namespace loadgen::histogram_test
