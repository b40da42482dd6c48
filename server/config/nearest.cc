#include "server/config/nearest.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>

#include "protocol/base/check.h"

namespace relay {
namespace {

// A column of the table of distances is one word, a bit for each octet. No name of ours is longer.
using Column = std::uint64_t;
constexpr std::size_t kComparedOctets = std::numeric_limits<Column>::digits;

}  // namespace

// Hyyro, "A bit-vector algorithm for computing Levenshtein and Damerau edit distances", 2003: of
// two neighbours in the table it is enough to know whether one is larger, or smaller, by one.
std::size_t EditDistance(std::string_view left, std::string_view right) {
  left = left.substr(0, kComparedOctets);
  right = right.substr(0, kComparedOctets);
  if (left.empty()) return right.size();
  std::array<Column, 256> places{};  // where an octet stands in the left
  for (std::size_t i = 0; i < left.size(); ++i)
    places.at(static_cast<unsigned char>(left[i])) |= Column{1} << i;
  const std::size_t last = left.size() - 1;
  std::size_t distance = left.size();
  Column is_more_below = ~Column{0};
  Column is_less_below = 0;
  Column is_same_across = 0;  // as the one above to the left
  Column equal_before = 0;
  for (const char each : right) {
    const Column equal = places.at(static_cast<unsigned char>(each));
    const Column is_swapped = ((~is_same_across & equal) << 1) & equal_before;
    is_same_across = (((equal & is_more_below) + is_more_below) ^ is_more_below) | equal |
                     is_less_below | is_swapped;
    const Column is_more_right = is_less_below | ~(is_same_across | is_more_below);
    const Column is_less_right = is_same_across & is_more_below;
    distance += is_more_right >> last & 1;
    distance -= is_less_right >> last & 1;
    const Column more = is_more_right << 1 | 1;
    is_more_below = is_less_right << 1 | ~(is_same_across | more);
    is_less_below = more & is_same_across;
    equal_before = equal;
  }
  return distance;
}

Nearest FindNearest(std::string_view name, std::span<const std::string_view> names) {
  CHECK(!names.empty());
  Nearest nearest{.place = 0, .distance = EditDistance(name, names.front())};
  for (std::size_t i = 1; i < names.size(); ++i) {
    const std::size_t distance = EditDistance(name, names[i]);
    if (distance < nearest.distance) nearest = {.place = i, .distance = distance};
  }
  return nearest;
}

}  // namespace relay
