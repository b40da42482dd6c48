#include "protocol/stun/integrity.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "protocol/stun/fingerprint.h"
#include "protocol/stun/message_writer.h"
#include "tests/protocol/stun/message_octets.h"
#include "tests/support/hex.h"

namespace stun::integrity_test {

using ::test::BindingRequest;
using ::test::FromHex;

constexpr std::string_view kKey = "secret";

base::Bytes Key() { return base::AsBytes(kKey); }

bool Verify(const std::vector<std::uint8_t>& octets, base::Bytes key = Key()) {
  const std::optional<MessageView> message = MessageView::Parse(octets);
  EXPECT_TRUE(message.has_value());
  return message && VerifyMessageIntegrity(*message, key);
}

bool VerifySha256(const std::vector<std::uint8_t>& octets, base::Bytes key = Key()) {
  const std::optional<MessageView> message = MessageView::Parse(octets);
  EXPECT_TRUE(message.has_value());
  return message && VerifyMessageIntegritySha256(*message, key);
}

// A request whose integrity attribute has the right code, cut or lengthened to `value_bytes`. The
// code is computed for the length that this message really has, so nothing but the size is wrong.
std::vector<std::uint8_t> WithIntegrityOfSize(std::size_t value_bytes, bool is_sha256) {
  const std::size_t padded = (value_bytes + 3) / 4 * 4;
  std::vector<std::uint8_t> octets = BindingRequest("00060004 75736572");
  const std::size_t offset = octets.size();
  octets[3] = static_cast<std::uint8_t>(offset - 20 + 4 + padded);
  const base::Sha1Digest sha1 = base::HmacSha1(Key(), {octets});
  const base::Sha256Digest sha256 = base::HmacSha256(Key(), {octets});
  const base::Bytes code = is_sha256 ? base::Bytes(sha256) : base::Bytes(sha1);
  octets.insert(octets.end(), {0, static_cast<std::uint8_t>(is_sha256 ? 0x1c : 0x08), 0,
                               static_cast<std::uint8_t>(value_bytes)});
  for (std::size_t i = 0; i < padded; ++i)
    octets.push_back(i < code.size() && i < value_bytes ? code[i] : 0);
  return octets;
}

std::vector<std::uint8_t> Written(bool with_sha1, bool with_sha256, bool with_fingerprint) {
  std::vector<std::uint8_t> buffer(256);
  MessageWriter writer(buffer, {Method::kRefresh, MessageClass::kRequest}, TransactionId{});
  writer.AddText(AttributeType::kUsername, "user");
  if (with_sha1) writer.AddMessageIntegrity(Key());
  if (with_sha256) writer.AddMessageIntegritySha256(Key());
  if (with_fingerprint) writer.AddFingerprint();
  EXPECT_TRUE(writer.ok());
  buffer.resize(writer.message().size());
  return buffer;
}

TEST(Integrity, AnAbsentCodeIsNotRight) {
  EXPECT_FALSE(Verify(BindingRequest("00060004 75736572")));
  EXPECT_FALSE(VerifySha256(BindingRequest("00060004 75736572")));
}

TEST(Integrity, AUTH_24_MessageIntegrityOfAnotherSizeIsNeverRight) {
  for (const std::size_t size : {0u, 4u, 12u, 16u, 19u, 21u, 24u, 32u}) {
    EXPECT_FALSE(Verify(WithIntegrityOfSize(size, false))) << size;
  }
  EXPECT_TRUE(Verify(WithIntegrityOfSize(20, false)));
}

TEST(Integrity, AUTH_28_AUTH_29_MessageIntegritySha256OfAnotherSizeIsNeverRight) {
  for (const std::size_t size : {0u, 4u, 12u, 16u, 18u, 20u, 24u, 28u, 31u, 33u, 36u}) {
    EXPECT_FALSE(VerifySha256(WithIntegrityOfSize(size, true))) << size;
  }
  EXPECT_TRUE(VerifySha256(WithIntegrityOfSize(32, true)));
}

TEST(Integrity, AUTH_11_EachWrongBitOfTheCodeIsSeen) {
  const std::vector<std::uint8_t> octets = Written(true, false, false);
  for (std::size_t bit = 0; bit < 160; ++bit) {
    std::vector<std::uint8_t> wrong = octets;
    wrong[octets.size() - 20 + bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_FALSE(Verify(wrong)) << bit;
  }
}

TEST(Integrity, EachOctetOfTheMessageIsCovered) {
  const std::vector<std::uint8_t> octets = Written(true, true, false);
  for (const std::size_t position : {0u, 1u, 8u, 19u, 24u, 27u}) {
    std::vector<std::uint8_t> wrong = octets;
    wrong[position] ^= 1;
    EXPECT_FALSE(Verify(wrong)) << position;
    EXPECT_FALSE(VerifySha256(wrong)) << position;
  }
}

TEST(Integrity, AnotherKeyDoesNotFit) {
  EXPECT_FALSE(Verify(Written(true, false, false), base::AsBytes("Secret")));
  EXPECT_FALSE(VerifySha256(Written(false, true, false), base::AsBytes("Secret")));
}

TEST(Integrity, OneKindDoesNotStandForTheOther) {
  EXPECT_FALSE(VerifySha256(Written(true, false, false)));
  EXPECT_FALSE(Verify(Written(false, true, false)));
}

TEST(Integrity, Sha256CoversTheMessageIntegrityBeforeIt) {
  std::vector<std::uint8_t> octets = Written(true, true, false);
  octets[20 + 8 + 4] ^= 1;
  EXPECT_FALSE(VerifySha256(octets));
}

TEST(Integrity, AUTH_23_TheLengthPointsToTheEndOfTheAttributeWhateverFollows) {
  EXPECT_TRUE(Verify(Written(true, false, false)));
  EXPECT_TRUE(Verify(Written(true, false, true)));
  EXPECT_TRUE(Verify(Written(true, true, true)));
}

TEST(Integrity, AUTH_23_AppendedAttributesDoNotDisturbTheCode) {
  std::vector<std::uint8_t> octets = Written(true, false, false);
  const std::vector<std::uint8_t> appended = FromHex("000d0004 00000000");
  octets.insert(octets.end(), appended.begin(), appended.end());
  octets[3] = static_cast<std::uint8_t>(octets[3] + appended.size());
  EXPECT_TRUE(Verify(octets));
}

TEST(Integrity, AUTH_25_Sha256IsRightAloneAndBesideOthers) {
  EXPECT_TRUE(VerifySha256(Written(false, true, false)));
  EXPECT_TRUE(VerifySha256(Written(false, true, true)));
  EXPECT_TRUE(VerifySha256(Written(true, true, true)));
}

TEST(Integrity, ASecondCodeThatIsRightDoesNotHelpAWrongFirst) {
  std::vector<std::uint8_t> octets = Written(true, false, false);
  octets.back() ^= 1;
  const base::Sha1Digest right = ComputeIntegrity(octets, Key());
  octets.insert(octets.end(), {0x00, 0x08, 0x00, 0x14});
  octets.insert(octets.end(), right.begin(), right.end());
  octets[3] = static_cast<std::uint8_t>(octets.size() - 20);
  EXPECT_FALSE(Verify(octets));
}

TEST(Integrity, STUN_11_PaddingIsCoveredAsItWasSent) {
  std::vector<std::uint8_t> octets = BindingRequest("00060001 75ffffff");
  const base::Sha1Digest code = ComputeIntegrity(octets, Key());
  octets.insert(octets.end(), {0x00, 0x08, 0x00, 0x14});
  octets.insert(octets.end(), code.begin(), code.end());
  octets[3] = static_cast<std::uint8_t>(octets.size() - 20);
  EXPECT_TRUE(Verify(octets));
  octets[27] = 0;
  EXPECT_FALSE(Verify(octets));
}

TEST(Integrity, AUTH_30_TheMd5KeyIsOfUserRealmAndPassword) {
  EXPECT_EQ(base::HexEncode(LongTermKeyMd5("user", "realm", "pass")),
            "8493fbc53ba582fb4c044c456bdc40eb");
}

TEST(Integrity, AUTH_32_TheSha256KeyIsOfUserRealmAndPassword) {
  EXPECT_EQ(LongTermKeySha256("user", "realm", "pass"),
            base::Sha256({base::AsBytes("user:realm:pass")}));
}

TEST(Integrity, AUTH_38_TheUserhashIsOfUserAndRealm) {
  EXPECT_EQ(Userhash("user", "realm"), base::Sha256({base::AsBytes("user:realm")}));
}

TEST(IntegrityDeathTest, AMessageWithoutAHeaderAborts) {
  const std::array<std::uint8_t, 19> octets{};
  EXPECT_DEATH(ComputeIntegrity(octets, Key()), "CHECK failed");
  EXPECT_DEATH(ComputeIntegritySha256(octets, Key()), "CHECK failed");
}

}  // namespace stun::integrity_test
