#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace relay {

// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other; of
// long ones, the beginning of one into that of the other.
std::size_t EditDistance(std::string_view left, std::string_view right);

struct Nearest {
  std::size_t place = 0;  // among those that were given
  std::size_t distance = 0;
};

// Which of `names`, of which there is one at least, differs least: the first of those that do so
// equally.
Nearest FindNearest(std::string_view name, std::span<const std::string_view> names);

}  // namespace relay
