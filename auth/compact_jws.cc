#include "auth/compact_jws.h"

#include <algorithm>
#include <string>

#include "protocol/base/crypto.h"

namespace auth {

bool IsBase64Url(std::string_view text) {
  return !text.empty() && text.size() % 4 != 1 && std::ranges::all_of(text, [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '_';
  });
}

std::optional<std::vector<std::uint8_t>> DecodeBase64Url(std::string_view text) {
  if (!IsBase64Url(text)) return std::nullopt;
  std::string padded(text);
  std::ranges::replace(padded, '-', '+');
  std::ranges::replace(padded, '_', '/');
  padded.resize((padded.size() + 3) / 4 * 4, '=');
  return base::Base64Decode(padded);
}

std::optional<CompactJws> SplitCompactJws(std::string_view text) {
  const std::size_t first = text.find('.');
  const std::size_t second = first == text.npos ? text.npos : text.find('.', first + 1);
  if (second == text.npos) return std::nullopt;
  const CompactJws parts{text.substr(0, first), text.substr(first + 1, second - first - 1),
                         text.substr(second + 1)};
  if (!IsBase64Url(parts.header) || !IsBase64Url(parts.payload) || !IsBase64Url(parts.signature))
    return std::nullopt;
  return parts;
}

}  // namespace auth
