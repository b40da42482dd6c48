#include "protocol/base/random.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstring>
#include <set>
#include <vector>

namespace base::random_test {

using ::testing::Each;

// Hands out the 32-bit numbers of a script, one per call.
class ScriptedRandom final : public RandomSource {
 public:
  explicit ScriptedRandom(std::vector<std::uint32_t> draws) : draws_(std::move(draws)) {}

  void Fill(MutableBytes out) override {
    ASSERT_EQ(out.size(), 4u);
    ASSERT_LT(used_, draws_.size());
    std::memcpy(out.data(), &draws_[used_++], 4);
  }

  std::size_t used() const { return used_; }

 private:
  std::vector<std::uint32_t> draws_;
  std::size_t used_ = 0;
};

TEST(RandomDeathTest, ABoundOfZeroAborts) {
  OsRandom random;
  EXPECT_DEATH(random.Below(0), "CHECK failed");
}

TEST(Random, ADrawThatWouldFavourSomeResultsIsThrownAway) {
  // 2^32 = 3 * 1431655765 + 1: one draw is one too many, and it is 0.
  ScriptedRandom random({0, 5});
  random.Below(3);
  EXPECT_EQ(random.used(), 2u);
}

TEST(Random, APowerOfTwoThrowsNothingAway) {
  ScriptedRandom random({0});
  EXPECT_EQ(random.Below(16384), 0u);
}

TEST(Random, TheLargestDrawStaysBelowTheBound) {
  for (const std::uint32_t bound : {1u, 2u, 3u, 1000u, 0xffffffffu}) {
    ScriptedRandom random({0xffffffff});
    EXPECT_EQ(random.Below(bound), bound - 1);
  }
}

TEST(Random, EveryNumberBelowTheBoundOccursAboutEquallyOften) {
  OsRandom random;
  std::array<int, 10> counts{};
  for (int i = 0; i < 10'000; ++i) ++counts[random.Below(10)];
  // The standard deviation is 30; a good source never strays by more than six of them.
  for (const int count : counts) EXPECT_NEAR(count, 1000, 200);
}

TEST(Random, FillingNothingIsAllowed) { OsRandom().Fill({}); }

TEST(Random, SmallPiecesDoNotRepeatAcrossBlocks) {
  OsRandom random;
  std::set<std::array<std::uint8_t, 12>> seen;
  for (int i = 0; i < 1000; ++i) {
    std::array<std::uint8_t, 12> piece{};
    random.Fill(piece);
    seen.insert(piece);
  }
  EXPECT_EQ(seen.size(), 1000u);
}

TEST(Random, EveryOctetOfALargeRequestIsFilled) {
  OsRandom random;
  std::vector<std::uint8_t> combined(5000, 0);
  for (int round = 0; round < 8; ++round) {
    std::vector<std::uint8_t> filled(combined.size(), 0);
    random.Fill(filled);
    for (std::size_t i = 0; i < filled.size(); ++i) combined[i] |= filled[i];
  }
  // An octet that is left alone would stay 0; by chance that is one in 2^64.
  EXPECT_THAT(combined, Each(testing::Ne(0)));
}

TEST(Random, EveryOctetOfSmallRequestsIsFilled) {
  OsRandom random;
  for (std::size_t size = 1; size <= 512; size += 37) {
    std::vector<std::uint8_t> combined(size, 0);
    for (int round = 0; round < 8; ++round) {
      std::vector<std::uint8_t> filled(size, 0);
      random.Fill(filled);
      for (std::size_t i = 0; i < size; ++i) combined[i] |= filled[i];
    }
    EXPECT_THAT(combined, Each(testing::Ne(0)));
  }
}

TEST(Random, TwoSourcesDiffer) {
  std::array<std::uint8_t, 16> left{};
  std::array<std::uint8_t, 16> right{};
  OsRandom().Fill(left);
  OsRandom().Fill(right);
  EXPECT_NE(left, right);
}

}  // namespace base::random_test
