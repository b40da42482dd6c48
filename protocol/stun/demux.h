#pragma once

#include <cstdint>

#include "protocol/base/bytes.h"

namespace stun {

// What a packet is, by its first octet (RFC 7983 section 7, RFC 8656 section 12).
enum class PacketKind : std::uint8_t { kStun, kDtls, kChannelData, kOther };

// `last_channel_first_octet` is 0x4f for RFC 8656 channels and 0x7f where the RFC 5766 range is
// switched on.
constexpr PacketKind Classify(base::Bytes packet, std::uint8_t last_channel_first_octet = 0x4f) {
  if (packet.empty()) return PacketKind::kOther;
  const std::uint8_t first = packet[0];
  if (first <= 3) return PacketKind::kStun;
  if (first >= 20 && first <= 63) return PacketKind::kDtls;
  if (first >= 0x40 && first <= last_channel_first_octet) return PacketKind::kChannelData;
  return PacketKind::kOther;
}

}  // namespace stun
