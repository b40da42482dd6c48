#include "auth/access_token.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "protocol/base/crypto.h"
#include "tests/support/hex.h"
#include "tests/support/sealed_token.h"

namespace auth::access_token_test {

using std::chrono::seconds;
using ::test::FromHex;
using test_support::SealedToken;

using Octets = std::vector<std::uint8_t>;

constexpr std::string_view kServerName = "turn.example.org";

Octets Key() { return Octets(32, 0x6b); }

std::optional<AccessToken> Open(const Octets& token) {
  return OpenAccessToken(token, Key(), kServerName);
}

Octets Valid() { return SealedToken().Seal(Key(), kServerName); }

// RFC 7635 appendix A.
constexpr std::string_view kSampleName = "blackdow.carleon.gov";
constexpr std::string_view kSampleKey =
    "48476b6a33324b4a476975793039387364666171624e6a4f69617a3731393233";
constexpr std::string_view kSampleMacKey = "5a6b736a7077656f6978586d766e36373533346d";
constexpr std::string_view kSampleA256 =
    "000c68346a336b326c326e346235617ef134a3d5e44e9a19cc7dc104b0c03d03b2a551d8fdf5cd3b6dca6f10cfb77e"
    "5b2ddec84d293a5c50499359f0c2e26f76";
constexpr std::string_view kSampleA128 =
    "000c68346a336b326c326e3462357fb9e99f0827be3df1e1bd651493d3031d36df57079784aee5eacb65fad4f27fab"
    "1a3f97974b69f851b24bf5af09eda357e0";

void ExpectSample(const std::optional<AccessToken>& token) {
  ASSERT_TRUE(token.has_value());
  EXPECT_EQ(base::HexEncode(token->mac_key), kSampleMacKey);
  EXPECT_EQ(token->validity.lifetime, seconds(3600));
  // 92470300704768 is this many seconds and no fraction.
  EXPECT_EQ(token->validity.issued_at, base::WallTime(seconds(92470300704768 >> 16)));
}

TEST(AccessToken, OAUTH_07_TheSampleOfA256GcmOpens) {
  ExpectSample(OpenAccessToken(FromHex(kSampleA256), FromHex(kSampleKey), kSampleName));
}

TEST(AccessToken, OAUTH_07_TheSampleOfA128GcmOpensWithTheFirstHalfOfTheKey) {
  Octets key = FromHex(kSampleKey);
  key.resize(16);
  ExpectSample(OpenAccessToken(FromHex(kSampleA128), key, kSampleName));
}

TEST(AccessToken, OAUTH_04_AnotherServerNameOrKeyOpensNothing) {
  EXPECT_FALSE(OpenAccessToken(FromHex(kSampleA256), FromHex(kSampleKey), "blackdow.carleon.go"));
  EXPECT_FALSE(OpenAccessToken(FromHex(kSampleA256), FromHex(kSampleKey), ""));
  EXPECT_FALSE(OpenAccessToken(FromHex(kSampleA128), FromHex(kSampleKey), kSampleName));
  EXPECT_FALSE(OpenAccessToken(FromHex(kSampleA256), Octets(32, 0), kSampleName));
}

TEST(AccessToken, OAUTH_04_EachBitCounts) {
  const Octets token = Valid();
  for (std::size_t bit = 0; bit < token.size() * 8; ++bit) {
    Octets damaged = token;
    damaged[bit / 8] = static_cast<std::uint8_t>(damaged[bit / 8] ^ (1U << (bit % 8)));
    EXPECT_FALSE(Open(damaged)) << bit;
  }
}

TEST(AccessToken, OAUTH_10_EveryTruncationIsRefused) {
  const Octets token = Valid();
  ASSERT_TRUE(Open(token));
  for (std::size_t length = 0; length < token.size(); ++length) {
    // Of exactly that size, so that a sanitizer sees one octet too many.
    EXPECT_FALSE(Open(Octets(token.begin(), token.begin() + static_cast<std::ptrdiff_t>(length))))
        << length;
  }
}

TEST(AccessToken, OAUTH_10_WhatFollowsTheTokenSpoilsIt) {
  Octets token = Valid();
  token.push_back(0);
  EXPECT_FALSE(Open(token));
  token.resize(65535);
  EXPECT_FALSE(Open(token));
}

TEST(AccessToken, OAUTH_10_B87_NonceLengthsAreNotBelieved) {
  for (const unsigned length :
       {0U, 1U, 11U, 13U, 16U, 50U, 62U, 63U, 64U, 0x0100U, 0x7fffU, 0xffffU}) {
    Octets token = Valid();
    token[0] = static_cast<std::uint8_t>(length >> 8);
    token[1] = static_cast<std::uint8_t>(length);
    EXPECT_FALSE(Open(token)) << length;
  }
}

TEST(AccessToken, OAUTH_10_B87_KeyLengthsAreNotBelievedEither) {
  // Blocks that the authorization server itself sealed with a key_length that is not the key's.
  const auto opens = [](unsigned length, std::size_t key_octets) {
    Octets block(2 + key_octets + 8 + 4, 0x31);
    block[0] = static_cast<std::uint8_t>(length >> 8);
    block[1] = static_cast<std::uint8_t>(length);
    return Open(SealedToken().SealBlock(block, Key(), kServerName)).has_value();
  };
  EXPECT_TRUE(opens(20, 20));
  for (const unsigned length : {0U, 19U, 21U, 28U, 32U, 33U, 0x0100U, 0xffffU})
    EXPECT_FALSE(opens(length, 20)) << length;
}

TEST(AccessToken, OAUTH_10_KeysAreNeitherEmptyNorShortNorEndless) {
  for (const std::size_t size : {0U, 1U, 15U, 129U, 1000U, 60000U}) {
    SealedToken token;
    token.mac_key.assign(size, 1);
    EXPECT_FALSE(Open(token.Seal(Key(), kServerName))) << size;
  }
  for (const std::size_t size : {16U, 20U, 32U, 64U, 128U}) {
    SealedToken token;
    token.mac_key.assign(size, 1);
    EXPECT_EQ(Open(token.Seal(Key(), kServerName))->mac_key, token.mac_key);
  }
}

TEST(AccessToken, OAUTH_10_BlocksOfEveryLengthAreSafe) {
  for (std::size_t size = 0; size < 200; ++size) {
    EXPECT_FALSE(Open(SealedToken().SealBlock(Octets(size, 0), Key(), kServerName))) << size;
    EXPECT_FALSE(Open(SealedToken().SealBlock(Octets(size, 0xff), Key(), kServerName))) << size;
  }
}

TEST(AccessToken, OAUTH_05_TheTimestampHasFractionsOfA64000th) {
  SealedToken token;
  token.timestamp = (std::uint64_t{1000} << 16) | 32000U;
  EXPECT_EQ(Open(token.Seal(Key(), kServerName))->validity.issued_at,
            base::WallTime(std::chrono::milliseconds(1000500)));
}

TEST(AccessToken, OAUTH_05_NoTimestampOverflows) {
  SealedToken token;
  token.timestamp = ~std::uint64_t{0};
  token.lifetime_seconds = ~std::uint32_t{0};
  const auto opened = Open(token.Seal(Key(), kServerName));
  ASSERT_TRUE(opened);
  const base::WallTime now(seconds(1'795'000'000));
  EXPECT_GT(opened->validity.issued_at, now + seconds(5'000'000'000));
  EXPECT_LT(opened->validity.Remaining(now), seconds(0));
  token.timestamp = 0;
  EXPECT_EQ(Open(token.Seal(Key(), kServerName))->validity.Remaining(now),
            seconds(4294967295 + 5 - 1'795'000'000LL));
}

}  // namespace auth::access_token_test
