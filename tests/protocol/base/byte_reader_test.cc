#include "protocol/base/byte_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace base::byte_reader_test {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::array<std::uint8_t, 8> kOctets = {0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0xcd, 0xef};

TEST(ByteReader, AReadPastTheEndFailsAndGivesZero) {
  ByteReader reader(Bytes(kOctets).first(1));
  EXPECT_EQ(reader.ReadU16(), 0);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, AfterAFailureNothingIsReadAnyMoreEvenIfItWouldFit) {
  ByteReader reader(Bytes(kOctets).first(3));
  reader.ReadU32();
  EXPECT_EQ(reader.ReadU8(), 0);
  EXPECT_EQ(reader.remaining(), 0u);
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, EachWidthFailsOneOctetShort) {
  EXPECT_FALSE([] {
    ByteReader r(Bytes(kOctets).first(0));
    r.ReadU8();
    return r.ok();
  }());
  EXPECT_FALSE([] {
    ByteReader r(Bytes(kOctets).first(1));
    r.ReadU16();
    return r.ok();
  }());
  EXPECT_FALSE([] {
    ByteReader r(Bytes(kOctets).first(3));
    r.ReadU32();
    return r.ok();
  }());
  EXPECT_FALSE([] {
    ByteReader r(Bytes(kOctets).first(7));
    r.ReadU64();
    return r.ok();
  }());
}

TEST(ByteReader, AViewLongerThanTheRestIsEmptyAndFails) {
  ByteReader reader(kOctets);
  EXPECT_THAT(reader.ReadBytes(9), IsEmpty());
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, AHugeCountDoesNotWrap) {
  ByteReader reader(kOctets);
  reader.ReadU8();
  reader.Skip(static_cast<std::size_t>(-1));
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, NoOctetsAtAllAreFineUntilOneIsRead) {
  ByteReader reader(Bytes{});
  reader.Skip(0);
  EXPECT_TRUE(reader.ok());
  reader.ReadU8();
  EXPECT_FALSE(reader.ok());
}

TEST(ByteReader, ReadsNetworkOrderAtEveryWidth) {
  EXPECT_EQ(ByteReader(kOctets).ReadU8(), 0x01);
  EXPECT_EQ(ByteReader(kOctets).ReadU16(), 0x0123);
  EXPECT_EQ(ByteReader(kOctets).ReadU32(), 0x01234567u);
  EXPECT_EQ(ByteReader(kOctets).ReadU64(), 0x0123456789abcdefu);
}

TEST(ByteReader, HighBitsDoNotTurnNegative) {
  constexpr std::array<std::uint8_t, 8> kOnes = {255, 255, 255, 255, 255, 255, 255, 255};
  EXPECT_EQ(ByteReader(kOnes).ReadU16(), 0xffff);
  EXPECT_EQ(ByteReader(kOnes).ReadU32(), 0xffffffffu);
  EXPECT_EQ(ByteReader(kOnes).ReadU64(), 0xffffffffffffffffu);
}

TEST(ByteReader, ReadsFromOddAddresses) {
  ByteReader reader(kOctets);
  reader.ReadU8();
  EXPECT_EQ(reader.ReadU32(), 0x23456789u);
}

TEST(ByteReader, AViewIsOfTheOriginalOctets) {
  ByteReader reader(kOctets);
  reader.Skip(2);
  const Bytes view = reader.ReadBytes(3);
  EXPECT_EQ(view.data(), kOctets.data() + 2);
  EXPECT_THAT(view, ElementsAre(0x45, 0x67, 0x89));
  EXPECT_EQ(reader.remaining(), 3u);
}

TEST(ByteReader, TheLastOctetCanBeRead) {
  ByteReader reader(kOctets);
  reader.Skip(7);
  EXPECT_EQ(reader.ReadU8(), 0xef);
  EXPECT_TRUE(reader.ok());
  EXPECT_THAT(reader.rest(), IsEmpty());
}

}  // namespace base::byte_reader_test
