#include "server/config/nearest.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstddef>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relay::nearest_test {

// As it is defined: the least of what each way to begin costs.
std::size_t PlainDistance(std::string_view left, std::string_view right) {
  const std::size_t width = right.size() + 1;
  std::vector<std::size_t> table((left.size() + 1) * width);
  for (std::size_t i = 0; i <= left.size(); ++i) {
    for (std::size_t j = 0; j <= right.size(); ++j) {
      std::size_t least = i == 0 ? j : j == 0 ? i : i + j;
      if (i > 0 && j > 0) {
        const std::size_t changed = left[i - 1] == right[j - 1] ? 0 : 1;
        least = std::min({table[(i - 1) * width + j] + 1, table[i * width + j - 1] + 1,
                          table[(i - 1) * width + j - 1] + changed});
      }
      if (i > 1 && j > 1 && left[i - 1] == right[j - 2] && left[i - 2] == right[j - 1])
        least = std::min(least, table[(i - 2) * width + j - 2] + 1);
      table[i * width + j] = least;
    }
  }
  return table.back();
}

TEST(EditDistance, CountsWhatMustChange) {
  EXPECT_EQ(EditDistance("", ""), 0U);
  EXPECT_EQ(EditDistance("realm", "realm"), 0U);
  EXPECT_EQ(EditDistance("", "realm"), 5U);
  EXPECT_EQ(EditDistance("relm", "realm"), 1U);
  EXPECT_EQ(EditDistance("realms", "realm"), 1U);
  EXPECT_EQ(EditDistance("reaim", "realm"), 1U);
  EXPECT_EQ(EditDistance("kitten", "sitting"), 3U);
}

TEST(EditDistance, CountsASwapOfNeighboursOnce) {
  EXPECT_EQ(EditDistance("prots", "ports"), 1U);
  EXPECT_EQ(EditDistance("ab", "ba"), 1U);
}

TEST(EditDistance, IsWhatTheTableSays) {
  std::mt19937 random(1);  // the same each time
  const auto text = [&random] {
    std::string drawn(random() % 65, 'a');
    for (char& each : drawn) each = static_cast<char>('a' + random() % 3);
    return drawn;
  };
  for (int i = 0; i < 2'000; ++i) {
    const std::string left = text();
    std::string right = text();
    if (i % 2 == 0) {  // what somebody mistypes
      right = left;
      for (std::size_t j = 1; j < right.size(); j += 1 + random() % 7)
        std::swap(right[j - 1], right[j]);
    }
    ASSERT_EQ(EditDistance(left, right), PlainDistance(left, right)) << left << " and " << right;
  }
}

TEST(EditDistance, OctetsAreOctets) {
  EXPECT_EQ(EditDistance("\xff\x80", "\x80\xff"), 1U);
  EXPECT_EQ(EditDistance(std::string_view("a\0b", 3), "ab"), 1U);
}

TEST(EditDistance, OfWhatIsLongTheBeginningCounts) {
  const std::string_view name = "relay.external_addresses";
  const std::string longer(1'000'000, 'x');
  EXPECT_EQ(EditDistance(longer, longer + "y"), 0U);
  EXPECT_EQ(EditDistance(longer, name), 64U - 1U);
}

TEST(FindNearest, IsTheFirstOfThoseThatDifferLeast) {
  constexpr std::array<std::string_view, 5> kNames = {"a-long-name", "ports", "port", "sport", ""};
  EXPECT_EQ(FindNearest("port", kNames).place, 2U);
  EXPECT_EQ(FindNearest("port", kNames).distance, 0U);
  EXPECT_EQ(FindNearest("portr", kNames).place, 1U);
  EXPECT_EQ(FindNearest("portr", kNames).distance, 1U);
  EXPECT_EQ(FindNearest("xyz", kNames).place, 4U);
  EXPECT_EQ(FindNearest("a-long-nama", kNames).place, 0U);
}

}  // namespace relay::nearest_test
