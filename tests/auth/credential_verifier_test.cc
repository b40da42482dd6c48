#include "auth/credential_verifier.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "auth/timed_credential.h"
#include "protocol/stun/integrity.h"
#include "tests/support/sealed_token.h"

namespace auth::credential_verifier_test {

using std::string_view_literals::operator""sv;
using stun::PasswordAlgorithm;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::string_view kRealm = "example.org";

StaticUser User(std::string_view name, std::string_view password) {
  return StaticUser::FromPassword(name, kRealm, password).value();
}

CredentialVerifier Verifier() {
  return {
      std::string(kRealm), {User("alice", "secret")}, KeyRing({{"k1", "north"}, {"k2", "south"}})};
}

std::vector<turn::Credential> Find(const CredentialVerifier& verifier, std::string_view username,
                                   PasswordAlgorithm algorithm = PasswordAlgorithm::kMd5) {
  std::vector<turn::Credential> found;
  verifier.FindByUsername(username, algorithm, found);
  return found;
}

std::vector<turn::Credential> FindHash(const CredentialVerifier& verifier,
                                       const base::Sha256Digest& hash,
                                       PasswordAlgorithm algorithm = PasswordAlgorithm::kMd5) {
  std::vector<turn::Credential> found;
  verifier.FindByUserhash(hash, algorithm, found);
  return found;
}

TEST(CredentialVerifier, KnowsNobodyByDefault) {
  const CredentialVerifier verifier(std::string(kRealm), {}, KeyRing());
  EXPECT_TRUE(verifier.is_empty());
  EXPECT_THAT(Find(verifier, "alice"), IsEmpty());
  EXPECT_THAT(Find(verifier, "1795197600:alice"), IsEmpty());
  EXPECT_THAT(FindHash(verifier, {}), IsEmpty());
}

TEST(CredentialVerifier, TestersReachRelaysOnlyAndNobodyElseIsOne) {
  const auto verifier = Verifier();
  const auto testers = Find(verifier, "1795197600:k1.~check.9f2c:7d1e");
  ASSERT_THAT(testers, SizeIs(1));
  EXPECT_TRUE(testers.front().relays_only);
  EXPECT_EQ(testers.front().subject, "~check.9f2c");
  for (const char* other : {"1795197600:k1.check.9f2c:7d1e", "1795197600:~check", "alice",
                            "1795197600:k1.acme.~check:7d1e", "1795197600:~check.acme.9f2c:7d1e"}) {
    for (const turn::Credential& credential : Find(verifier, other))
      EXPECT_FALSE(credential.relays_only) << other;
  }
}

class StrangeUsername : public testing::TestWithParam<std::string_view> {};

TEST_P(StrangeUsername, IsNobodysName) {
  const auto verifier = Verifier();
  EXPECT_THAT(Find(verifier, GetParam()), IsEmpty());
  EXPECT_THAT(Find(verifier, GetParam(), PasswordAlgorithm::kSha256), IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, StrangeUsername,
                         testing::Values(""sv, "bob"sv, "Alice"sv, "alice\0"sv, "alice\n"sv,
                                         "ali\0ce"sv, "\xff\xfe"sv, "%s%n"sv, "' OR 1=1--"sv,
                                         "\x1b]0;x\x07"sv, "al"sv, "alicee"sv));

TEST(CredentialVerifier, KnowsNobodyByALongName) {
  const auto verifier = Verifier();
  EXPECT_THAT(Find(verifier, std::string(763, 'a')), IsEmpty());
  // A timed name, but longer than any USERNAME may be.
  EXPECT_THAT(Find(verifier, "1795197600:" + std::string(753, 'a')), IsEmpty());
}

TEST(CredentialVerifier, AUTH_41_TakesANameOf763Octets) {
  const std::string name = "1795197600:" + std::string(752, 'a');
  ASSERT_EQ(name.size(), 763U);
  EXPECT_THAT(Find(Verifier(), name), SizeIs(2));
}

TEST(CredentialVerifier, FindsAFixedUserWithEitherAlgorithm) {
  const auto verifier = Verifier();
  const auto md5 = Find(verifier, "alice");
  ASSERT_THAT(md5, SizeIs(1));
  EXPECT_EQ(md5[0].username, "alice");
  EXPECT_EQ(md5[0].subject, "alice");
  EXPECT_EQ(md5[0].tenant, "");
  EXPECT_FALSE(md5[0].expires_at);
  EXPECT_THAT(md5[0].key, ElementsAreArray(stun::LongTermKeyMd5("alice", kRealm, "secret")));
  const auto sha256 = Find(verifier, "alice", PasswordAlgorithm::kSha256);
  ASSERT_THAT(sha256, SizeIs(1));
  EXPECT_THAT(sha256[0].key, ElementsAreArray(stun::LongTermKeySha256("alice", kRealm, "secret")));
}

TEST(CredentialVerifier, KnowsAUserWithOneKeyOnlyByItsAlgorithm) {
  const CredentialVerifier verifier(
      std::string(kRealm), {StaticUser::FromKey("bob", std::string(32, '1')).value()}, KeyRing());
  EXPECT_THAT(Find(verifier, "bob"), SizeIs(1));
  EXPECT_THAT(Find(verifier, "bob", PasswordAlgorithm::kSha256), IsEmpty());
}

TEST(CredentialVerifier, AUTH_38_FindsAFixedUserByUserhash) {
  const auto verifier = Verifier();
  const auto found = FindHash(verifier, stun::Userhash("alice", kRealm));
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].username, "alice");
  EXPECT_THAT(FindHash(verifier, stun::Userhash("alice", "elsewhere")), IsEmpty());
  EXPECT_THAT(FindHash(verifier, stun::Userhash("bob", kRealm)), IsEmpty());
}

