#include "protocol/stun/demux.h"

#include <gtest/gtest.h>

#include <array>

namespace stun::demux_test {

PacketKind Kind(int first_octet, std::uint8_t last_channel_first_octet = 0x4f) {
  const std::array<std::uint8_t, 1> packet = {static_cast<std::uint8_t>(first_octet)};
  return Classify(packet, last_channel_first_octet);
}

TEST(Demux, AnEmptyPacketIsNothingWeKnow) { EXPECT_EQ(Classify({}), PacketKind::kOther); }

TEST(Demux, MUX_01_TheFirstOctetDecides) {
  for (int first = 0; first <= 255; ++first) {
    const PacketKind expected = first <= 3                   ? PacketKind::kStun
                                : first >= 20 && first <= 63 ? PacketKind::kDtls
                                : first >= 64 && first <= 79 ? PacketKind::kChannelData
                                                             : PacketKind::kOther;
    EXPECT_EQ(Kind(first), expected) << first;
  }
}

TEST(Demux, MUX_02_MethodsAbove0x7fAreStun) {
  EXPECT_EQ(Kind(2), PacketKind::kStun);
  EXPECT_EQ(Kind(3), PacketKind::kStun);
}

TEST(Demux, MUX_04_TheOldChannelRangeIsChannelDataOnlyWhereItIsSwitchedOn) {
  for (int first = 0x50; first <= 0x7f; ++first) {
    EXPECT_EQ(Kind(first), PacketKind::kOther) << first;
    EXPECT_EQ(Kind(first, 0x7f), PacketKind::kChannelData) << first;
  }
  EXPECT_EQ(Kind(0x80, 0x7f), PacketKind::kOther);
}

TEST(Demux, CHAN_16_AFirstWordAbove0x4fffIsNoChannelData) {
  EXPECT_EQ(Kind(0x4f), PacketKind::kChannelData);
  EXPECT_EQ(Kind(0x50), PacketKind::kOther);
  EXPECT_EQ(Kind(0xff), PacketKind::kOther);
}

}  // namespace stun::demux_test
