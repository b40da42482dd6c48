#pragma once

#include <cstdint>

#include "protocol/base/bytes.h"
#include "protocol/stun/message_view.h"

// FINGERPRINT (RFC 8489 section 14.7): CRC-32 of ITU V.42 over the message before it, xor
// 0x5354554e.
namespace stun {

enum class FingerprintCheck : std::uint8_t { kAbsent, kGood, kBad };

// kBad when the value is wrong, not 4 octets, or the attribute is not the last one of the message.
FingerprintCheck CheckFingerprint(const MessageView& message);

// The value for a message that ends right before the attribute; the header's length is taken as if
// the attribute were already counted.
std::uint32_t ComputeFingerprint(base::Bytes message_so_far);

}  // namespace stun
