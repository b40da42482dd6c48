#include "server/log/log_text.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <optional>

namespace relay {
namespace {

constexpr std::string_view kCut = "...";

struct Character {
  std::optional<std::uint32_t> code_point;  // nullopt: one octet that is not UTF-8
  std::size_t octets;
};

// The character at the front of `text`, which is not empty (RFC 3629: shortest form, no surrogates,
// at most 10FFFF).
Character NextCharacter(std::string_view text) {
  const auto octet = [&](std::size_t i) { return static_cast<std::uint8_t>(text[i]); };
  const std::uint8_t lead = octet(0);
  if (lead < 0x80) return {lead, 1};

  std::size_t length = 0;
  std::uint32_t smallest = 0;
  if (lead >= 0xc2 && lead <= 0xdf) {
    length = 2;
    smallest = 0x80;
  } else if (lead >= 0xe0 && lead <= 0xef) {
    length = 3;
    smallest = 0x800;
  } else if (lead >= 0xf0 && lead <= 0xf4) {
    length = 4;
    smallest = 0x10000;
  }
  if (length == 0 || text.size() < length) return {std::nullopt, 1};

  std::uint32_t code_point = lead & (0xffU >> (length + 1));
  for (std::size_t i = 1; i < length; ++i) {
    if ((octet(i) & 0xc0) != 0x80) return {std::nullopt, 1};
    code_point = (code_point << 6) | (octet(i) & 0x3fU);
  }
  const bool is_surrogate = code_point >= 0xd800 && code_point <= 0xdfff;
  if (code_point < smallest || code_point > 0x10ffff || is_surrogate) return {std::nullopt, 1};
  return {code_point, length};
}

// Characters that move the cursor, end a line or reorder what is shown.
bool IsHidden(std::uint32_t code_point) {
  return code_point < 0x20 || (code_point >= 0x7f && code_point <= 0x9f) || code_point == 0x061c ||
         (code_point >= 0x200b && code_point <= 0x200f) ||
         (code_point >= 0x2028 && code_point <= 0x202e) ||
         (code_point >= 0x2060 && code_point <= 0x206f) || code_point == 0xfeff ||
         code_point == 0xfffe || code_point == 0xffff;
}

// Lower-case hexadecimal, with leading zeros up to `digits`.
void AppendHex(std::string& out, std::uint32_t value, std::size_t digits) {
  char buffer[8];
  const auto end = std::to_chars(buffer, buffer + sizeof(buffer), value, 16);
  const std::string_view text(buffer, static_cast<std::size_t>(end.ptr - buffer));
  if (text.size() < digits) out.append(digits - text.size(), '0');
  out += text;
}

bool IsPlainWord(std::string_view value) {
  return !value.empty() && std::all_of(value.begin(), value.end(), [](char c) {
    return c > 0x20 && c < 0x7f && c != '"' && c != '\\' && c != '=';
  });
}

}  // namespace

void AppendLogText(std::string& out, std::string_view value, std::size_t max_bytes) {
  const bool is_cut = value.size() > max_bytes;
  if (!is_cut && IsPlainWord(value)) {
    out += value;
    return;
  }
  std::string_view rest = value.substr(0, max_bytes);
  out += '"';
  while (!rest.empty()) {
    const Character character = NextCharacter(rest);
    if (!character.code_point) {
      out += "\\x";
      AppendHex(out, static_cast<std::uint8_t>(rest[0]), 2);
    } else if (*character.code_point == '"' || *character.code_point == '\\') {
      out += '\\';
      out += rest[0];
    } else if (IsHidden(*character.code_point)) {
      out += "\\u{";
      AppendHex(out, *character.code_point, 1);
      out += "}";
    } else {
      out += rest.substr(0, character.octets);
    }
    rest.remove_prefix(character.octets);
  }
  if (is_cut) out += kCut;
  out += '"';
}

void AppendJsonString(std::string& out, std::string_view value, std::size_t max_bytes) {
  std::string_view rest = value.substr(0, max_bytes);
  out += '"';
  while (!rest.empty()) {
    const Character character = NextCharacter(rest);
    if (!character.code_point) {
      out += "\\ufffd";
    } else if (*character.code_point == '"' || *character.code_point == '\\') {
      out += '\\';
      out += rest[0];
    } else if (IsHidden(*character.code_point)) {
      out += "\\u";
      AppendHex(out, *character.code_point, 4);  // hidden characters are all below U+10000
    } else {
      out += rest.substr(0, character.octets);
    }
    rest.remove_prefix(character.octets);
  }
  if (value.size() > max_bytes) out += kCut;
  out += '"';
}

std::string TimeText(base::WallTime time) {
  const std::time_t since_epoch =
      std::chrono::system_clock::to_time_t(std::chrono::floor<std::chrono::seconds>(time));
  std::tm calendar{};
  gmtime_r(&since_epoch, &calendar);
  char buffer[40];
  return {buffer, std::strftime(buffer, sizeof(buffer), "%Y-%m-%dT%H:%M:%SZ", &calendar)};
}

}  // namespace relay
