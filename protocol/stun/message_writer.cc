#include "protocol/stun/message_writer.h"

#include <algorithm>
#include <array>

#include "protocol/base/check.h"
#include "protocol/stun/fingerprint.h"
#include "protocol/stun/integrity.h"

namespace stun {
namespace {

// The length field counts the body in 16 bits and the body is a multiple of four.
constexpr std::size_t kMaxMessageBytes = kHeaderBytes + 0xfffc;
constexpr std::size_t kLengthPosition = 2;
constexpr std::size_t kCookiePosition = 4;

// Fewer than 128 characters of UTF-8 (RFC 8489 section 14.8).
constexpr std::size_t kMaxReasonBytes = 509;

constexpr std::size_t PaddingBytes(std::size_t value_bytes) { return (4 - value_bytes % 4) % 4; }

base::MutableBytes LimitToOneMessage(base::MutableBytes buffer) {
  return buffer.first(std::min(buffer.size(), kMaxMessageBytes));
}

// The address as its family writes it: 4 or 16 octets.
base::Bytes AddressOctets(const base::IpAddress& address) {
  const base::Bytes octets = address.octets();
  return address.is_v4() ? octets.last(4) : octets;
}

}  // namespace

MessageWriter::MessageWriter(base::MutableBytes buffer, MessageType type,
                             const TransactionId& transaction_id)
    : writer_(LimitToOneMessage(buffer)) {
  writer_.WriteU16(EncodeMessageType(type));
  writer_.WriteU16(0);
  writer_.WriteU32(kMagicCookie);
  writer_.WriteBytes(transaction_id);
}

MessageWriter::MessageWriter(base::MutableBytes buffer, MessageType type,
                             base::Bytes cookie_and_transaction_id)
    : writer_(LimitToOneMessage(buffer)) {
  CHECK(cookie_and_transaction_id.size() == 16);
  writer_.WriteU16(EncodeMessageType(type));
  writer_.WriteU16(0);
  writer_.WriteBytes(cookie_and_transaction_id);
}

void MessageWriter::AddEmpty(AttributeType type) { AddBytes(type, {}); }

void MessageWriter::AddU8(AttributeType type, std::uint8_t value) {
  BeginAttribute(type, 1);
  writer_.WriteU8(value);
  EndAttribute(1);
}

void MessageWriter::AddU32(AttributeType type, std::uint32_t value) {
  BeginAttribute(type, 4);
  writer_.WriteU32(value);
  EndAttribute(4);
}

void MessageWriter::AddBytes(AttributeType type, base::Bytes value) {
  BeginAttribute(type, value.size());
  writer_.WriteBytes(value);
  EndAttribute(value.size());
}

void MessageWriter::AddAddress(AttributeType type, const base::Endpoint& endpoint) {
  const base::Bytes address = AddressOctets(endpoint.address);
  BeginAttribute(type, 4 + address.size());
  writer_.WriteU8(0);
  writer_.WriteU8(static_cast<std::uint8_t>(endpoint.address.family()));
  writer_.WriteU16(endpoint.port);
  writer_.WriteBytes(address);
  EndAttribute(4 + address.size());
}

void MessageWriter::AddXorAddress(AttributeType type, const base::Endpoint& endpoint) {
  if (!ok()) return;
  const base::Bytes mask = writer_.written().subspan(kCookiePosition, 16);
  const base::Bytes address = AddressOctets(endpoint.address);
  const auto port_mask = static_cast<std::uint16_t>((mask[0] << 8) | mask[1]);
  BeginAttribute(type, 4 + address.size());
  writer_.WriteU8(0);
  writer_.WriteU8(static_cast<std::uint8_t>(endpoint.address.family()));
  writer_.WriteU16(endpoint.port ^ port_mask);
  for (std::size_t i = 0; i < address.size(); ++i) writer_.WriteU8(address[i] ^ mask[i]);
  EndAttribute(4 + address.size());
}

void MessageWriter::AddErrorCode(ErrorCode code, std::string_view reason) {
  CHECK(reason.size() <= kMaxReasonBytes);
  const auto number = static_cast<std::uint16_t>(code);
  BeginAttribute(AttributeType::kErrorCode, 4 + reason.size());
  writer_.WriteU16(0);
  writer_.WriteU8(static_cast<std::uint8_t>(number / 100));
  writer_.WriteU8(static_cast<std::uint8_t>(number % 100));
  writer_.WriteBytes(base::AsBytes(reason));
  EndAttribute(4 + reason.size());
}

void MessageWriter::AddMessageIntegrity(base::Bytes key) {
  if (!ok()) return;
  AddBytes(AttributeType::kMessageIntegrity, ComputeIntegrity(message(), key));
}

void MessageWriter::AddMessageIntegritySha256(base::Bytes key) {
  if (!ok()) return;
  AddBytes(AttributeType::kMessageIntegritySha256, ComputeIntegritySha256(message(), key));
}

void MessageWriter::AddFingerprint() {
  if (!ok()) return;
  AddU32(AttributeType::kFingerprint, ComputeFingerprint(message()));
}

void MessageWriter::BeginAttribute(AttributeType type, std::size_t value_bytes) {
  writer_.WriteU16(static_cast<std::uint16_t>(type));
  // A value that does not fit 16 bits does not fit the buffer either and is refused when it is
  // written.
  writer_.WriteU16(static_cast<std::uint16_t>(value_bytes));
}

void MessageWriter::EndAttribute(std::size_t value_bytes) {
  writer_.WriteZeros(PaddingBytes(value_bytes));
  if (ok()) SetLength(writer_.size() - kHeaderBytes);
}

void MessageWriter::SetLength(std::size_t body_bytes) {
  writer_.PatchU16(kLengthPosition, static_cast<std::uint16_t>(body_bytes));
}

}  // namespace stun
