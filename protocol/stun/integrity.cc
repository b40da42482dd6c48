#include "protocol/stun/integrity.h"

#include <array>
#include <cstddef>
#include <optional>

#include "protocol/base/check.h"

namespace stun {
namespace {

constexpr std::size_t kAttributeHeaderBytes = 4;

// The first four octets of the message with the length that it has once the integrity attribute is
// counted.
std::array<std::uint8_t, 4> AdjustedStart(base::Bytes message_so_far, std::size_t digest_bytes) {
  CHECK(message_so_far.size() >= kHeaderBytes);
  const std::size_t length =
      message_so_far.size() - kHeaderBytes + kAttributeHeaderBytes + digest_bytes;
  return {message_so_far[0], message_so_far[1], static_cast<std::uint8_t>(length >> 8),
          static_cast<std::uint8_t>(length)};
}

}  // namespace

base::Md5Digest LongTermKeyMd5(std::string_view username, std::string_view realm,
                               std::string_view password) {
  const base::Bytes colon = base::AsBytes(":");
  return base::Md5(
      {base::AsBytes(username), colon, base::AsBytes(realm), colon, base::AsBytes(password)});
}

base::Sha256Digest LongTermKeySha256(std::string_view username, std::string_view realm,
                                     std::string_view password) {
  const base::Bytes colon = base::AsBytes(":");
  return base::Sha256(
      {base::AsBytes(username), colon, base::AsBytes(realm), colon, base::AsBytes(password)});
}

base::Sha256Digest Userhash(std::string_view username, std::string_view realm) {
  return base::Sha256({base::AsBytes(username), base::AsBytes(":"), base::AsBytes(realm)});
}

bool VerifyMessageIntegrity(const MessageView& message, base::Bytes key) {
  const std::optional<Attribute> attribute = message.Find(AttributeType::kMessageIntegrity);
  if (!attribute || attribute->value.size() != sizeof(base::Sha1Digest)) return false;
  return base::ConstantTimeEqual(attribute->value,
                                 ComputeIntegrity(message.octets().first(attribute->offset), key));
}

bool VerifyMessageIntegritySha256(const MessageView& message, base::Bytes key) {
  const std::optional<Attribute> attribute = message.Find(AttributeType::kMessageIntegritySha256);
  if (!attribute || attribute->value.size() != sizeof(base::Sha256Digest)) return false;
  return base::ConstantTimeEqual(
      attribute->value, ComputeIntegritySha256(message.octets().first(attribute->offset), key));
}

base::Sha1Digest ComputeIntegrity(base::Bytes message_so_far, base::Bytes key) {
  const std::array<std::uint8_t, 4> start = AdjustedStart(message_so_far, sizeof(base::Sha1Digest));
  return base::HmacSha1(key, {start, message_so_far.subspan(start.size())});
}

base::Sha256Digest ComputeIntegritySha256(base::Bytes message_so_far, base::Bytes key) {
  const std::array<std::uint8_t, 4> start =
      AdjustedStart(message_so_far, sizeof(base::Sha256Digest));
  return base::HmacSha256(key, {start, message_so_far.subspan(start.size())});
}

}  // namespace stun
