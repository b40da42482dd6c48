#pragma once

#include <array>
#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"

// The digests and codes that the protocol needs; with aead.h the only door to libcrypto below
// `auth`. Functions are thread-safe; algorithm handles are fetched once per process and contexts
// once per thread. A failure of libcrypto here is a broken installation and aborts.
namespace base {

using Md5Digest = std::array<std::uint8_t, 16>;
using Sha1Digest = std::array<std::uint8_t, 20>;
using Sha256Digest = std::array<std::uint8_t, 32>;

// The pieces are taken one after another, as if they stood side by side.
Md5Digest Md5(std::initializer_list<Bytes> pieces);
Sha256Digest Sha256(std::initializer_list<Bytes> pieces);
Sha1Digest HmacSha1(Bytes key, std::initializer_list<Bytes> pieces);
Sha256Digest HmacSha256(Bytes key, std::initializer_list<Bytes> pieces);

// Equal in length and content; the time taken does not depend on the content.
bool ConstantTimeEqual(Bytes left, Bytes right);

// Overwrites in a way that the compiler keeps.
void WipeMemory(MutableBytes bytes);

std::string HexEncode(Bytes bytes);                                         // lower case
std::optional<std::vector<std::uint8_t>> HexDecode(std::string_view text);  // either case
std::string Base64Encode(Bytes bytes);     // RFC 4648 section 4, padded
std::string Base64UrlEncode(Bytes bytes);  // RFC 4648 section 5, without padding
std::optional<std::vector<std::uint8_t>> Base64Decode(
    std::string_view text);  // section 4, padded, strict

}  // namespace base
