#include "protocol/stun/message_writer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <array>
#include <string>
#include <vector>

#include "protocol/stun/attributes.h"
#include "tests/support/hex.h"

namespace stun::message_writer_test {

using ::test::FromHex;
using ::testing::ElementsAreArray;

constexpr TransactionId kId = {0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34,
                               0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae};
constexpr MessageType kSuccess = {Method::kBinding, MessageClass::kSuccess};

class MessageWriterTest : public ::testing::Test {
 protected:
  MessageWriterTest() { buffer_.fill(0xee); }

  // What was written behind the header.
  static std::string Body(const MessageWriter& writer) {
    EXPECT_TRUE(writer.ok());
    return base::HexEncode(writer.message().subspan(kHeaderBytes));
  }

  std::array<std::uint8_t, 512> buffer_;
};

TEST_F(MessageWriterTest, ABufferWithoutRoomForAHeaderFails) {
  MessageWriter writer(base::MutableBytes(buffer_).first(19), kSuccess, kId);
  EXPECT_FALSE(writer.ok());
}

TEST_F(MessageWriterTest, EverythingAfterAFailureIsHarmless) {
  for (std::size_t room = 0; room < 24; ++room) {
    MessageWriter writer(base::MutableBytes(buffer_).first(room), kSuccess, kId);
    writer.AddText(AttributeType::kSoftware, "senso-turn");
    writer.AddXorAddress(AttributeType::kXorMappedAddress, *base::Endpoint::Parse("192.0.2.1:1"));
    writer.AddErrorCode(ErrorCode::kBadRequest, "Bad Request");
    writer.AddMessageIntegrity(base::AsBytes("key"));
    writer.AddMessageIntegritySha256(base::AsBytes("key"));
    writer.AddFingerprint();
    EXPECT_FALSE(writer.ok()) << room;
  }
}

TEST_F(MessageWriterTest, NothingIsWrittenBeyondTheBuffer) {
  for (std::size_t room = 20; room < 20 + 28; ++room) {
    buffer_.fill(0xee);
    MessageWriter writer(base::MutableBytes(buffer_).first(room), kSuccess, kId);
    writer.AddText(AttributeType::kSoftware, "12345678901");
    writer.AddU32(AttributeType::kLifetime, 0);
    EXPECT_EQ(writer.ok(), room >= 20 + 16 + 8) << room;
    for (std::size_t i = room; i < buffer_.size(); ++i) ASSERT_EQ(buffer_[i], 0xee) << room;
  }
}

TEST_F(MessageWriterTest, AValueThatTheLengthCannotSayFails) {
  std::vector<std::uint8_t> large(200'000);
  const std::vector<std::uint8_t> value(65536);
  MessageWriter writer(large, kSuccess, kId);
  writer.AddBytes(AttributeType::kData, value);
  EXPECT_FALSE(writer.ok());
}

TEST_F(MessageWriterTest, AMessageThatTheLengthCannotSayFails) {
  std::vector<std::uint8_t> large(200'000);
  const std::vector<std::uint8_t> value(40'000);
  MessageWriter writer(large, kSuccess, kId);
  writer.AddBytes(AttributeType::kData, value);
  EXPECT_TRUE(writer.ok());
  writer.AddBytes(AttributeType::kData, value);
  EXPECT_FALSE(writer.ok());
}

TEST_F(MessageWriterTest, TheLargestMessageIsWritten) {
  std::vector<std::uint8_t> large(200'000);
  const std::vector<std::uint8_t> value(0xfffc - 4);
  MessageWriter writer(large, kSuccess, kId);
  writer.AddBytes(AttributeType::kData, value);
  EXPECT_TRUE(MessageView::Parse(writer.message()).has_value());
  writer.AddEmpty(AttributeType::kDontFragment);
  EXPECT_FALSE(writer.ok());
}

TEST_F(MessageWriterTest, AHeaderAloneHasLengthZero) {
  const MessageWriter writer(buffer_, kSuccess, kId);
  EXPECT_THAT(writer.message(),
              ElementsAreArray(FromHex("01010000 2112a442 b7e7a701bc34d686fa87dfae")));
}

TEST_F(MessageWriterTest, STUN_08_AResponseCarriesTheSixteenOctetsOfItsRequest) {
  const std::vector<std::uint8_t> request = FromHex("00010000 2112a442 b7e7a701bc34d686fa87dfae");
  const MessageWriter writer(buffer_, kSuccess,
                             MessageView::Parse(request)->cookie_and_transaction_id());
  EXPECT_EQ(MessageView::Parse(writer.message())->transaction_id(), kId);
}

TEST_F(MessageWriterTest, TheLengthIsCurrentAfterEachAttribute) {
  MessageWriter writer(buffer_, kSuccess, kId);
  writer.AddText(AttributeType::kSoftware, "a");
  EXPECT_TRUE(MessageView::Parse(writer.message()).has_value());
  writer.AddEmpty(AttributeType::kDontFragment);
  EXPECT_TRUE(MessageView::Parse(writer.message()).has_value());
  writer.AddMessageIntegrity(base::AsBytes("key"));
  EXPECT_TRUE(MessageView::Parse(writer.message()).has_value());
  writer.AddFingerprint();
  EXPECT_TRUE(MessageView::Parse(writer.message()).has_value());
}

TEST_F(MessageWriterTest, STUN_10_LengthsLeaveOutThePaddingWhichIsZero) {
  const std::array<std::string_view, 5> expected = {
      "80220000", "8022000161000000", "8022000261620000", "8022000361626300", "8022000461626364"};
  for (std::size_t size = 0; size < expected.size(); ++size) {
    buffer_.fill(0xee);
    MessageWriter writer(buffer_, kSuccess, kId);
    writer.AddText(AttributeType::kSoftware, std::string_view("abcd").substr(0, size));
    EXPECT_EQ(Body(writer), expected[size]);
  }
}

TEST_F(MessageWriterTest, STUN_10_TheReasonOfAnErrorIsPaddedWithZeros) {
  MessageWriter writer(buffer_, {Method::kBinding, MessageClass::kError}, kId);
  writer.AddErrorCode(ErrorCode::kUnknownAttribute, "abc");
  EXPECT_EQ(Body(writer),
            "0009000700000414"
            "61626300");
}

TEST_F(MessageWriterTest, STUN_10_AnOctetIsPaddedWithZeros) {
  MessageWriter writer(buffer_, kSuccess, kId);
  writer.AddU8(AttributeType::kEvenPort, 0x80);
  EXPECT_EQ(Body(writer), "0018000180000000");
}

TEST_F(MessageWriterTest, STUN_15_AListOfThreeTypesIsPaddedWithZerosInsteadOfARepetition) {
  MessageWriter writer(buffer_, kSuccess, kId);
  writer.AddBytes(AttributeType::kUnknownAttributes, FromHex("7f007f017f02"));
  EXPECT_EQ(Body(writer),
            "000a0006"
            "7f007f017f02"
            "0000");
}

TEST_F(MessageWriterTest, STUN_20_Error420IsClassFourNumberTwenty) {
  MessageWriter writer(buffer_, {Method::kBinding, MessageClass::kError}, kId);
  writer.AddErrorCode(ErrorCode::kUnknownAttribute, "");
  EXPECT_EQ(Body(writer), "0009000400000414");
}

TEST_F(MessageWriterTest, STUN_23_AnIpv4AddressIsXoredWithTheCookie) {
  MessageWriter writer(buffer_, kSuccess, kId);
  writer.AddXorAddress(AttributeType::kXorMappedAddress, *base::Endpoint::Parse("192.0.2.1:32853"));
  EXPECT_EQ(Body(writer),
            "00200008"
            "0001a147"
            "e112a643");
}

TEST_F(MessageWriterTest, STUN_24_AnIpv6AddressIsXoredWithCookieAndTransactionId) {
  const base::Endpoint endpoint =
      *base::Endpoint::Parse("[2001:db8:1234:5678:11:2233:4455:6677]:32853");
  MessageWriter writer(buffer_, kSuccess, kId);
  writer.AddXorAddress(AttributeType::kXorMappedAddress, endpoint);
  EXPECT_EQ(Body(writer),
            "00200014"
            "0002a147"
            "0113a9faa5d3f179bc25f4b5bed2b9d9");

  MessageWriter other(buffer_, kSuccess, TransactionId{});
  other.AddXorAddress(AttributeType::kXorMappedAddress, endpoint);
  EXPECT_EQ(Body(other),
            "00200014"
            "0002a147"
            "0113a9fa123456780011223344556677");
}

TEST_F(MessageWriterTest, STUN_25_AnIpv4MappedAddressIsWrittenAsIpv4) {
  MessageWriter writer(buffer_, kSuccess, kId);
  writer.AddXorAddress(AttributeType::kXorMappedAddress,
                       *base::Endpoint::Parse("[::ffff:192.0.2.1]:32853"));
  EXPECT_EQ(Body(writer),
            "00200008"
            "0001a147"
            "e112a643");
}

TEST_F(MessageWriterTest, STUN_48_AnAddressBeginsWithAZeroOctet) {
  MessageWriter writer(buffer_, kSuccess, kId);
  writer.AddAddress(AttributeType::kMappedAddress, *base::Endpoint::Parse("192.0.2.1:3478"));
  writer.AddAddress(AttributeType::kAlternateServer, *base::Endpoint::Parse("[2001:db8::1]:3478"));
  EXPECT_EQ(Body(writer),
            "00010008"
            "00010d96"
            "c0000201"
            "80230014"
            "00020d96"
            "20010db8000000000000000000000001");
}

TEST_F(MessageWriterTest, STUN_44_AClassicRequestIsAnsweredWithItsIdAndAPlainAddress) {
  const std::vector<std::uint8_t> request = FromHex("00010000 000102030405060708090a0b0c0d0e0f");
  const std::optional<MessageView> message = MessageView::ParseClassic(request);
  ASSERT_TRUE(message.has_value());
  MessageWriter writer(buffer_, kSuccess, message->cookie_and_transaction_id());
  writer.AddAddress(AttributeType::kMappedAddress, *base::Endpoint::Parse("192.0.2.1:3478"));
  EXPECT_THAT(writer.message(),
              ElementsAreArray(
                  FromHex("0101000c 000102030405060708090a0b0c0d0e0f 00010008 00010d96 c0000201")));
}

TEST_F(MessageWriterTest, AttributesStandInTheOrderOfTheCalls) {
  MessageWriter writer(buffer_, kSuccess, kId);
  writer.AddU32(AttributeType::kLifetime, 600);
  writer.AddEmpty(AttributeType::kDontFragment);
  EXPECT_EQ(Body(writer),
            "000d000400000258"
            "001a0000");
}

using MessageWriterDeathTest = MessageWriterTest;

TEST_F(MessageWriterDeathTest, AnIdOfAnotherLengthAborts) {
  EXPECT_DEATH(MessageWriter(buffer_, kSuccess, base::Bytes(kId)), "CHECK failed");
}

TEST_F(MessageWriterDeathTest, AReasonOfMoreThan127CharactersOfUtf8Aborts) {
  MessageWriter writer(buffer_, kSuccess, kId);
  EXPECT_DEATH(writer.AddErrorCode(ErrorCode::kBadRequest, std::string(510, 'a')), "CHECK failed");
}

}  // namespace stun::message_writer_test
