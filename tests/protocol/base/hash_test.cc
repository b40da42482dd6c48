#include "protocol/base/hash.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <set>

namespace base::hash_test {

TEST(Hash, TheNumberOfWordsCounts) {
  EXPECT_NE(HashWords({}), HashWords({0}));
  EXPECT_NE(HashWords({0}), HashWords({0, 0}));
}

TEST(Hash, TheOrderOfWordsCounts) { EXPECT_NE(HashWords({1, 2}), HashWords({2, 1})); }

TEST(Hash, IsTheSameWithinAProcess) { EXPECT_EQ(HashWords({1, 2, 3}), HashWords({1, 2, 3})); }

TEST(Hash, OneBitOfInputChangesAboutHalfOfTheOutput) {
  int changed = 0;
  constexpr int kTrials = 192;
  for (std::size_t word = 0; word < 3; ++word) {
    for (int bit = 0; bit < 64; ++bit) {
      std::uint64_t words[3] = {5, 6, 7};
      const std::size_t before = HashWords({words[0], words[1], words[2]});
      words[word] ^= std::uint64_t{1} << bit;
      changed += std::popcount(before ^ HashWords({words[0], words[1], words[2]}));
    }
  }
  EXPECT_NEAR(static_cast<double>(changed) / kTrials, 32, 4);
}

TEST(Hash, CountingNumbersDoNotCollide) {
  std::set<std::size_t> seen;
  for (std::uint64_t i = 0; i < 100'000; ++i) seen.insert(HashWords({i}));
  EXPECT_EQ(seen.size(), 100'000u);
}

}  // namespace base::hash_test
