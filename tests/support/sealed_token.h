#pragma once

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <vector>

#include "protocol/base/aead.h"

namespace test_support {

// An access token (RFC 7635 section 6.2) as an authorization server makes it, or as none should:
// each field says what a test wants.
struct SealedToken {
  std::vector<std::uint8_t> mac_key = std::vector<std::uint8_t>(20, 0x4d);
  std::uint64_t timestamp = std::uint64_t{1'795'000'000} << 16;
  std::uint32_t lifetime_seconds = 3600;
  base::AesGcmNonce nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};

  std::vector<std::uint8_t> Seal(base::Bytes key, std::string_view server_name) const {
    std::vector<std::uint8_t> block;
    Append(block, mac_key.size(), 2);
    block.insert(block.end(), mac_key.begin(), mac_key.end());
    Append(block, timestamp, 8);
    Append(block, lifetime_seconds, 4);
    return SealBlock(block, key, server_name);
  }

  // Any octets in the place of the encrypted block.
  std::vector<std::uint8_t> SealBlock(base::Bytes block, base::Bytes key,
                                      std::string_view server_name) const {
    std::vector<std::uint8_t> token;
    Append(token, nonce.size(), 2);
    token.insert(token.end(), nonce.begin(), nonce.end());
    std::vector<std::uint8_t> sealed(block.size() + base::kAesGcmTagBytes);
    base::SealAesGcm(key, nonce, base::AsBytes(server_name), block, sealed);
    token.insert(token.end(), sealed.begin(), sealed.end());
    return token;
  }

 private:
  static void Append(std::vector<std::uint8_t>& out, std::uint64_t number, int octets) {
    for (int shift = 8 * (octets - 1); shift >= 0; shift -= 8)
      out.push_back(static_cast<std::uint8_t>(number >> shift));
  }
};

}  // namespace test_support
