#include "protocol/stun/fingerprint.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "protocol/base/byte_writer.h"
#include "tests/protocol/stun/message_octets.h"
#include "tests/vectors/stun_messages.h"

namespace stun::fingerprint_test {

using ::test::BindingRequest;
using ::test::FromHex;

FingerprintCheck Check(const std::vector<std::uint8_t>& octets) {
  const std::optional<MessageView> message = MessageView::Parse(octets);
  EXPECT_TRUE(message.has_value());
  return message ? CheckFingerprint(*message) : FingerprintCheck::kAbsent;
}

// Puts the right value behind the attribute header at `offset`.
void Fill(std::vector<std::uint8_t>& octets, std::size_t offset) {
  base::ByteWriter writer(base::MutableBytes(octets).subspan(offset + 4));
  writer.WriteU32(ComputeFingerprint(base::Bytes(octets).first(offset)));
}

TEST(Fingerprint, STUN_32_AMessageWithoutOneIsNotAFailure) {
  EXPECT_EQ(Check(BindingRequest("")), FingerprintCheck::kAbsent);
}

TEST(Fingerprint, STUN_33_EachWrongBitIsSeen) {
  const std::vector<std::uint8_t> octets = FromHex(vectors::kRfc5769Request);
  for (std::size_t bit = 0; bit < 32; ++bit) {
    std::vector<std::uint8_t> wrong = octets;
    wrong[octets.size() - 4 + bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_EQ(Check(wrong), FingerprintCheck::kBad) << bit;
  }
}

TEST(Fingerprint, STUN_33_AWrongBitInTheTransactionIdIsSeen) {
  std::vector<std::uint8_t> octets = FromHex(vectors::kRfc5769Request);
  octets[15] ^= 1;
  EXPECT_EQ(Check(octets), FingerprintCheck::kBad);
}

TEST(Fingerprint, B44_OneThatIsNotLastIsBad) {
  std::vector<std::uint8_t> octets = BindingRequest("80280004 00000000 80220000");
  Fill(octets, 20);
  EXPECT_EQ(Check(octets), FingerprintCheck::kBad);
}

TEST(Fingerprint, B44_TwoAreBadEvenIfBothAreRight) {
  std::vector<std::uint8_t> octets = BindingRequest("80280004 00000000 80280004 00000000");
  Fill(octets, 20);
  Fill(octets, 28);
  EXPECT_EQ(Check(octets), FingerprintCheck::kBad);
}

TEST(Fingerprint, B44_OneOfAnotherLengthIsBad) {
  EXPECT_EQ(Check(BindingRequest("80280000")), FingerprintCheck::kBad);
  for (const std::string_view body : {"80280003 00000000", "80280008 0000000000000000"}) {
    std::vector<std::uint8_t> octets = BindingRequest(body);
    Fill(octets, 20);
    EXPECT_EQ(Check(octets), FingerprintCheck::kBad) << body;
  }
}

TEST(Fingerprint, STUN_34_TheLengthIsTakenAsIfTheAttributeWereCounted) {
  const std::vector<std::uint8_t> whole = FromHex(vectors::kRfc5769Request);
  std::vector<std::uint8_t> so_far(whole.begin(), whole.end() - 8);
  so_far[2] = 0xab;
  so_far[3] = 0xcd;
  EXPECT_EQ(ComputeFingerprint(so_far), 0xe57a3bcfu);
}

TEST(Fingerprint, STUN_34_MessagesOfEveryLengthAgreeWithACrcTakenBitByBit) {
  std::vector<std::uint8_t> octets = FromHex("00010000 2112a442 0123456789abcdef01234567");
  for (std::size_t size = 20; size < 60; ++size) {
    octets.resize(size, static_cast<std::uint8_t>(size * 37));
    std::vector<std::uint8_t> counted = octets;
    counted[3] = static_cast<std::uint8_t>(size - 20 + 8);
    std::uint32_t crc = 0xffffffff;
    for (const std::uint8_t octet : counted) {
      crc ^= octet;
      for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? 0xedb88320u : 0u);
    }
    EXPECT_EQ(ComputeFingerprint(octets), ~crc ^ 0x5354554e) << size;
  }
}

TEST(FingerprintDeathTest, AMessageWithoutAHeaderAborts) {
  const std::array<std::uint8_t, 19> octets{};
  EXPECT_DEATH(ComputeFingerprint(octets), "CHECK failed");
}

}  // namespace stun::fingerprint_test
