#include "server/datapath/kernel/fastpath_indices.h"

#include <gtest/gtest.h>

namespace relay::fastpath_indices_test {

using std::chrono::milliseconds;
using std::chrono::seconds;

const base::MonotonicTime kStart{seconds(1000)};

TEST(FastpathIndices, ThereAreNoMoreThanAskedFor) {
  FastpathIndices indices(10, 2);
  EXPECT_EQ(indices.Take(kStart), 10U);
  EXPECT_EQ(indices.Take(kStart), 11U);
  EXPECT_EQ(indices.Take(kStart), std::nullopt);
}

TEST(FastpathIndices, OneThatComesBackRestsForASecond) {
  FastpathIndices indices(0, 1);
  ASSERT_EQ(indices.Take(kStart), 0U);
  indices.Return(0, kStart);
  EXPECT_EQ(indices.Take(kStart + milliseconds(999)), std::nullopt);
  EXPECT_EQ(indices.Take(kStart + milliseconds(1000)), 0U);
}

TEST(FastpathIndices, UsedOnesAreUsedAgainBeforeFreshOnes) {
  FastpathIndices indices(0, 10);
  ASSERT_EQ(indices.Take(kStart), 0U);
  ASSERT_EQ(indices.Take(kStart), 1U);
  indices.Return(1, kStart);
  indices.Return(0, kStart + milliseconds(500));
  EXPECT_EQ(indices.Take(kStart + milliseconds(1200)), 1U);
  EXPECT_EQ(indices.Take(kStart + milliseconds(1200)), 2U);
  EXPECT_EQ(indices.Take(kStart + milliseconds(1500)), 0U);
}

TEST(FastpathIndicesDeathTest, WhatWasNotTakenDoesNotComeBack) {
  FastpathIndices indices(0, 10);
  EXPECT_DEATH(indices.Return(0, kStart), "CHECK failed");
}

}  // namespace relay::fastpath_indices_test
