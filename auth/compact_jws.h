#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace auth {

// Whether the text is what RFC 7515 section 2 calls BASE64URL: neither padding nor line breaks, and
// of a length that some octets have. cjose takes it for granted and aborts otherwise.
bool IsBase64Url(std::string_view text);
// nullopt: it is not that.
std::optional<std::vector<std::uint8_t>> DecodeBase64Url(std::string_view text);

// The parts of a JWS in compact form (RFC 7515 section 3.1), encoded: views of its text.
struct CompactJws {
  std::string_view header;
  std::string_view payload;
  std::string_view signature;
};

// nullopt: not three parts, or one that is no BASE64URL.
std::optional<CompactJws> SplitCompactJws(std::string_view text);

}  // namespace auth
