#pragma once

#include <cstdint>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/crypto.h"
#include "protocol/stun/message_view.h"

// Message integrity and the long-term credential's keys (RFC 8489 sections 9.2, 14.5, 14.6, 18.5).
namespace stun {

// MD5(username ":" realm ":" password). Arguments are taken as they are: OpaqueString preparation
// is the caller's.
base::Md5Digest LongTermKeyMd5(std::string_view username, std::string_view realm,
                               std::string_view password);
// SHA-256 of the same (section 18.5.1.2).
base::Sha256Digest LongTermKeySha256(std::string_view username, std::string_view realm,
                                     std::string_view password);
// USERHASH: SHA-256(username ":" realm) (section 14.4).
base::Sha256Digest Userhash(std::string_view username, std::string_view realm);

// Whether the visible MESSAGE-INTEGRITY is exactly 20 octets and right for `key`. False when
// absent. Constant time.
bool VerifyMessageIntegrity(const MessageView& message, base::Bytes key);
// The same for MESSAGE-INTEGRITY-SHA256; only the full 32 octets are accepted, since TURN defines
// no truncation.
bool VerifyMessageIntegritySha256(const MessageView& message, base::Bytes key);

// The value for a message that ends right before the attribute; the header's length is taken as if
// the attribute were already counted, whatever stands there.
base::Sha1Digest ComputeIntegrity(base::Bytes message_so_far, base::Bytes key);
base::Sha256Digest ComputeIntegritySha256(base::Bytes message_so_far, base::Bytes key);

}  // namespace stun
