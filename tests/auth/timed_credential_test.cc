#include "auth/timed_credential.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

namespace auth::timed_credential_test {

using std::chrono::seconds;
using std::string_view_literals::operator""sv;

class NoTimedUsername : public testing::TestWithParam<std::string_view> {};

TEST_P(NoTimedUsername, IsNotTakenForOne) { EXPECT_FALSE(ParseTimedUsername(GetParam())); }

INSTANTIATE_TEST_SUITE_P(All, NoTimedUsername,
                         testing::Values(""sv, ":"sv, ":alice"sv, "alice"sv, "alice:1795197600"sv,
                                         " 1795197600:alice"sv, "1795197600 :alice"sv,
                                         "+1795197600:alice"sv, "-1:alice"sv, "0x6B000000:alice"sv,
                                         "1.8e9:alice"sv, "1795197600\n:alice"sv,
                                         "1795197600\0:alice"sv, "17951976xx:alice"sv,
                                         "1795197600000:alice"sv,               // milliseconds
                                         "99999999999:alice"sv,                 // beyond the clock
                                         "18446744073709551617:alice"sv,        // 1 modulo 2^64
                                         "\xef\xbc\x91\xef\xbc\x92:alice"sv));  // other digits

TEST(TimedUsername, IsAnExpiryAndARest) {
  const auto parsed = ParseTimedUsername("1795197600:alice");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->expires_at, base::WallTime(seconds(1795197600)));
  EXPECT_EQ(parsed->subject, "alice");
  EXPECT_EQ(parsed->tenant, "");
  EXPECT_EQ(parsed->kid, "");
}

TEST(TimedUsername, MayBeAnExpiryAlone) {
  for (const std::string_view name : {"1795197600"sv, "1795197600:"sv}) {
    const auto parsed = ParseTimedUsername(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->subject, "1795197600");
  }
}

TEST(TimedUsername, KeepsTheRestWhole) {
  EXPECT_EQ(ParseTimedUsername("1795197600:a:b:c")->subject, "a:b:c");
  EXPECT_EQ(ParseTimedUsername("1795197600: alice ")->subject, " alice ");
  EXPECT_EQ(ParseTimedUsername("1795197600:a\0b\n\xff"sv)->subject, "a\0b\n\xff"sv);
}

TEST(TimedUsername, TakesAnExpiryLongAgo) {
  EXPECT_EQ(ParseTimedUsername("0:alice")->expires_at, base::WallTime());
  EXPECT_EQ(ParseTimedUsername("00000000001:alice")->expires_at, base::WallTime(seconds(1)));
}

TEST(TimedUsername, OfTheServiceNamesKeyTenantAndSubject) {
  const auto parsed = ParseTimedUsername("1795197600:k1.acme.9f2c:7d1e");
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->kid, "k1");
  EXPECT_EQ(parsed->tenant, "acme");
  EXPECT_EQ(parsed->subject, "acme.9f2c");
}

TEST(TimedUsername, OfTheServiceHasTheSameSubjectUnderEveryKeyAndToken) {
  EXPECT_EQ(ParseTimedUsername("1795197600:k1.acme.9f2c:7d1e")->subject,
            ParseTimedUsername("1795200000:k2.acme.9f2c:0000")->subject);
}

TEST(TimedUsername, ThatMissesAPartIsJustARest) {
  for (const std::string_view rest :
       {"k1.acme.9f2c"sv, "k1.acme.9f2c:"sv, "k1.acme:7d1e"sv, ".acme.9f2c:7d1e"sv,
        "k1..9f2c:7d1e"sv, "k1.acme.:7d1e"sv, "k1.acme.9f.2c:7d1e"sv, "k1.acme.9f2c:7d1e:x"sv}) {
    const std::string name = "1795197600:" + std::string(rest);
    const auto parsed = ParseTimedUsername(name);
    ASSERT_TRUE(parsed) << name;
    EXPECT_EQ(parsed->subject, rest);
    EXPECT_EQ(parsed->tenant, "");
    EXPECT_EQ(parsed->kid, "");
  }
}

// Made with another implementation of HMAC.
TEST(TimedPassword, IsTheBase64OfHmacSha1) {
  EXPECT_EQ(TimedPassword("north", "1433065916"), "OMhSl2ZR3ZKMX2YLIeBl1ZE3/Gc=");
  EXPECT_EQ(TimedPassword("north", "1795197600:alice"), "DOCmuJGwXKB9Os8vwn2wZ8bReu0=");
  EXPECT_EQ(TimedPassword("k1 secret", "1795197600:k1.acme.9f2c:7d1e"),
            "DbgSnXxxRiZ8esvpmj5/C1thp7s=");
}

}  // namespace auth::timed_credential_test
