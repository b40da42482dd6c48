#include "protocol/stun/attributes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "tests/support/hex.h"

namespace stun::attributes_test {

using ::test::FromHex;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::Optional;

constexpr std::string_view kCookieAndIdHex = "2112a442 b7e7a701bc34d686fa87dfae";

std::string Plain(std::string_view hex) {
  const std::optional<AddressValue> address = DecodeAddress(FromHex(hex));
  return address ? address->endpoint.ToString() : "malformed";
}

std::string Xored(std::string_view hex, std::string_view cookie_and_id_hex = kCookieAndIdHex) {
  const std::optional<AddressValue> address =
      DecodeXorAddress(FromHex(hex), FromHex(cookie_and_id_hex));
  return address ? address->endpoint.ToString() : "malformed";
}

// Addresses.

TEST(Attributes, STUN_49_AnAddressOfTheWrongLengthForItsFamilyIsMalformed) {
  const std::string sixteen = "0102030405060708090a0b0c0d0e0f10";
  for (const std::string& hex :
       {std::string(), std::string("00"), std::string("0001"), std::string("00010d96"),
        std::string("00010d96 c00002"), std::string("00010d96 c000020100"), "00010d96" + sixteen,
        std::string("00020d96 c0000201"), "00020d96" + sixteen + "11",
        std::string("00020d96 0102030405060708090a0b0c0d0e0f")}) {
    EXPECT_EQ(Plain(hex), "malformed") << hex;
    EXPECT_EQ(Xored(hex), "malformed") << hex;
  }
}

TEST(Attributes, STUN_49_AnUnknownFamilyIsMalformed) {
  for (const std::string_view hex :
       {"00000d96 c0000201", "00030d96 c0000201", "00ff0d96 c0000201", "00110d96 c0000201"}) {
    EXPECT_EQ(Plain(hex), "malformed") << hex;
    EXPECT_EQ(Xored(hex), "malformed") << hex;
  }
}

TEST(Attributes, STUN_48_TheFirstOctetOfAnAddressIsIgnored) {
  EXPECT_EQ(Plain("ff010d96 c0000201"), "192.0.2.1:3478");
  EXPECT_EQ(Xored("ff01a147 e112a643"), "192.0.2.1:32853");
}

TEST(Attributes, APlainAddressIsReadAsItStands) {
  EXPECT_EQ(Plain("00010d96 c0000201"), "192.0.2.1:3478");
  EXPECT_EQ(Plain("00020d96 20010db8000000000000000000000001"), "[2001:db8::1]:3478");
}

TEST(Attributes, STUN_23_AnIpv4AddressIsXoredWithTheCookie) {
  EXPECT_EQ(Xored("0001a147 e112a643"), "192.0.2.1:32853");
}

TEST(Attributes, STUN_24_AnIpv6AddressIsXoredWithCookieAndTransactionId) {
  EXPECT_EQ(Xored("0002a147 0113a9faa5d3f179bc25f4b5bed2b9d9"),
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

TEST(Attributes, STUN_24_AnotherTransactionIdGivesAnotherIpv6Address) {
  EXPECT_NE(Xored("0002a147 0113a9faa5d3f179bc25f4b5bed2b9d9", "2112a442 b7e7a701bc34d686fa87dfaf"),
            "[2001:db8:1234:5678:11:2233:4455:6677]:32853");
}

TEST(Attributes, AnIpv4MappedAddressInAnIpv6AttributeIsTheIpv4AddressButItsSpellingIsKept) {
  const std::optional<AddressValue> address =
      DecodeAddress(FromHex("00020050 00000000000000000000ffff7f000001"));
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->endpoint.ToString(), "127.0.0.1:80");
  EXPECT_EQ(address->endpoint.address.family(), base::AddressFamily::kIpv4);
  EXPECT_EQ(address->wire_family, base::AddressFamily::kIpv6);
}

TEST(Attributes, AnXoredIpv4MappedAddressIsRecognisedToo) {
  // The mask over ::ffff:127.0.0.1.
  const std::optional<AddressValue> address = DecodeXorAddress(
      FromHex("00022142 2112a442b7e7a701bc3429798587dfaf"), FromHex(kCookieAndIdHex));
  ASSERT_TRUE(address.has_value());
  EXPECT_EQ(address->endpoint.ToString(), "127.0.0.1:80");
  EXPECT_EQ(address->wire_family, base::AddressFamily::kIpv6);
}

// Numbers.

TEST(Attributes, TURN_33_ALifetimeThatIsNotFourOctetsIsMalformed) {
  for (const std::string_view hex :
       {"", "00", "0258", "000258", "0000000258", "0000000000000258"}) {
    EXPECT_EQ(DecodeU32(FromHex(hex)), std::nullopt) << hex;
  }
}

TEST(Attributes, A32BitNumberIsInNetworkOrder) {
  EXPECT_EQ(DecodeU32(FromHex("00000258")), 600u);
  EXPECT_EQ(DecodeU32(FromHex("ffffffff")), 0xffffffffu);
}

TEST(Attributes, CHAN_15_AChannelNumberThatIsNotFourOctetsIsMalformed) {
  for (const std::string_view hex : {"", "4000", "400000", "4000000000", "4000000000000000"}) {
    EXPECT_EQ(DecodeChannelNumber(FromHex(hex)), std::nullopt) << hex;
  }
}

TEST(Attributes, CHAN_15_TheReservedOctetsOfAChannelNumberAreIgnored) {
  EXPECT_EQ(DecodeChannelNumber(FromHex("4000ffff")), kFirstChannel);
}

TEST(Attributes, AChannelNumberOutOfRangeIsGivenAsItIs) {
  EXPECT_EQ(DecodeChannelNumber(FromHex("ffff0000")), ChannelNumber{0xffff});
  EXPECT_EQ(DecodeChannelNumber(FromHex("00000000")), ChannelNumber{0});
}

TEST(Attributes, NBD_09_AResponsePortThatIsNeitherTwoNorFourOctetsIsMalformed) {
  for (const std::string_view hex : {"", "1f", "1f9000", "1f90000000", "1f90000000000000"}) {
    EXPECT_EQ(DecodeResponsePort(FromHex(hex)), std::nullopt) << hex;
  }
}

TEST(Attributes, NBD_09_WhatFillsAResponsePortUpIsIgnored) {
  EXPECT_EQ(DecodeResponsePort(FromHex("1f90")), 8080);
  EXPECT_EQ(DecodeResponsePort(FromHex("1f90ffff")), 8080);
}

TEST(Attributes, TURN_10_ARequestedTransportThatIsNotFourOctetsIsMalformed) {
  for (const std::string_view hex :
       {"", "11", "1100", "110000", "1100000000", "1100000000000000"}) {
    EXPECT_EQ(DecodeRequestedTransport(FromHex(hex)), std::nullopt) << hex;
  }
}

TEST(Attributes, TheReservedOctetsOfARequestedTransportAreIgnored) {
  EXPECT_EQ(DecodeRequestedTransport(FromHex("11ffffff")), 17);
  EXPECT_EQ(DecodeRequestedTransport(FromHex("06000000")), 6);
}

TEST(Attributes, ARequestedFamilyThatIsNotFourOctetsIsMalformed) {
  for (const std::string_view hex : {"", "01", "0200", "020000", "0200000000"}) {
    EXPECT_EQ(DecodeRequestedFamily(FromHex(hex)), std::nullopt) << hex;
  }
}

TEST(Attributes, V6_05_TheReservedOctetsOfARequestedFamilyAreIgnored) {
  EXPECT_EQ(DecodeRequestedFamily(FromHex("02ffffff")), 2);
}

TEST(Attributes, AnUnknownRequestedFamilyIsGivenAsItIs) {
  EXPECT_EQ(DecodeRequestedFamily(FromHex("03000000")), 3);
  EXPECT_EQ(DecodeRequestedFamily(FromHex("00000000")), 0);
}

TEST(Attributes, B57_AnEvenPortThatIsNotOneOctetIsMalformed) {
  for (const std::string_view hex : {"", "8000", "80000000"}) {
    EXPECT_EQ(DecodeEvenPort(FromHex(hex)), std::nullopt) << hex;
  }
}

TEST(Attributes, B57_OnlyTheFirstBitOfEvenPortCounts) {
  EXPECT_EQ(DecodeEvenPort(FromHex("80")), true);
  EXPECT_EQ(DecodeEvenPort(FromHex("ff")), true);
  EXPECT_EQ(DecodeEvenPort(FromHex("7f")), false);
  EXPECT_EQ(DecodeEvenPort(FromHex("00")), false);
}

TEST(Attributes, B58_AReservationTokenThatIsNotEightOctetsIsMalformed) {
  for (const std::string_view hex : {"", "01020304050607", "010203040506070809"}) {
    EXPECT_EQ(DecodeReservationToken(FromHex(hex)), std::nullopt) << hex;
  }
}

TEST(Attributes, AReservationTokenIsItsEightOctets) {
  EXPECT_THAT(DecodeReservationToken(FromHex("0102030405060708")),
              Optional(ElementsAre(1, 2, 3, 4, 5, 6, 7, 8)));
}

// Password algorithms.

TEST(Attributes, B53_APasswordAlgorithmWithParametersBeyondItsEndIsMalformed) {
  for (const std::string_view hex : {"", "00", "0002", "000200", "00020001", "0002000400000000ff",
                                     "0002ffff", "000200050000000000000000ff"}) {
    EXPECT_FALSE(DecodePasswordAlgorithm(FromHex(hex)).has_value()) << hex;
  }
}

TEST(Attributes, APasswordAlgorithmFollowedByAnotherIsMalformed) {
  EXPECT_FALSE(DecodePasswordAlgorithm(FromHex("00020000 00010000")).has_value());
}

TEST(Attributes, APasswordAlgorithmIsANumberAndItsParameters) {
  const std::vector<std::uint8_t> value = FromHex("00020003 aabbcc");
  const std::optional<PasswordAlgorithmEntry> entry = DecodePasswordAlgorithm(value);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->number, static_cast<std::uint16_t>(PasswordAlgorithm::kSha256));
  EXPECT_THAT(entry->parameters, ElementsAre(0xaa, 0xbb, 0xcc));
}

TEST(Attributes, PaddingAfterTheParametersIsIgnoredWhateverItsValue) {
  EXPECT_THAT(DecodePasswordAlgorithm(FromHex("00020003 aabbccff"))->parameters.size(), 3u);
}

TEST(Attributes, AnUnknownPasswordAlgorithmIsGivenAsItIs) {
  EXPECT_EQ(DecodePasswordAlgorithm(FromHex("ffff0000"))->number, 0xffff);
}

TEST(Attributes, B52_AListWithATruncatedAlgorithmIsMalformed) {
  for (const std::string_view hex :
       {"00", "00020004", "00020000 00", "00020000 0001", "00020000 000100", "00020000 00010001",
        "00020000 00010004 aabbcc"}) {
    EXPECT_FALSE(DecodePasswordAlgorithms(FromHex(hex)).has_value()) << hex;
  }
}

TEST(Attributes, B52_AVeryLongListIsMalformed) {
  std::string hex;
  for (std::size_t i = 0; i < kMaxPasswordAlgorithms; ++i) hex.append("00020000");
  EXPECT_TRUE(DecodePasswordAlgorithms(FromHex(hex)).has_value());
  EXPECT_FALSE(DecodePasswordAlgorithms(FromHex(hex + "00020000")).has_value());
}

TEST(Attributes, AnEmptyListOfAlgorithmsIsMalformed) {
  EXPECT_FALSE(DecodePasswordAlgorithms({}).has_value());
}

TEST(Attributes, AListOfAlgorithmsKeepsItsOrder) {
  const std::vector<std::uint8_t> value = FromHex("00020000 00030001 aaffffff 00010000");
  const std::optional<std::vector<PasswordAlgorithmEntry>> entries =
      DecodePasswordAlgorithms(value);
  ASSERT_TRUE(entries.has_value());
  ASSERT_EQ(entries->size(), 3u);
  EXPECT_EQ((*entries)[0].number, 2);
  EXPECT_EQ((*entries)[1].number, 3);
  EXPECT_THAT((*entries)[1].parameters, ElementsAre(0xaa));
  EXPECT_EQ((*entries)[2].number, 1);
  EXPECT_THAT((*entries)[2].parameters, IsEmpty());
}

// Errors.

TEST(Attributes, AnErrorCodeShorterThanFourOctetsIsMalformed) {
  for (const std::string_view hex : {"", "00", "0000", "000004"}) {
    EXPECT_FALSE(DecodeErrorCode(FromHex(hex)).has_value()) << hex;
  }
}

TEST(Attributes, STUN_20_AnErrorClassOrNumberOutOfRangeIsMalformed) {
  for (const std::string_view hex :
       {"00000000", "00000114", "00000214", "00000714", "00000464", "000004ff"}) {
    EXPECT_FALSE(DecodeErrorCode(FromHex(hex)).has_value()) << hex;
  }
}

TEST(Attributes, ALongerReasonThanAReaderMustTakeIsMalformed) {
  EXPECT_TRUE(DecodeErrorCode(FromHex("00000414" + std::string(2 * 763, '4'))).has_value());
  EXPECT_FALSE(DecodeErrorCode(FromHex("00000414" + std::string(2 * 764, '4'))).has_value());
}

TEST(Attributes, STUN_20_TheReservedBitsOfAnErrorCodeAreIgnored) {
  EXPECT_EQ(DecodeErrorCode(FromHex("fffffc14"))->code, 420);
}

TEST(Attributes, AnErrorCodeIsClassTimesHundredPlusNumber) {
  const std::vector<std::uint8_t> value = FromHex("00000326 4142");
  const std::optional<ErrorCodeValue> error = DecodeErrorCode(value);
  ASSERT_TRUE(error.has_value());
  EXPECT_EQ(error->code, 338);
  EXPECT_EQ(error->reason, "AB");
  EXPECT_EQ(DecodeErrorCode(FromHex("00000663"))->code, 699);
}

TEST(Attributes, AnOddNumberOfOctetsIsNoListOfTypes) {
  EXPECT_EQ(DecodeUnknownAttributes(FromHex("7f0001")), std::nullopt);
}

TEST(Attributes, STUN_15_UnknownTypesAreAListOf16BitNumbers) {
  EXPECT_THAT(DecodeUnknownAttributes(FromHex("7f00 001a ffff")),
              Optional(ElementsAre(static_cast<AttributeType>(0x7f00), AttributeType::kDontFragment,
                                   static_cast<AttributeType>(0xffff))));
}

}  // namespace stun::attributes_test
