#include "protocol/stun/icmp.h"

#include <gtest/gtest.h>

namespace stun::icmp_test {

using Octets = std::array<std::uint8_t, 8>;

TEST(Icmp, ICMP_06_SevenBitsOfTypeAndNineOfCodeFollowTheReservedOnes) {
  EXPECT_EQ(EncodeIcmp({3, 3, 0}), (Octets{0, 0, 0x06, 0x03, 0, 0, 0, 0}));
  EXPECT_EQ(EncodeIcmp({127, 255, 0}), (Octets{0, 0, 0xfe, 0xff, 0, 0, 0, 0}));
  EXPECT_EQ(EncodeIcmp({2, 0, 1280}), (Octets{0, 0, 0x04, 0x00, 0, 0, 5, 0}));
}

TEST(Icmp, WhatIsReservedIsIgnored) {
  EXPECT_EQ(DecodeIcmp(Octets{0xff, 0xff, 0x06, 0x04, 0, 0, 5, 0xdc}), (IcmpValue{3, 4, 1500}));
}

TEST(Icmp, OtherLengthsAreMalformed) {
  const std::array<std::uint8_t, 12> octets{};
  for (const std::size_t size : {0U, 4U, 7U, 9U, 12U})
    EXPECT_FALSE(DecodeIcmp(base::Bytes(octets).first(size)).has_value()) << size;
}

}  // namespace stun::icmp_test
