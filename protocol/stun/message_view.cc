#include "protocol/stun/message_view.h"

#include <algorithm>

namespace stun {
namespace {

constexpr std::size_t kAttributeHeaderBytes = 4;

std::uint16_t LoadU16(base::Bytes octets, std::size_t position) {
  return static_cast<std::uint16_t>((octets[position] << 8) | octets[position + 1]);
}

std::uint32_t LoadU32(base::Bytes octets, std::size_t position) {
  return (std::uint32_t{LoadU16(octets, position)} << 16) | LoadU16(octets, position + 2);
}

constexpr std::size_t RoundUpTo4(std::size_t bytes) { return (bytes + 3) & ~std::size_t{3}; }

// Whether the attributes fill the body exactly. Sums are of std::size_t, so a length near 0xffff
// does not wrap.
bool AttributesTile(base::Bytes octets) {
  std::size_t position = kHeaderBytes;
  while (position < octets.size()) {
    if (octets.size() - position < kAttributeHeaderBytes) return false;
    const std::size_t whole = kAttributeHeaderBytes + RoundUpTo4(LoadU16(octets, position + 2));
    if (octets.size() - position < whole) return false;
    position += whole;
  }
  return true;
}

// What both kinds of message have in common, in the order in which a reader meets it; nullopt:
// nothing is wrong.
std::optional<ParseError> CheckHeader(base::Bytes octets, bool is_classic) {
  if (octets.size() < kHeaderBytes) return ParseError::kTooShort;
  if ((octets[0] & 0xc0) != 0) return ParseError::kNotStun;
  const bool has_cookie = LoadU32(octets, 4) == kMagicCookie;
  if (is_classic) {
    const MessageType type = DecodeMessageType(LoadU16(octets, 0));
    const bool is_binding_request = type == MessageType{Method::kBinding, MessageClass::kRequest};
    if (has_cookie || !is_binding_request) return ParseError::kBadCookie;
  } else if (!has_cookie) {
    return ParseError::kBadCookie;
  }
  const std::size_t body_bytes = LoadU16(octets, 2);
  if (body_bytes % 4 != 0 || body_bytes != octets.size() - kHeaderBytes)
    return ParseError::kBadLength;
  return std::nullopt;
}

std::optional<ParseError> CheckMessage(base::Bytes octets, bool is_classic) {
  if (const std::optional<ParseError> error = CheckHeader(octets, is_classic)) return error;
  if (!AttributesTile(octets)) return ParseError::kBadAttributes;
  return std::nullopt;
}

}  // namespace

std::optional<MessageView> MessageView::Parse(base::Bytes octets, ParseError* error) {
  if (const std::optional<ParseError> found = CheckMessage(octets, false)) {
    if (error != nullptr) *error = *found;
    return std::nullopt;
  }
  return MessageView(octets);
}

std::optional<MessageView> MessageView::ParseClassic(base::Bytes octets, ParseError* error) {
  if (const std::optional<ParseError> found = CheckMessage(octets, true)) {
    if (error != nullptr) *error = *found;
    return std::nullopt;
  }
  return MessageView(octets);
}

TransactionId MessageView::transaction_id() const {
  TransactionId id;
  const base::Bytes source = octets_.subspan(8, id.size());
  std::copy(source.begin(), source.end(), id.begin());
  return id;
}

bool MessageView::is_classic() const { return LoadU32(octets_, 4) != kMagicCookie; }

std::optional<Attribute> MessageView::Find(AttributeType type) const {
  Cursor cursor(octets_);
  while (std::optional<Attribute> attribute = cursor.Next()) {
    if (attribute->type == type) return attribute;
  }
  return std::nullopt;
}

std::optional<Attribute> MessageView::Cursor::Next() {
  while (position_ < octets_.size()) {
    const auto type = static_cast<AttributeType>(LoadU16(octets_, position_));
    const std::size_t value_bytes = LoadU16(octets_, position_ + 2);
    const std::size_t offset = position_;
    position_ += kAttributeHeaderBytes + RoundUpTo4(value_bytes);

    const bool is_sha256 = type == AttributeType::kMessageIntegritySha256;
    const bool is_covered = !after_integrity_ && !after_integrity_sha256_;
    const bool is_visible = is_covered || type == AttributeType::kFingerprint ||
                            (is_sha256 && !after_integrity_sha256_);
    if (!is_visible) continue;
    if (type == AttributeType::kMessageIntegrity) after_integrity_ = true;
    if (is_sha256) after_integrity_sha256_ = true;
    return Attribute{type, octets_.subspan(offset + kAttributeHeaderBytes, value_bytes), offset};
  }
  return std::nullopt;
}

}  // namespace stun
