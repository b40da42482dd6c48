#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace relay {

// The modules of a QR code (ISO/IEC 18004) without its quiet zone: a square of rows from the top,
// '1' for dark and '0' for light. nullopt: the text is longer than kMaxQrTextBytes, or empty.
std::optional<std::vector<std::string>> EncodeQr(std::string_view text);

inline constexpr std::size_t kMaxQrTextBytes = 400;

}  // namespace relay
