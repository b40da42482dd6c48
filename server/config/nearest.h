#pragma once

#include <cstddef>
#include <string_view>

namespace relay {

// Insertions, deletions, replacements and swaps of neighbours that turn one text into the other; of
// long ones, the beginning of one into that of the other.
std::size_t EditDistance(std::string_view left, std::string_view right);

}  // namespace relay
