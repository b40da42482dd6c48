#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/crypto.h"
#include "protocol/base/ip_address.h"

namespace fuzz {

// A STUN message read a second time, apart from protocol/stun and as plainly as possible: what
// stands before MESSAGE-INTEGRITY, which is all that counts of an authenticated one.
struct PlainMessage {
  std::uint16_t type = 0;
  std::vector<std::uint8_t> transaction_id;  // 12 octets
  // The values of each attribute, in their order.
  std::map<std::uint16_t, std::vector<std::vector<std::uint8_t>>> attributes;
  std::size_t integrity_at = 0;  // 0: there is none

  // The first one's value; nullptr: there is none.
  const std::vector<std::uint8_t>* Find(std::uint16_t attribute) const {
    const auto found = attributes.find(attribute);
    return found == attributes.end() ? nullptr : &found->second.front();
  }
  std::string Text(std::uint16_t attribute) const {
    const auto* value = Find(attribute);
    return value == nullptr ? std::string() : std::string(value->begin(), value->end());
  }
  std::optional<std::uint32_t> U32(std::uint16_t attribute) const {
    const auto* value = Find(attribute);
    if (value == nullptr || value->size() != 4) return std::nullopt;
    return std::uint32_t{(*value)[0]} << 24 | std::uint32_t{(*value)[1]} << 16 |
           std::uint32_t{(*value)[2]} << 8 | (*value)[3];
  }
};

inline constexpr std::uint16_t kPlainUsername = 0x0006;
inline constexpr std::uint16_t kPlainIntegrity = 0x0008;
inline constexpr std::uint16_t kPlainChannelNumber = 0x000c;
inline constexpr std::uint16_t kPlainLifetime = 0x000d;
inline constexpr std::uint16_t kPlainXorPeerAddress = 0x0012;
inline constexpr std::uint16_t kPlainData = 0x0013;
inline constexpr std::uint16_t kPlainNonce = 0x0015;
inline constexpr std::uint16_t kPlainXorRelayedAddress = 0x0016;
inline constexpr std::uint16_t kPlainRequestedFamily = 0x0017;
inline constexpr std::uint16_t kPlainReservationToken = 0x0022;
inline constexpr std::uint16_t kPlainIcmp = 0x8004;
inline constexpr std::uint16_t kPlainMobilityTicket = 0x8030;

// nullopt: it is none, or is cut.
inline std::optional<PlainMessage> ReadPlainMessage(base::Bytes octets) {
  if (octets.size() < 20) return std::nullopt;
  PlainMessage message;
  message.type = static_cast<std::uint16_t>(octets[0] << 8 | octets[1]);
  message.transaction_id.assign(octets.begin() + 8, octets.begin() + 20);
  std::size_t at = 20;
  while (at + 4 <= octets.size()) {
    const auto type = static_cast<std::uint16_t>(octets[at] << 8 | octets[at + 1]);
    const std::size_t length = std::size_t{octets[at + 2]} << 8 | octets[at + 3];
    if (octets.size() - at - 4 < length) return std::nullopt;
    if (type == kPlainIntegrity) {
      message.integrity_at = at;
      return message;
    }
    const auto value = octets.subspan(at + 4, length);
    message.attributes[type].emplace_back(value.begin(), value.end());
    at += 4 + (length + 3) / 4 * 4;
  }
  return message;
}

// Whether the octets carry the HMAC-SHA1 of RFC 8489 section 14.5 under this key.
inline bool HasPlainIntegrity(base::Bytes octets, const PlainMessage& message, base::Bytes key) {
  constexpr std::size_t kDigestBytes = 20;
  const std::size_t at = message.integrity_at;
  if (at == 0 || octets.size() < at + 4 + kDigestBytes) return false;
  if (octets[at + 2] != 0 || octets[at + 3] != kDigestBytes) return false;
  std::vector<std::uint8_t> covered(octets.begin(),
                                    octets.begin() + static_cast<std::ptrdiff_t>(at));
  const std::size_t length = at - 20 + 4 + kDigestBytes;
  covered[2] = static_cast<std::uint8_t>(length >> 8);
  covered[3] = static_cast<std::uint8_t>(length);
  const base::Sha1Digest digest = base::HmacSha1(key, {covered});
  return std::equal(digest.begin(), digest.end(),
                    octets.begin() + static_cast<std::ptrdiff_t>(at) + 4);
}

// An XOR-...-ADDRESS of the message, and whether it spells an IPv4 address as IPv6.
struct PlainAddress {
  base::Endpoint endpoint;
  bool is_disguised = false;
};
inline std::optional<PlainAddress> ReadPlainAddress(const PlainMessage& message,
                                                    const std::vector<std::uint8_t>& value) {
  std::vector<std::uint8_t> mask = {0x21, 0x12, 0xa4, 0x42};
  mask.insert(mask.end(), message.transaction_id.begin(), message.transaction_id.end());
  const bool is_v4 = value.size() == 8 && value[1] == 1;
  if (!is_v4 && (value.size() != 20 || value[1] != 2)) return std::nullopt;
  PlainAddress address;
  address.endpoint.port =
      static_cast<std::uint16_t>((value[2] ^ mask[0]) << 8 | (value[3] ^ mask[1]));
  std::array<std::uint8_t, 16> octets{};
  for (std::size_t i = 4; i < value.size(); ++i)
    octets[i - 4] = static_cast<std::uint8_t>(value[i] ^ mask[i - 4]);
  address.endpoint.address =
      is_v4 ? base::IpAddress::FromV4({octets[0], octets[1], octets[2], octets[3]})
            : base::IpAddress::FromV6(octets);
  address.is_disguised = !is_v4 && address.endpoint.address.is_v4();
  return address;
}

}  // namespace fuzz
