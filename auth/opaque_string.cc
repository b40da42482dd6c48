#include "auth/opaque_string.h"

#include <cstdint>
#include <optional>

namespace auth {
namespace {

// Takes one character off `text`; nullopt if it does not begin with a well-formed one.
std::optional<char32_t> TakeCharacter(std::string_view& text) {
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t first = octet(0);
  std::size_t length = 1;
  char32_t character = first;
  char32_t smallest = 0;
  if (first >= 0x80) {
    if (first >= 0xc2 && first <= 0xdf) {
      length = 2, character = first & 0x1fU, smallest = 0x80;
    } else if (first >= 0xe0 && first <= 0xef) {
      length = 3, character = first & 0x0fU, smallest = 0x800;
    } else if (first >= 0xf0 && first <= 0xf4) {
      length = 4, character = first & 0x07U, smallest = 0x10000;
    } else {
      return std::nullopt;
    }
  }
  if (text.size() < length) return std::nullopt;
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xc0U) != 0x80) return std::nullopt;
    character = character << 6 | (octet(i) & 0x3fU);
  }
  const bool is_surrogate = character >= 0xd800 && character <= 0xdfff;
  if (character < smallest || character > 0x10ffff || is_surrogate) return std::nullopt;
  text.remove_prefix(length);
  return character;
}

// General category Zs outside ASCII.
bool IsOtherSpace(char32_t character) {
  return character == 0xa0 || character == 0x1680 || (character >= 0x2000 && character <= 0x200a) ||
         character == 0x202f || character == 0x205f || character == 0x3000;
}

bool IsControl(char32_t character) {
  return character < 0x20 || (character >= 0x7f && character <= 0x9f);
}

bool IsNoncharacter(char32_t character) {
  return (character & 0xfffe) == 0xfffe || (character >= 0xfdd0 && character <= 0xfdef);
}

}  // namespace

bool IsValidUtf8(std::string_view text) {
  while (!text.empty()) {
    if (!TakeCharacter(text)) return false;
  }
  return true;
}

base::Result<std::string> PrepareOpaqueString(std::string_view text) {
  if (text.empty()) return base::Error{"is empty"};
  std::string prepared;
  prepared.reserve(text.size());
  while (!text.empty()) {
    const std::string_view before = text;
    const auto character = TakeCharacter(text);
    if (!character) return base::Error{"is not valid UTF-8"};
    if (IsControl(*character)) return base::Error{"contains a control character"};
    if (IsNoncharacter(*character)) return base::Error{"contains a code point without a character"};
    if (IsOtherSpace(*character)) {
      prepared += ' ';
    } else {
      prepared += before.substr(0, before.size() - text.size());
    }
  }
  return prepared;
}

}  // namespace auth
