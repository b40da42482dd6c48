#include "protocol/base/byte_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>

namespace base::byte_writer_test {

using ::testing::Each;
using ::testing::ElementsAre;

TEST(ByteWriter, AWritePastTheEndFailsAndWritesNothing) {
  std::array<std::uint8_t, 4> buffer = {9, 9, 9, 9};
  ByteWriter writer(MutableBytes(buffer).first(3));
  writer.WriteU32(0x01020304);
  EXPECT_FALSE(writer.ok());
  EXPECT_EQ(writer.size(), 0u);
  EXPECT_THAT(buffer, Each(9));
}

TEST(ByteWriter, AfterAFailureNothingIsWrittenEvenIfItWouldFit) {
  std::array<std::uint8_t, 4> buffer = {9, 9, 9, 9};
  ByteWriter writer(MutableBytes(buffer).first(3));
  writer.WriteU32(1);
  writer.WriteU8(1);
  EXPECT_FALSE(writer.ok());
  EXPECT_THAT(buffer, Each(9));
}

TEST(ByteWriter, ZerosBeyondTheEndFail) {
  std::array<std::uint8_t, 2> buffer{};
  ByteWriter writer(buffer);
  writer.WriteZeros(3);
  EXPECT_FALSE(writer.ok());
}

TEST(ByteWriter, AHugeCountDoesNotWrap) {
  std::array<std::uint8_t, 2> buffer{};
  ByteWriter writer(buffer);
  writer.WriteU8(1);
  writer.WriteZeros(static_cast<std::size_t>(-1));
  EXPECT_FALSE(writer.ok());
}

TEST(ByteWriter, PatchingAfterAFailureChangesNothing) {
  std::array<std::uint8_t, 4> buffer = {1, 2, 3, 4};
  ByteWriter writer(buffer);
  writer.WriteZeros(5);
  writer.PatchU16(0, 0xffff);
  EXPECT_THAT(buffer, ElementsAre(1, 2, 3, 4));
}

TEST(ByteWriterDeathTest, PatchingWhatWasNotWrittenAborts) {
  std::array<std::uint8_t, 4> buffer{};
  ByteWriter writer(buffer);
  writer.WriteU16(0);
  EXPECT_DEATH(writer.PatchU16(1, 7), "CHECK failed");
}

TEST(ByteWriter, AnEmptyBufferTakesEmptyWrites) {
  ByteWriter writer(MutableBytes{});
  writer.WriteBytes({});
  writer.WriteZeros(0);
  EXPECT_TRUE(writer.ok());
}

TEST(ByteWriter, WritesNetworkOrderAtEveryWidth) {
  std::array<std::uint8_t, 15> buffer{};
  ByteWriter writer(buffer);
  writer.WriteU8(0xfe);
  writer.WriteU16(0x0123);
  writer.WriteU32(0x456789ab);
  writer.WriteU64(0x0011223344556677);
  EXPECT_TRUE(writer.ok());
  EXPECT_THAT(writer.written(), ElementsAre(0xfe, 0x01, 0x23, 0x45, 0x67, 0x89, 0xab, 0x00, 0x11,
                                            0x22, 0x33, 0x44, 0x55, 0x66, 0x77));
}

TEST(ByteWriter, ZerosOverwriteWhatStoodInTheBuffer) {
  std::array<std::uint8_t, 3> buffer = {7, 7, 7};
  ByteWriter writer(buffer);
  writer.WriteZeros(2);
  EXPECT_THAT(buffer, ElementsAre(0, 0, 7));
}

TEST(ByteWriter, PatchingOverwritesTwoOctetsInPlace) {
  std::array<std::uint8_t, 4> buffer{};
  ByteWriter writer(buffer);
  writer.WriteU32(0x01020304);
  writer.PatchU16(2, 0xaabb);
  EXPECT_THAT(buffer, ElementsAre(0x01, 0x02, 0xaa, 0xbb));
  EXPECT_EQ(writer.size(), 4u);
}

}  // namespace base::byte_writer_test