TEST(CredentialVerifier, DoesNotFindTimedNamesByUserhash) {
  EXPECT_THAT(FindHash(Verifier(), stun::Userhash("1795197600:alice", kRealm)), IsEmpty());
}

TEST(CredentialVerifier, OffersATimedNameUnderEverySecret) {
  const auto found = Find(Verifier(), "1795197600:alice");
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].username, "1795197600:alice");
  EXPECT_EQ(found[0].subject, "alice");
  EXPECT_EQ(found[0].expires_at, base::WallTime(std::chrono::seconds(1795197600)));
  EXPECT_EQ(base::HexEncode(found[0].key), "c779d9748c0a131e4318ee550420ee51");
  EXPECT_NE(found[0].key, found[1].key);
  const auto sha256 = Find(Verifier(), "1795197600:alice", PasswordAlgorithm::kSha256);
  ASSERT_THAT(sha256, SizeIs(2));
  EXPECT_EQ(base::HexEncode(sha256[0].key),
            "c2c0d89e2d688d5db4c7aee5b04a4a66964c872c93e6e1a945ce61db5c9bd5f4");
}

TEST(CredentialVerifier, OffersExpiredNamesTooWithTheirExpiry) {
  const auto found = Find(Verifier(), "1:alice");
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_EQ(found[0].expires_at, base::WallTime(std::chrono::seconds(1)));
}

TEST(CredentialVerifier, KeyOfAnotherSecretDiffers) {
  const CredentialVerifier verifier(std::string(kRealm), {},
                                    KeyRing({SharedSecret{"k1", "wrong"}}));
  const auto found = Find(verifier, "1795197600:alice");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_NE(base::HexEncode(found[0].key), "c779d9748c0a131e4318ee550420ee51");
}

TEST(CredentialVerifier, TriesOnlyTheSecretThatTheNameNames) {
  const std::string name = "1795197600:k2.acme.9f2c:7d1e";
  const auto found = Find(Verifier(), name);
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_EQ(found[0].subject, "acme.9f2c");
  EXPECT_EQ(found[0].tenant, "acme");
  EXPECT_THAT(found[0].key,
              ElementsAreArray(stun::LongTermKeyMd5(name, kRealm, TimedPassword("south", name))));
}

TEST(CredentialVerifier, TriesEverySecretWhenTheNamedOneIsUnknown) {
  EXPECT_THAT(Find(Verifier(), "1795197600:k9.acme.9f2c:7d1e"), SizeIs(2));
}

TEST(CredentialVerifier, AFixedUserMayHaveATimedLookingName) {
  const CredentialVerifier verifier(std::string(kRealm), {User("1795197600:alice", "p")},
                                    KeyRing({SharedSecret{"k1", "north"}}));
  const auto found = Find(verifier, "1795197600:alice");
  ASSERT_THAT(found, SizeIs(2));
  EXPECT_FALSE(found[0].expires_at);
  EXPECT_TRUE(found[1].expires_at);
}

