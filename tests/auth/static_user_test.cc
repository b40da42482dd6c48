#include "auth/static_user.h"

#include <gtest/gtest.h>

#include <string>

namespace auth::static_user_test {

TEST(StaticUser, AUTH_30_DerivesTheMd5KeyOfTheRfc) {
  const auto user = StaticUser::FromPassword("user", "realm", "pass");
  ASSERT_TRUE(user.ok());
  ASSERT_TRUE(user.value().md5_key);
  EXPECT_EQ(base::HexEncode(*user.value().md5_key), "8493fbc53ba582fb4c044c456bdc40eb");
}

TEST(StaticUser, AUTH_32_DerivesTheSha256Key) {
  const auto user = StaticUser::FromPassword("user", "realm", "pass");
  ASSERT_TRUE(user.ok());
  ASSERT_TRUE(user.value().sha256_key);
  EXPECT_EQ(base::HexEncode(*user.value().sha256_key),
            "07e934117abd40836e7c6329b54731b2b2d2a5f9a71f544922d75e0730d8251b");
}

TEST(StaticUser, AUTH_42_TakesTheNameAndPasswordOfThePublishedVectors) {
  const auto user = StaticUser::FromPassword(
      "\xe3\x83\x9e\xe3\x83\x88\xe3\x83\xaa\xe3\x83\x83\xe3\x82\xaf\xe3\x82\xb9", "example.org",
      "TheMatrIX");
  ASSERT_TRUE(user.ok());
  EXPECT_EQ(base::HexEncode(*user.value().md5_key), "e8ca7ad59d5eb0518e312911d2dab2a9");
  EXPECT_EQ(base::HexEncode(*user.value().sha256_key),
            "dd295a613b9058c3c23d6dc7165bda072304d989c9d0af3a8c7e184b4f9bb4a1");
}

TEST(StaticUser, PreparesTheNameAndThePassword) {
  const auto odd = StaticUser::FromPassword(
      "a\xc2\xa0"
      "b",
      "r", "p\xe3\x80\x80q");
  const auto plain = StaticUser::FromPassword("a b", "r", "p q");
  ASSERT_TRUE(odd.ok());
  ASSERT_TRUE(plain.ok());
  EXPECT_EQ(odd.value(), plain.value());
}

TEST(StaticUser, RefusesAnEmptyNameAndAnEmptyPassword) {
  EXPECT_EQ(StaticUser::FromPassword("", "r", "p").error().message, "the user name is empty");
  EXPECT_EQ(StaticUser::FromPassword("u", "r", "").error().message, "the password is empty");
}

TEST(StaticUser, RefusesANameThatNoClientMaySend) {
  EXPECT_TRUE(StaticUser::FromPassword(std::string(508, 'x'), "r", "p").ok());
  EXPECT_FALSE(StaticUser::FromPassword(std::string(509, 'x'), "r", "p").ok());
}

TEST(StaticUser, ErrorsDoNotRepeatThePassword) {
  const auto user = StaticUser::FromPassword("u", "r", "hunter2\n");
  ASSERT_FALSE(user.ok());
  EXPECT_EQ(user.error().message.find("hunter2"), std::string::npos);
}

TEST(StaticUser, AUTH_44_TakesAKeyInsteadOfAPassword) {
  const auto md5 = StaticUser::FromKey("user", "8493FBC53ba582fb4c044c456bdc40eb");
  ASSERT_TRUE(md5.ok());
  EXPECT_EQ(md5.value().md5_key, StaticUser::FromPassword("user", "realm", "pass").value().md5_key);
  EXPECT_FALSE(md5.value().sha256_key);
  const auto sha256 = StaticUser::FromKey("user", std::string(64, '0'));
  ASSERT_TRUE(sha256.ok());
  EXPECT_FALSE(sha256.value().md5_key);
  EXPECT_EQ(sha256.value().sha256_key, base::Sha256Digest{});
}

TEST(StaticUser, RefusesWhatIsNoKey) {
  for (const std::string& key : {std::string(), std::string("pass"), std::string(31, '0'),
                                 std::string(40, '0'), std::string(32, 'g')}) {
    EXPECT_FALSE(StaticUser::FromKey("user", key).ok()) << key;
  }
}

}  // namespace auth::static_user_test
