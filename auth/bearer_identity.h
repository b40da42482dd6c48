#pragma once

#include <cstdint>
#include <string>

#include "protocol/base/time.h"

namespace auth {

// Who a bearer token says its holder is, once everything about the token has been checked.
struct BearerIdentity {
  std::string issuer;
  std::string subject;  // as in the token: never goes into a user name, a log or a metric
  std::string tenant;   // the issuer's label or the claim that the issuer is configured with
  bool may_mint = false;
  bool may_administer = false;
  base::WallTime expires_at;
};

// Why a bearer token is not taken. Each but the last is answered with 401.
enum class BearerError : std::uint8_t {
  kMalformed,        // not a JWS in compact form of at most 8 KiB with the claims it needs
  kAlgorithm,        // not among those of its issuer, or not for the type of the key
  kHeader,           // has a header that names or carries a key, or an unknown critical one
  kIssuer,           // of nobody who is configured
  kUnknownKey,       // the issuer has no key of that kid
  kSignature,        // does not fit
  kAudience,         // for somebody else
  kExpired,          // exp has passed, beyond the skew
  kNotYetValid,      // nbf or iat are in the future, beyond the skew
  kKeysUnavailable,  // the issuer's keys cannot be had: 503
};
inline constexpr std::size_t kBearerErrors = 10;

}  // namespace auth
