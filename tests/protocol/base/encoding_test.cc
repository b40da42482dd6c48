#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "protocol/base/crypto.h"

namespace base::encoding_test {

using ::testing::ElementsAre;
using ::testing::Optional;

std::string Base64Text(std::string_view text) {
  const std::optional<std::vector<std::uint8_t>> octets = Base64Decode(text);
  return octets ? std::string(AsText(*octets)) : "not base64";
}

TEST(Encoding, HexOfAnOddNumberOfDigitsIsRefused) { EXPECT_EQ(HexDecode("abc"), std::nullopt); }

TEST(Encoding, HexWithAnythingElseInItIsRefused) {
  for (const std::string_view text :
       {"0g", "g0", " 0", "0 ", "0x", "-1", "+1", "/0", ":0", "@a", "`a"}) {
    EXPECT_EQ(HexDecode(text), std::nullopt) << text;
  }
  EXPECT_EQ(HexDecode(std::string_view("\0\0", 2)), std::nullopt);
}

TEST(Encoding, HexIsReadInEitherCase) {
  EXPECT_THAT(HexDecode("00fFAb9C"), Optional(ElementsAre(0x00, 0xff, 0xab, 0x9c)));
}

TEST(Encoding, HexIsWrittenInLowerCase) {
  EXPECT_EQ(HexEncode(std::array<std::uint8_t, 4>{0x00, 0xff, 0xab, 0x9c}), "00ffab9c");
}

TEST(Encoding, NothingIsNothingInEachEncoding) {
  EXPECT_EQ(HexEncode({}), "");
  EXPECT_EQ(Base64Encode({}), "");
  EXPECT_EQ(Base64UrlEncode({}), "");
  EXPECT_THAT(HexDecode(""), Optional(ElementsAre()));
  EXPECT_THAT(Base64Decode(""), Optional(ElementsAre()));
}

TEST(Encoding, Base64WithoutItsPaddingIsRefused) {
  EXPECT_EQ(Base64Decode("Zg"), std::nullopt);
  EXPECT_EQ(Base64Decode("Zg="), std::nullopt);
  EXPECT_EQ(Base64Decode("Zm8"), std::nullopt);
}

TEST(Encoding, Base64WithPaddingElsewhereIsRefused) {
  for (const std::string_view text :
       {"====", "Z===", "A===", "Zg=a", "=Zg=", "Zg==Zg==", "Zm9v===="}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
}

TEST(Encoding, Base64WithBitsLeftOverIsRefused) {
  EXPECT_EQ(Base64Decode("Zh=="), std::nullopt);
  EXPECT_EQ(Base64Decode("Zm9="), std::nullopt);
}

TEST(Encoding, Base64WithForeignCharactersIsRefused) {
  for (const std::string_view text : {"Zm9-", "Zm9_", "Zm9 ", "Zm\n9", "Zm9\xff"}) {
    EXPECT_EQ(Base64Decode(text), std::nullopt) << text;
  }
}

// RFC 4648 section 10.
TEST(Encoding, Base64OfThePublishedExamples) {
  EXPECT_EQ(Base64Encode(AsBytes("f")), "Zg==");
  EXPECT_EQ(Base64Encode(AsBytes("fo")), "Zm8=");
  EXPECT_EQ(Base64Encode(AsBytes("foo")), "Zm9v");
  EXPECT_EQ(Base64Encode(AsBytes("foob")), "Zm9vYg==");
  EXPECT_EQ(Base64Encode(AsBytes("fooba")), "Zm9vYmE=");
  EXPECT_EQ(Base64Encode(AsBytes("foobar")), "Zm9vYmFy");
  EXPECT_EQ(Base64Text("Zg=="), "f");
  EXPECT_EQ(Base64Text("Zm8="), "fo");
  EXPECT_EQ(Base64Text("Zm9v"), "foo");
  EXPECT_EQ(Base64Text("Zm9vYmFy"), "foobar");
}

TEST(Encoding, Base64UrlUsesItsOwnAlphabetAndNoPadding) {
  const std::array<std::uint8_t, 4> octets = {0xfb, 0xef, 0xff, 0xff};
  EXPECT_EQ(Base64Encode(octets), "++///w==");
  EXPECT_EQ(Base64UrlEncode(octets), "--___w");
}

TEST(Encoding, EveryOctetSurvivesBothEncodings) {
  std::vector<std::uint8_t> octets;
  for (int i = 0; i < 256; ++i) {
    octets.push_back(static_cast<std::uint8_t>(i));
    EXPECT_EQ(HexDecode(HexEncode(octets)), octets);
    EXPECT_EQ(Base64Decode(Base64Encode(octets)), octets);
  }
}

}  // namespace base::encoding_test
