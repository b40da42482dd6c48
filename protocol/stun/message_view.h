#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/base/bytes.h"
#include "protocol/stun/attribute_type.h"
#include "protocol/stun/message_type.h"

namespace stun {

inline constexpr std::uint32_t kMagicCookie = 0x2112a442;
inline constexpr std::size_t kHeaderBytes = 20;
// The cookie and the 96-bit transaction ID together. In a classic (RFC 3489) message all 16 octets
// are the ID.
using TransactionId = std::array<std::uint8_t, 12>;

// One attribute as it stands in a message. `value` has no padding and lives as long as the
// message's octets.
struct Attribute {
  AttributeType type;
  base::Bytes value;
  std::size_t offset;  // of the attribute's type field, counted from the start of the message
};

// Why octets are not a STUN message. All of them mean silence on the wire.
enum class ParseError : std::uint8_t {
  kTooShort,       // fewer than 20 octets
  kNotStun,        // the two top bits are not 00
  kBadLength,      // not a multiple of 4, or not what was received
  kBadCookie,      // neither the magic cookie nor, for a Binding request, taken as classic by the
                   // caller
  kBadAttributes,  // an attribute runs past the end
};

// A bounds-checked view of one whole STUN message. Parse checks the header and that the attributes
// tile the body; what they mean is for attributes.h. It holds a view: use it within the call that
// received the octets.
class MessageView {
 public:
  // `octets` must be exactly one message: a UDP datagram, or what the stream framer cut out. On
  // nullopt `*error`, if given, says why; every reason means silence (X13 of the compliance list
  // allows it for malformed attributes too).
  static std::optional<MessageView> Parse(base::Bytes octets, ParseError* error = nullptr);

  // A Binding request without the magic cookie (RFC 3489, RFC 8489 section 11). Same checks
  // otherwise.
  static std::optional<MessageView> ParseClassic(base::Bytes octets, ParseError* error = nullptr);

  MessageType type() const { return DecodeMessageType(wire_type()); }
  Method method() const { return type().method; }
  MessageClass message_class() const { return type().message_class; }
  TransactionId transaction_id() const;
  // The 16 octets after the length field: cookie and transaction ID, or a classic transaction ID.
  base::Bytes cookie_and_transaction_id() const { return octets_.subspan(4, 16); }
  bool is_classic() const;
  base::Bytes octets() const { return octets_; }

  // The first attribute of the type (RFC 8489 section 14: only the first counts). Attributes that
  // follow MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256 are invisible, but for
  // MESSAGE-INTEGRITY-SHA256 after MESSAGE-INTEGRITY and FINGERPRINT (section 9 and 14.5 to 14.7).
  std::optional<Attribute> Find(AttributeType type) const;
  bool Has(AttributeType type) const { return Find(type).has_value(); }

  // Calls `visit(const Attribute&)` for each visible attribute in order, repeated ones included.
  template <typename Visitor>
  void ForEach(Visitor&& visit) const {
    Cursor cursor(octets_);
    while (std::optional<Attribute> attribute = cursor.Next()) visit(*attribute);
  }

 private:
  // Walks the visible attributes of a message whose tiling has been checked.
  class Cursor {
   public:
    explicit Cursor(base::Bytes octets) : octets_(octets) {}
    std::optional<Attribute> Next();

   private:
    base::Bytes octets_;
    std::size_t position_ = kHeaderBytes;
    bool after_integrity_ = false;
    bool after_integrity_sha256_ = false;
  };

  explicit MessageView(base::Bytes octets) : octets_(octets) {}
  std::uint16_t wire_type() const {
    return static_cast<std::uint16_t>((octets_[0] << 8) | octets_[1]);
  }

  base::Bytes octets_;
};

}  // namespace stun
