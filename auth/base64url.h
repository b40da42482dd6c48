#pragma once

#include <algorithm>
#include <string_view>

namespace auth {

// Whether the text is what RFC 7515 section 2 calls BASE64URL: neither padding nor line breaks, and
// of a length that some octets have. cjose takes it for granted and aborts otherwise.
inline bool IsBase64Url(std::string_view text) {
  return !text.empty() && text.size() % 4 != 1 && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

}  // namespace auth