TEST(CredentialVerifier, OfTwoUsersWithOneNameTheFirstCounts) {
  const CredentialVerifier verifier(std::string(kRealm), {User("a", "first"), User("a", "second")},
                                    KeyRing());
  const auto found = Find(verifier, "a");
  ASSERT_THAT(found, SizeIs(1));
  EXPECT_THAT(found[0].key, ElementsAreArray(stun::LongTermKeyMd5("a", kRealm, "first")));
}

TEST(CredentialVerifier, AppendsToWhatIsThere) {
  std::vector<turn::Credential> found(1);
  Verifier().FindByUsername("alice", PasswordAlgorithm::kMd5, found);
  EXPECT_THAT(found, SizeIs(2));
}

using Octets = std::vector<std::uint8_t>;

const AccessTokenSettings kTokens{"turn.example.org",
                                  {{"north", Octets(32, 1)}, {"south", Octets(16, 2)}}};

CredentialVerifier TokenVerifier() {
  return {std::string(kRealm), {User("alice", "secret")}, KeyRing(), kTokens};
}

Octets Token(const Octets& key, std::uint8_t mac_key_octet = 7) {
  test_support::SealedToken token;
  token.mac_key.assign(20, mac_key_octet);
  return token.Seal(key, kTokens.server_name);
}

TEST(CredentialVerifier, OAUTH_02_WithoutKeysNoTokensAreTaken) {
  EXPECT_EQ(Verifier().token_server_name(), "");
  EXPECT_FALSE(Verifier().OpenAccessToken("north", Token(Octets(32, 1))));
  const CredentialVerifier no_keys(std::string(kRealm), {}, KeyRing(), {"turn.example.org", {}});
  EXPECT_EQ(no_keys.token_server_name(), "");
  EXPECT_TRUE(no_keys.is_empty());
}

TEST(CredentialVerifier, OAUTH_01_TokensAreTakenUnderTheServersName) {
  EXPECT_EQ(TokenVerifier().token_server_name(), "turn.example.org");
  EXPECT_FALSE(CredentialVerifier(std::string(kRealm), {}, KeyRing(), kTokens).is_empty());
}

TEST(CredentialVerifier, OAUTH_03_OnlyTheNamedKeyOpensAToken) {
  const auto verifier = TokenVerifier();
  EXPECT_TRUE(verifier.OpenAccessToken("north", Token(Octets(32, 1))));
  EXPECT_TRUE(verifier.OpenAccessToken("south", Token(Octets(16, 2))));
  EXPECT_FALSE(verifier.OpenAccessToken("south", Token(Octets(32, 1))));
  EXPECT_FALSE(verifier.OpenAccessToken("north", Token(Octets(16, 2))));
  for (const std::string_view kid : {"", "North", "north ", "alice", "east"})
    EXPECT_FALSE(verifier.OpenAccessToken(kid, Token(Octets(32, 1))));
}

TEST(CredentialVerifier, OAUTH_06_ATokensKeyIsItsMacKeyAndItsSubjectIsItself) {
  const auto verifier = TokenVerifier();
  const auto one = verifier.OpenAccessToken("north", Token(Octets(32, 1), 7));
  const auto again = verifier.OpenAccessToken("north", Token(Octets(32, 1), 7));
  const auto other = verifier.OpenAccessToken("north", Token(Octets(32, 1), 8));
  ASSERT_TRUE(one && again && other);
  EXPECT_EQ(one->key, Octets(20, 7));
  EXPECT_EQ(one->username, "north");
  EXPECT_EQ(one->tenant, "north");
  EXPECT_EQ(one->subject, again->subject);
  EXPECT_NE(one->subject, other->subject);
  EXPECT_EQ(one->subject.find(std::string(20, '\7')), std::string::npos);
  EXPECT_EQ(one->token->lifetime, std::chrono::seconds(3600));
  EXPECT_FALSE(one->expires_at);
}

TEST(CredentialVerifier, TheNameOfAKeyIsNoUser) {
  EXPECT_THAT(Find(TokenVerifier(), "north"), IsEmpty());
  EXPECT_THAT(FindHash(TokenVerifier(), stun::Userhash("north", kRealm)), IsEmpty());
  EXPECT_THAT(Find(TokenVerifier(), "alice"), SizeIs(1));
}

}  // namespace auth::credential_verifier_test
