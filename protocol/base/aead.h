#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "protocol/base/bytes.h"

// Authenticated encryption with associated data (RFC 5116): AEAD_AES_128_GCM under a key of 16
// octets, AEAD_AES_256_GCM under one of 32; a key of another length aborts. Functions are
// thread-safe; a failure of libcrypto here is a broken installation and aborts.
namespace base {

inline constexpr std::size_t kAesGcmNonceBytes = 12;
inline constexpr std::size_t kAesGcmTagBytes = 16;

// Must never come twice under one key.
using AesGcmNonce = std::array<std::uint8_t, kAesGcmNonceBytes>;

// Writes the ciphertext and the tag behind it. `sealed` is as long as `plaintext` and a tag
// together; the two may begin at the same place but not overlap otherwise.
void SealAesGcm(Bytes key, const AesGcmNonce& nonce, Bytes associated_data, Bytes plaintext,
                MutableBytes sealed);

// The reverse. False: `sealed` is shorter than a tag, or key, nonce, associated data and ciphertext
// are not the ones that were sealed; `plaintext` is zeros then. `plaintext` is as long as `sealed`
// without a tag; the two may begin at the same place. `sealed` is any octets from the network.
[[nodiscard]] bool OpenAesGcm(Bytes key, const AesGcmNonce& nonce, Bytes associated_data,
                              Bytes sealed, MutableBytes plaintext);

}  // namespace base
