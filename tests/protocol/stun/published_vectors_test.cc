#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/stun/attributes.h"
#include "protocol/stun/fingerprint.h"
#include "protocol/stun/integrity.h"
#include "protocol/stun/message_view.h"
#include "protocol/stun/message_writer.h"
#include "tests/support/hex.h"
#include "tests/vectors/stun_messages.h"

namespace stun::published_vectors_test {

using ::test::FromHex;
using ::testing::ElementsAreArray;

std::string TextOf(const MessageView& message, AttributeType type) {
  const std::optional<Attribute> attribute = message.Find(type);
  return attribute ? std::string(base::AsText(attribute->value)) : "absent";
}

std::string XorMappedAddressOf(const MessageView& message) {
  const std::optional<Attribute> attribute = message.Find(AttributeType::kXorMappedAddress);
  if (!attribute) return "absent";
  const std::optional<AddressValue> address =
      DecodeXorAddress(attribute->value, message.cookie_and_transaction_id());
  return address ? address->endpoint.ToString() : "malformed";
}

// Repeats the attributes of `message` one by one, zero padding included, and signs it anew.
std::vector<std::uint8_t> WrittenAgain(const MessageView& message, base::Bytes key) {
  std::vector<std::uint8_t> buffer(512);
  MessageWriter writer(buffer, message.type(), message.transaction_id());
  message.ForEach([&](const Attribute& attribute) {
    switch (attribute.type) {
      case AttributeType::kMessageIntegrity:
        writer.AddMessageIntegrity(key);
        break;
      case AttributeType::kMessageIntegritySha256:
        writer.AddMessageIntegritySha256(key);
        break;
      case AttributeType::kFingerprint:
        writer.AddFingerprint();
        break;
      default:
        writer.AddBytes(attribute.type, attribute.value);
        break;
    }
  });
  EXPECT_TRUE(writer.ok());
  buffer.resize(writer.message().size());
  return buffer;
}

TEST(PublishedVectors, AUTH_23_STUN_34_Rfc5769IceRequestIsGood) {
  const std::vector<std::uint8_t> octets = FromHex(vectors::kRfc5769Request);
  const std::optional<MessageView> message = MessageView::Parse(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->type(), (MessageType{Method::kBinding, MessageClass::kRequest}));
  EXPECT_EQ(TextOf(*message, AttributeType::kSoftware), "STUN test client");
  EXPECT_EQ(TextOf(*message, AttributeType::kUsername), vectors::kIceUsername);
  EXPECT_EQ(DecodeU32(message->Find(AttributeType::kPriority)->value), 0x6e0001ffu);
  EXPECT_THAT(message->Find(AttributeType::kIceControlled)->value,
              ElementsAreArray(FromHex("932ff9b151263b36")));
  EXPECT_TRUE(VerifyMessageIntegrity(*message, base::AsBytes(vectors::kIcePassword)));
  EXPECT_EQ(CheckFingerprint(*message), FingerprintCheck::kGood);
}

TEST(PublishedVectors, STUN_23_Rfc5769Ipv4ResponseIsGood) {
  const std::vector<std::uint8_t> octets = FromHex(vectors::kRfc5769Ipv4Response);
  const std::optional<MessageView> message = MessageView::Parse(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->type(), (MessageType{Method::kBinding, MessageClass::kSuccess}));
  EXPECT_EQ(TextOf(*message, AttributeType::kSoftware), "test vector");
  EXPECT_EQ(XorMappedAddressOf(*message), "192.0.2.1:32853");
  EXPECT_TRUE(VerifyMessageIntegrity(*message, base::AsBytes(vectors::kIcePassword)));
  EXPECT_EQ(CheckFingerprint(*message), FingerprintCheck::kGood);
}

TEST(PublishedVectors, STUN_24_Rfc5769Ipv6ResponseIsGood) {
  const std::vector<std::uint8_t> octets = FromHex(vectors::kRfc5769Ipv6Response);
  const std::optional<MessageView> message = MessageView::Parse(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(XorMappedAddressOf(*message), "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
  EXPECT_TRUE(VerifyMessageIntegrity(*message, base::AsBytes(vectors::kIcePassword)));
  EXPECT_EQ(CheckFingerprint(*message), FingerprintCheck::kGood);
}

TEST(PublishedVectors, AUTH_30_Rfc5769LongTermRequestIsGood) {
  const std::vector<std::uint8_t> octets = FromHex(vectors::kRfc5769LongTermRequest);
  const std::optional<MessageView> message = MessageView::Parse(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(TextOf(*message, AttributeType::kUsername), vectors::kLongTermUsername);
  EXPECT_EQ(TextOf(*message, AttributeType::kNonce), vectors::kRfc5769Nonce);
  EXPECT_EQ(TextOf(*message, AttributeType::kRealm), vectors::kLongTermRealm);
  EXPECT_TRUE(VerifyMessageIntegrity(
      *message, LongTermKeyMd5(vectors::kLongTermUsername, vectors::kLongTermRealm,
                               vectors::kLongTermPassword)));
  EXPECT_EQ(CheckFingerprint(*message), FingerprintCheck::kAbsent);
}

// The writer pads with zeros, so only messages that are padded so can be reproduced octet by octet.
TEST(PublishedVectors, AUTH_23_Rfc5769LongTermRequestIsWrittenOctetByOctet) {
  const std::vector<std::uint8_t> octets = FromHex(vectors::kRfc5769LongTermRequest);
  const base::Md5Digest key = LongTermKeyMd5(vectors::kLongTermUsername, vectors::kLongTermRealm,
                                             vectors::kLongTermPassword);
  EXPECT_EQ(WrittenAgain(*MessageView::Parse(octets), key), octets);
}

TEST(PublishedVectors, Rfc8489AppendixB1AsPrintedIsRefusedBecauseItsLengthCountsTheHeader) {
  ParseError error{};
  EXPECT_FALSE(MessageView::Parse(FromHex(vectors::kRfc8489RequestAsPrinted), &error).has_value());
  EXPECT_EQ(error, ParseError::kBadLength);
}

TEST(PublishedVectors, Rfc8489AppendixB1AsPrintedHasTheCodeOfItsOwnOctets) {
  const std::vector<std::uint8_t> octets = FromHex(vectors::kRfc8489RequestAsPrinted);
  const base::Bytes covered = base::Bytes(octets).first(octets.size() - 36);
  const base::Sha256Digest key = LongTermKeySha256(
      vectors::kLongTermUsername, vectors::kLongTermRealm, vectors::kLongTermPassword);
  EXPECT_THAT(base::HmacSha256(key, {covered}), ElementsAreArray(base::Bytes(octets).last(32)));
}

TEST(PublishedVectors, AUTH_25_AUTH_32_AUTH_38_Rfc8489AppendixB1AsCorrectedIsGood) {
  const std::vector<std::uint8_t> octets = FromHex(vectors::kRfc8489Request);
  const std::optional<MessageView> message = MessageView::Parse(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_THAT(Userhash(vectors::kLongTermUsername, vectors::kLongTermRealm),
              ElementsAreArray(message->Find(AttributeType::kUserhash)->value));
  EXPECT_EQ(TextOf(*message, AttributeType::kNonce), vectors::kRfc8489Nonce);
  EXPECT_EQ(TextOf(*message, AttributeType::kRealm), vectors::kLongTermRealm);
  EXPECT_EQ(
      DecodePasswordAlgorithm(message->Find(AttributeType::kPasswordAlgorithm)->value)->number,
      static_cast<std::uint16_t>(PasswordAlgorithm::kSha256));
  EXPECT_TRUE(VerifyMessageIntegritySha256(
      *message, LongTermKeySha256(vectors::kLongTermUsername, vectors::kLongTermRealm,
                                  vectors::kLongTermPassword)));
}

TEST(PublishedVectors, AUTH_25_Rfc8489AppendixB1AsCorrectedIsWrittenOctetByOctet) {
  const std::vector<std::uint8_t> octets = FromHex(vectors::kRfc8489Request);
  const base::Sha256Digest key = LongTermKeySha256(
      vectors::kLongTermUsername, vectors::kLongTermRealm, vectors::kLongTermPassword);
  EXPECT_EQ(WrittenAgain(*MessageView::Parse(octets), key), octets);
}

}  // namespace stun::published_vectors_test
