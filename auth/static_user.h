#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/crypto.h"
#include "protocol/base/result.h"

namespace auth {

// A user with a fixed name. Only the long-term keys are held, never the password (RFC 8656
// section 6). They depend on the realm, so another realm needs other users.
struct StaticUser {
  std::string username;  // prepared: see opaque_string.h
  std::optional<base::Md5Digest> md5_key;
  std::optional<base::Sha256Digest> sha256_key;

  // Prepares name and password (OpaqueString) and derives both keys. Fails when either of them
  // cannot be prepared, or when the name is empty or longer than a USERNAME may be (508 octets are
  // sent).
  static base::Result<StaticUser> FromPassword(std::string_view username, std::string_view realm,
                                               std::string_view password);

  // From keys that were derived elsewhere, in hexadecimal: 32 digits are the MD5 key, 64 the
  // SHA-256 key. A user with only one of them can only be authenticated with that algorithm.
  static base::Result<StaticUser> FromKey(std::string_view username, std::string_view key_hex);

  friend bool operator==(const StaticUser&, const StaticUser&) = default;
};

}  // namespace auth
