#include "bench/loadgen/payload.h"

#include <gtest/gtest.h>

namespace loadgen::payload_test {

std::vector<std::uint8_t> Written(const PayloadCodec& codec, const Payload& payload) {
  std::vector<std::uint8_t> bytes(codec.payload_bytes());
  codec.Write(bytes, payload);
  return bytes;
}

constexpr Payload kPayload{Lane::kEcho, 9999, 0x1234567890, 77};

TEST(PayloadCodec, ReadsWhatItWrites) {
  for (const std::size_t size : {std::size_t{32}, std::size_t{160}, std::size_t{1200}}) {
    const PayloadCodec codec(7, size);
    const auto payload = codec.Read(Written(codec, kPayload));
    ASSERT_TRUE(payload);
    EXPECT_EQ(payload->lane, kPayload.lane);
    EXPECT_EQ(payload->allocation, kPayload.allocation);
    EXPECT_EQ(payload->sequence, kPayload.sequence);
    EXPECT_EQ(payload->sent_ns, kPayload.sent_ns);
  }
}

TEST(PayloadCodec, NoticesEveryFlippedBit) {
  const PayloadCodec codec(7, 160);
  std::vector<std::uint8_t> bytes = Written(codec, kPayload);
  for (std::size_t i = 0; i < bytes.size() * 8; ++i) {
    const auto bit = static_cast<std::uint8_t>(1U << (i % 8));
    bytes[i / 8] ^= bit;
    EXPECT_FALSE(codec.Read(bytes)) << "bit " << i;
    bytes[i / 8] ^= bit;
  }
}

TEST(PayloadCodec, NoticesAFillerOfAnotherPacket) {
  const PayloadCodec codec(7, 160);
  std::vector<std::uint8_t> bytes = Written(codec, kPayload);
  Payload next = kPayload;
  ++next.sequence;
  const std::vector<std::uint8_t> other = Written(codec, next);
  std::copy(other.begin() + PayloadCodec::kHeaderBytes, other.end(),
            bytes.begin() + PayloadCodec::kHeaderBytes);
  EXPECT_FALSE(codec.Read(bytes));
}

TEST(PayloadCodec, RefusesAnotherLength) {
  const PayloadCodec codec(7, 160);
  std::vector<std::uint8_t> bytes = Written(codec, kPayload);
  bytes.pop_back();
  EXPECT_FALSE(codec.Read(bytes));
  bytes.resize(161);
  EXPECT_FALSE(codec.Read(bytes));
  EXPECT_FALSE(codec.Read({}));
}

TEST(PayloadCodec, RefusesAPacketOfAnotherRun) {
  EXPECT_FALSE(PayloadCodec(8, 160).Read(Written(PayloadCodec(7, 160), kPayload)));
}

}  // namespace loadgen::payload_test
