#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/check.h"
#include "tests/support/hex.h"

// Messages written by hand, octet by octet, so that the parser is not tested with our own writer.
namespace test {

inline constexpr std::string_view kCookieHex = "2112a442";
inline constexpr std::string_view kTransactionIdHex = "00112233445566778899aabb";

// A message of the given 16-bit type with the cookie, a fixed transaction ID and `body`; the length
// is that of `body`.
inline std::vector<std::uint8_t> Message(std::string_view type_hex, std::string_view body_hex) {
  const std::vector<std::uint8_t> body = FromHex(body_hex);
  CHECK(body.size() <= 0xffff);
  std::vector<std::uint8_t> message = FromHex(type_hex);
  message.push_back(static_cast<std::uint8_t>(body.size() >> 8));
  message.push_back(static_cast<std::uint8_t>(body.size()));
  for (const std::string_view part : {kCookieHex, kTransactionIdHex}) {
    const std::vector<std::uint8_t> octets = FromHex(part);
    message.insert(message.end(), octets.begin(), octets.end());
  }
  message.insert(message.end(), body.begin(), body.end());
  return message;
}

inline std::vector<std::uint8_t> BindingRequest(std::string_view body_hex) {
  return Message("0001", body_hex);
}

}  // namespace test
