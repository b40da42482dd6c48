#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/base/crypto.h"

namespace test {

// Octets written as hexadecimal digits; blanks and line ends are for the reader. Anything else
// aborts the test.
inline std::vector<std::uint8_t> FromHex(std::string_view text) {
  std::string digits;
  for (const char character : text) {
    if (character != ' ' && character != '\n') digits.push_back(character);
  }
  std::optional<std::vector<std::uint8_t>> octets = base::HexDecode(digits);
  CHECK(octets.has_value());
  return *std::move(octets);
}

}  // namespace test
