#include "protocol/stun/message_view.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "protocol/stun/attributes.h"
#include "tests/protocol/stun/message_octets.h"

namespace stun::message_view_test {

using ::test::BindingRequest;
using ::test::FromHex;
using ::test::Message;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

constexpr std::string_view kMessageIntegrityHex =
    "00080014 0000000000000000000000000000000000000000";
constexpr std::string_view kMessageIntegritySha256Hex =
    "001c0020 0000000000000000000000000000000000000000000000000000000000000000";
constexpr std::string_view kFingerprintHex = "80280004 00000000";
constexpr std::string_view kLifetimeZeroHex = "000d0004 00000000";

std::string Join(std::initializer_list<std::string_view> parts) {
  std::string joined;
  for (const std::string_view part : parts) joined.append(part);
  return joined;
}

// What Parse says is wrong; nullopt: nothing.
std::optional<ParseError> ErrorOf(base::Bytes octets) {
  ParseError error{};
  if (MessageView::Parse(octets, &error)) return std::nullopt;
  return error;
}

std::optional<ParseError> ClassicErrorOf(base::Bytes octets) {
  ParseError error{};
  if (MessageView::ParseClassic(octets, &error)) return std::nullopt;
  return error;
}

std::vector<std::uint16_t> VisibleTypes(base::Bytes octets) {
  std::vector<std::uint16_t> types;
  const std::optional<MessageView> message = MessageView::Parse(octets);
  EXPECT_TRUE(message.has_value());
  if (message) {
    message->ForEach(
        [&](const Attribute& a) { types.push_back(static_cast<std::uint16_t>(a.type)); });
  }
  return types;
}

// The header.

TEST(MessageView, EveryLengthShorterThanAHeaderIsRefused) {
  const std::vector<std::uint8_t> octets = BindingRequest("");
  for (std::size_t size = 0; size < octets.size(); ++size) {
    EXPECT_EQ(ErrorOf(base::Bytes(octets).first(size)), ParseError::kTooShort) << size;
  }
}

TEST(MessageView, STUN_01_ATopBitThatIsSetMeansNotStun) {
  std::vector<std::uint8_t> octets = BindingRequest("");
  for (const int first : {0x40, 0x80, 0xc0, 0xff}) {
    octets[0] = static_cast<std::uint8_t>(first);
    EXPECT_EQ(ErrorOf(octets), ParseError::kNotStun) << first;
  }
}

TEST(MessageView, STUN_02_AnyOtherCookieIsRefused) {
  for (std::size_t bit = 0; bit < 32; ++bit) {
    std::vector<std::uint8_t> octets = Message("0003", "");
    octets[4 + bit / 8] = static_cast<std::uint8_t>(octets[4 + bit / 8] ^ (1u << (bit % 8)));
    EXPECT_EQ(ErrorOf(octets), ParseError::kBadCookie) << bit;
  }
}

TEST(MessageView, STUN_03_ALengthThatIsNoMultipleOfFourIsRefused) {
  for (std::size_t surplus = 1; surplus < 4; ++surplus) {
    std::vector<std::uint8_t> octets = BindingRequest("");
    octets[3] = static_cast<std::uint8_t>(surplus);
    octets.resize(octets.size() + surplus);
    EXPECT_EQ(ErrorOf(octets), ParseError::kBadLength) << surplus;
  }
}

TEST(MessageView, STUN_03_ALengthBeyondWhatWasReceivedIsRefused) {
  EXPECT_EQ(ErrorOf(FromHex("00010008 2112a442 00112233445566778899aabb")), ParseError::kBadLength);
  EXPECT_EQ(ErrorOf(FromHex("0001fffc 2112a442 00112233445566778899aabb")), ParseError::kBadLength);
}

TEST(MessageView, STUN_04_OctetsBeyondTheLengthAreRefusedTogetherWithTheMessage) {
  EXPECT_EQ(ErrorOf(FromHex("00010000 2112a442 00112233445566778899aabb deadbeef")),
            ParseError::kBadLength);
}

TEST(MessageView, ALengthThatCountsTheHeaderIsRefused) {
  EXPECT_EQ(ErrorOf(FromHex("00010014 2112a442 00112233445566778899aabb")), ParseError::kBadLength);
}

TEST(MessageView, TheReasonIsOptional) { EXPECT_FALSE(MessageView::Parse({}).has_value()); }

TEST(MessageView, AHeaderAloneIsAMessage) {
  const std::vector<std::uint8_t> octets = BindingRequest("");
  const std::optional<MessageView> message = MessageView::Parse(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->method(), Method::kBinding);
  EXPECT_EQ(message->message_class(), MessageClass::kRequest);
  EXPECT_FALSE(message->is_classic());
  EXPECT_THAT(message->transaction_id(),
              ElementsAre(0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb));
  EXPECT_EQ(message->octets().data(), octets.data());
}

TEST(MessageView, AnUnknownMethodIsStillAMessage) {
  const std::vector<std::uint8_t> octets = Message("3eef", "");
  const std::optional<MessageView> message = MessageView::Parse(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(MethodName(message->method()), "unknown");
}

// Attributes that do not tile the body.

TEST(MessageView, B12_AnAttributeLongerThanTheMessageIsRefused) {
  EXPECT_EQ(ErrorOf(BindingRequest("802200ff 41414141")), ParseError::kBadAttributes);
}

TEST(MessageView, B13_AnAttributeHeaderWithoutItsValueIsRefused) {
  EXPECT_EQ(ErrorOf(BindingRequest("80220004")), ParseError::kBadAttributes);
}

TEST(MessageView, B14_ALengthThatWrapsWhenRoundedUpIsRefused) {
  for (const std::string_view body : {"8022fffd", "8022fffe", "8022ffff", "8022fffc"}) {
    EXPECT_EQ(ErrorOf(BindingRequest(body)), ParseError::kBadAttributes) << body;
  }
}

TEST(MessageView, ALaterAttributeThatRunsOverIsRefused) {
  EXPECT_EQ(ErrorOf(BindingRequest("80220004 41414141 00060005 41414141")),
            ParseError::kBadAttributes);
}

TEST(MessageView, AnAttributeThatRunsOverIsRefusedEvenWhereItWouldBeInvisible) {
  EXPECT_EQ(ErrorOf(BindingRequest(Join({kMessageIntegrityHex, "80220008 41414141"}))),
            ParseError::kBadAttributes);
}

TEST(MessageView, B15_AnUnknownRequiredAttributeIsParsed) {
  EXPECT_THAT(VisibleTypes(BindingRequest("7f000004 00000000")), ElementsAre(0x7f00));
}

TEST(MessageView, B16_ManyEmptyAttributesAreParsed) {
  std::string body;
  for (int i = 0; i < 370; ++i) body.append("fff00000");
  EXPECT_EQ(VisibleTypes(BindingRequest(body)).size(), 370u);
}

TEST(MessageView, B17_TheLargestMessageIsParsed) {
  std::string body;
  for (int i = 0; i < 16383; ++i) body.append("fff00000");
  EXPECT_EQ(VisibleTypes(BindingRequest(body)).size(), 16383u);
}

TEST(MessageView, OneAttributeMayFillTheLargestMessage) {
  const std::vector<std::uint8_t> octets =
      BindingRequest("0013fff8" + std::string(2 * 0xfff8, '0'));
  const std::optional<MessageView> message = MessageView::Parse(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(message->Find(AttributeType::kData)->value.size(), 0xfff8u);
}

TEST(MessageView, EveryMessageThatIsCutShortIsRefused) {
  const std::vector<std::uint8_t> whole = BindingRequest("80220003 41424300 000d0004 00000258");
  for (std::size_t size = 20; size < whole.size(); ++size) {
    EXPECT_EQ(ErrorOf(base::Bytes(whole).first(size)), ParseError::kBadLength) << size;
    std::vector<std::uint8_t> cut(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    cut[3] = static_cast<std::uint8_t>(size - 20);
    const bool ends_between_attributes = size == 20 || size == 28;
    EXPECT_EQ(MessageView::Parse(cut).has_value(), ends_between_attributes) << size;
  }
}

// Reading attributes.

TEST(MessageView, AnAttributeThatIsNotThereIsNotFound) {
  const std::vector<std::uint8_t> octets = BindingRequest("80220004 41414141");
  EXPECT_FALSE(MessageView::Parse(octets)->Has(AttributeType::kUsername));
}

TEST(MessageView, OctetsInsideAValueAreNotTakenForAnAttribute) {
  const std::vector<std::uint8_t> octets = BindingRequest("80220008 000d0004 00000000");
  EXPECT_FALSE(MessageView::Parse(octets)->Has(AttributeType::kLifetime));
}

TEST(MessageView, STUN_11_PaddingIsIgnoredWhateverItsValue) {
  const std::vector<std::uint8_t> octets =
      BindingRequest("00060005 4142434445 ffffff 000d0004 00000258");
  const std::optional<MessageView> message = MessageView::Parse(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(base::AsText(message->Find(AttributeType::kUsername)->value), "ABCDE");
  EXPECT_EQ(DecodeU32(message->Find(AttributeType::kLifetime)->value), 600u);
}

TEST(MessageView, STUN_12_OnlyTheFirstOfARepeatedAttributeCounts) {
  const std::vector<std::uint8_t> octets = BindingRequest("000d0004 000002bc 000d0004 00000bb8");
  EXPECT_EQ(DecodeU32(MessageView::Parse(octets)->Find(AttributeType::kLifetime)->value), 700u);
}

TEST(MessageView, TheFirstCountsEvenIfItIsMalformedAndTheSecondIsNot) {
  const std::vector<std::uint8_t> octets = BindingRequest("000d0002 02bc0000 000d0004 00000bb8");
  EXPECT_EQ(DecodeU32(MessageView::Parse(octets)->Find(AttributeType::kLifetime)->value),
            std::nullopt);
}

TEST(MessageView, RepeatedAttributesAreAllVisitedInOrder) {
  std::vector<std::uint32_t> values;
  const std::vector<std::uint8_t> octets = BindingRequest("00120001 01000000 00120001 02000000");
  MessageView::Parse(octets)->ForEach([&](const Attribute& a) { values.push_back(a.value[0]); });
  EXPECT_THAT(values, ElementsAre(1, 2));
}

TEST(MessageView, STUN_13_AnUnknownOptionalAttributeHidesNothing) {
  EXPECT_THAT(VisibleTypes(BindingRequest("fff00003 414243ff 000d0004 00000000")),
              ElementsAre(0xfff0, 0x000d));
}

TEST(MessageView, AnAttributeKnowsWhereItStands) {
  const std::vector<std::uint8_t> octets = BindingRequest("80220001 41000000 000d0004 00000258");
  const std::optional<Attribute> lifetime =
      MessageView::Parse(octets)->Find(AttributeType::kLifetime);
  ASSERT_TRUE(lifetime.has_value());
  EXPECT_EQ(lifetime->offset, 28u);
  EXPECT_EQ(lifetime->value.data(), octets.data() + 32);
}

TEST(MessageView, AnEmptyValueIsThere) {
  const std::vector<std::uint8_t> octets = BindingRequest("001a0000");
  const std::optional<Attribute> attribute =
      MessageView::Parse(octets)->Find(AttributeType::kDontFragment);
  ASSERT_TRUE(attribute.has_value());
  EXPECT_THAT(attribute->value, IsEmpty());
}

TEST(MessageView, OctetsMayStandAtAnOddAddress) {
  std::vector<std::uint8_t> octets = {0};
  const std::vector<std::uint8_t> message = BindingRequest("000d0004 00000258");
  octets.insert(octets.end(), message.begin(), message.end());
  const std::optional<MessageView> view = MessageView::Parse(base::Bytes(octets).subspan(1));
  ASSERT_TRUE(view.has_value());
  EXPECT_EQ(DecodeU32(view->Find(AttributeType::kLifetime)->value), 600u);
}

// What integrity covers, and what it hides.

TEST(MessageView, AUTH_21_WhatFollowsMessageIntegrityIsInvisible) {
  const std::vector<std::uint8_t> octets =
      BindingRequest(Join({kMessageIntegrityHex, kLifetimeZeroHex, "7f000000", "00120000"}));
  EXPECT_THAT(VisibleTypes(octets), ElementsAre(0x0008));
  EXPECT_FALSE(MessageView::Parse(octets)->Has(AttributeType::kLifetime));
}

TEST(MessageView, AUTH_21_Sha256AndFingerprintAreVisibleAfterMessageIntegrity) {
  const std::vector<std::uint8_t> octets = BindingRequest(
      Join({kMessageIntegrityHex, kLifetimeZeroHex, kMessageIntegritySha256Hex, kFingerprintHex}));
  EXPECT_THAT(VisibleTypes(octets), ElementsAre(0x0008, 0x001c, 0x8028));
}

TEST(MessageView, AUTH_22_WhatFollowsMessageIntegritySha256IsInvisible) {
  const std::vector<std::uint8_t> octets = BindingRequest(
      Join({kMessageIntegritySha256Hex, kLifetimeZeroHex, "7f000000", kFingerprintHex}));
  EXPECT_THAT(VisibleTypes(octets), ElementsAre(0x001c, 0x8028));
}

TEST(MessageView, MessageIntegrityAfterSha256IsInvisible) {
  const std::vector<std::uint8_t> octets =
      BindingRequest(Join({kMessageIntegritySha256Hex, kMessageIntegrityHex}));
  EXPECT_THAT(VisibleTypes(octets), ElementsAre(0x001c));
}

TEST(MessageView, B38_ASecondMessageIntegrityIsInvisible) {
  const std::vector<std::uint8_t> octets =
      BindingRequest(Join({kMessageIntegrityHex, kMessageIntegrityHex}));
  EXPECT_THAT(VisibleTypes(octets), ElementsAre(0x0008));
}

TEST(MessageView, ASecondSha256AfterBothIsInvisible) {
  const std::vector<std::uint8_t> octets = BindingRequest(
      Join({kMessageIntegrityHex, kMessageIntegritySha256Hex, kMessageIntegritySha256Hex}));
  EXPECT_THAT(VisibleTypes(octets), ElementsAre(0x0008, 0x001c));
}

TEST(MessageView, B37_AUserNameAfterMessageIntegrityIsNotFound) {
  const std::vector<std::uint8_t> octets =
      BindingRequest(Join({kMessageIntegrityHex, "00060004 41414141"}));
  EXPECT_FALSE(MessageView::Parse(octets)->Has(AttributeType::kUsername));
}

TEST(MessageView, EvenAMalformedMessageIntegrityHidesWhatFollows) {
  EXPECT_THAT(VisibleTypes(BindingRequest(Join({"00080000", kLifetimeZeroHex}))),
              ElementsAre(0x0008));
}

TEST(MessageView, WhatStandsBeforeIntegrityIsVisible) {
  EXPECT_THAT(VisibleTypes(BindingRequest(Join({kLifetimeZeroHex, kMessageIntegrityHex}))),
              ElementsAre(0x000d, 0x0008));
}

// Classic messages.

TEST(MessageView, AClassicMessageIsOnlyABindingRequest) {
  for (const std::string_view type : {"0003", "0011", "0101", "0111", "0004", "0002"}) {
    std::vector<std::uint8_t> octets = Message(type, "");
    octets[4] = 0x22;
    EXPECT_EQ(ClassicErrorOf(octets), ParseError::kBadCookie) << type;
  }
}

TEST(MessageView, AMessageWithTheCookieIsNotClassic) {
  EXPECT_EQ(ClassicErrorOf(BindingRequest("")), ParseError::kBadCookie);
}

TEST(MessageView, AClassicMessageIsHeldToTheSameForm) {
  const std::string id = "000102030405060708090a0b0c0d0e0f";
  EXPECT_EQ(ClassicErrorOf(FromHex("00010000 00010203")), ParseError::kTooShort);
  EXPECT_EQ(ClassicErrorOf(FromHex("80010000" + id)), ParseError::kNotStun);
  EXPECT_EQ(ClassicErrorOf(FromHex("00010008" + id)), ParseError::kBadLength);
  EXPECT_EQ(ClassicErrorOf(FromHex("00010004" + id + "00060004")), ParseError::kBadAttributes);
}

TEST(MessageView, AClassicMessageIsRefusedByTheOrdinaryDoor) {
  EXPECT_EQ(ErrorOf(FromHex("00010000 000102030405060708090a0b0c0d0e0f")), ParseError::kBadCookie);
}

TEST(MessageView, STUN_44_AClassicBindingRequestKeepsAllSixteenOctetsOfItsId) {
  const std::vector<std::uint8_t> octets =
      FromHex("00010008 000102030405060708090a0b0c0d0e0f 00030004 00000000");
  const std::optional<MessageView> message = MessageView::ParseClassic(octets);
  ASSERT_TRUE(message.has_value());
  EXPECT_TRUE(message->is_classic());
  EXPECT_THAT(message->cookie_and_transaction_id(),
              ElementsAre(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15));
  EXPECT_TRUE(message->Has(AttributeType::kChangeRequest));
}

}  // namespace stun::message_view_test
