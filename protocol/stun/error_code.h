#pragma once

#include <cstdint>
#include <string_view>

namespace stun {

// Error codes of RFC 8489, 8656, 6062, 8016. The value is class * 100 + number.
enum class ErrorCode : std::uint16_t {
  kTryAlternate = 300,
  kBadRequest = 400,
  kUnauthenticated = 401,
  kForbidden = 403,
  kMobilityForbidden = 405,
  kUnknownAttribute = 420,
  kAllocationMismatch = 437,
  kStaleNonce = 438,
  kAddressFamilyNotSupported = 440,
  kWrongCredentials = 441,
  kUnsupportedTransportProtocol = 442,
  kPeerAddressFamilyMismatch = 443,
  kConnectionAlreadyExists = 446,
  kConnectionTimeoutOrFailure = 447,
  kAllocationQuotaReached = 486,
  kServerError = 500,
  kInsufficientCapacity = 508,
};

// The registry's words, ASCII, under 128 characters.
std::string_view ReasonPhrase(ErrorCode code);

}  // namespace stun
