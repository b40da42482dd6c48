#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "protocol/base/byte_writer.h"
#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/stun/attribute_type.h"
#include "protocol/stun/error_code.h"
#include "protocol/stun/message_type.h"
#include "protocol/stun/message_view.h"

namespace stun {

// Builds one STUN message in a buffer that the caller owns. Attributes are appended in call order,
// padded with zeros (RFC 8489 section 14), and the header's length is kept current. If the buffer
// is too small, ok() turns false for good. Integrity and fingerprint come last, in this order:
// AddMessageIntegrity or AddMessageIntegritySha256, then AddFingerprint.
class MessageWriter {
 public:
  MessageWriter(base::MutableBytes buffer, MessageType type, const TransactionId& transaction_id);
  // With the 16 octets of a request as they stood: for responses, also to classic requests.
  MessageWriter(base::MutableBytes buffer, MessageType type, base::Bytes cookie_and_transaction_id);

  void AddEmpty(AttributeType type);
  void AddU8(AttributeType type, std::uint8_t value);
  void AddU32(AttributeType type, std::uint32_t value);
  void AddBytes(AttributeType type, base::Bytes value);
  void AddText(AttributeType type, std::string_view value) { AddBytes(type, base::AsBytes(value)); }
  // MAPPED-ADDRESS, ALTERNATE-SERVER, ...: family, port and address as they are (RFC 8489
  // section 14.1).
  void AddAddress(AttributeType type, const base::Endpoint& endpoint);
  // XOR-...-ADDRESS: combined with cookie and transaction ID (section 14.2).
  void AddXorAddress(AttributeType type, const base::Endpoint& endpoint);
  // ERROR-CODE (section 14.8). The reason may be empty; more than 509 octets are a bug of ours and
  // abort.
  void AddErrorCode(ErrorCode code, std::string_view reason);

  // MESSAGE-INTEGRITY (section 14.5): HMAC-SHA1 over what was written, 20 octets.
  void AddMessageIntegrity(base::Bytes key);
  // MESSAGE-INTEGRITY-SHA256 (section 14.6), always the full 32 octets.
  void AddMessageIntegritySha256(base::Bytes key);
  // FINGERPRINT (section 14.7).
  void AddFingerprint();

  bool ok() const { return writer_.ok(); }
  // The message so far; valid as long as the buffer is.
  base::MutableBytes message() const { return writer_.written(); }

 private:
  void BeginAttribute(AttributeType type, std::size_t value_bytes);
  void EndAttribute(std::size_t value_bytes);  // padding, and the header's length
  void SetLength(std::size_t body_bytes);

  base::ByteWriter writer_;
};

}  // namespace stun
