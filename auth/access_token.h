#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/turn/token_validity.h"

namespace auth {

// A key that an authorization server and this server share (RFC 7635 section 4.1): of 32 octets for
// AEAD_AES_256_GCM (A256GCM), of 16 for AEAD_AES_128_GCM (A128GCM). It is used as it is.
struct AccessTokenKey {
  std::string kid;
  std::vector<std::uint8_t> key;
};

// Whose tokens are taken, and under which name. Without keys, nobody's.
struct AccessTokenSettings {
  std::string server_name;
  std::vector<AccessTokenKey> keys;
};

// What a self-contained token says (section 6.2).
struct AccessToken {
  std::vector<std::uint8_t> mac_key;
  turn::TokenValidity validity;
};

// Keys for integrity have 160 bits or more; shorter ones than 128 bits are no protection, longer
// ones than the block of any digest in use no gain.
inline constexpr std::size_t kMinMacKeyBytes = 16;
inline constexpr std::size_t kMaxMacKeyBytes = 128;

// Opens a token that was sealed for `server_name`. nullopt: the key or the name is another, an
// octet was changed, or the token has not exactly the form of section 6.2 with a nonce of 12
// octets. Whether it is valid now is not judged. `token` is any octets from the network: no length
// in it is believed, neither before the seal is checked nor after.
std::optional<AccessToken> OpenAccessToken(base::Bytes token, base::Bytes key,
                                           std::string_view server_name);

}  // namespace auth
