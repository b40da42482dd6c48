#include "auth/credential_issuer.h"

#include <gtest/gtest.h>

#include "auth/timed_credential.h"

#include <string>
#include <vector>

#include "auth/credential_verifier.h"
#include "protocol/stun/integrity.h"

namespace auth::credential_issuer_test {

using std::chrono::seconds;

constexpr seconds kHour{3600};
const base::WallTime kNow{seconds(1795194000)};

TEST(CredentialIssuer, MakesTheNameAndPasswordOfTheDraft) {
  const auto issued = CredentialIssuer({"k1", "north"}).Issue("alice", kHour, kNow);
  ASSERT_TRUE(issued.ok());
  EXPECT_EQ(issued.value().username, "1795197600:alice");
  EXPECT_EQ(issued.value().password, "DOCmuJGwXKB9Os8vwn2wZ8bReu0=");
  EXPECT_EQ(issued.value().expires_at, kNow + kHour);
}

TEST(CredentialIssuer, NeverOutlivesWhatWasAskedFor) {
  const auto later = kNow + std::chrono::milliseconds(999);
  const auto issued = CredentialIssuer({"k1", "north"}).Issue("alice", kHour, later);
  ASSERT_TRUE(issued.ok());
  EXPECT_EQ(issued.value().username, "1795197600:alice");
}

TEST(CredentialIssuer, WithoutSubjectMakesAnExpiryAlone) {
  const auto issued = CredentialIssuer({"k1", "north"}).Issue("", kHour, kNow);
  ASSERT_TRUE(issued.ok());
  EXPECT_EQ(issued.value().username, "1795197600");
}

TEST(CredentialIssuer, RefusesSubjectsThatAreNoNames) {
  const CredentialIssuer issuer({"k1", "north"});
  EXPECT_FALSE(issuer.Issue("a\nb", kHour, kNow).ok());
  EXPECT_FALSE(issuer.Issue("\xff", kHour, kNow).ok());
  EXPECT_FALSE(issuer.Issue(std::string(498, 'a'), kHour, kNow).ok());
  EXPECT_TRUE(issuer.Issue(std::string(497, 'a'), kHour, kNow).ok());
}

TEST(CredentialIssuer, MakesWhatTheVerifierTakes) {
  const auto issued = CredentialIssuer({"k1", "north"}).Issue("j\xc3\xb6rg", kHour, kNow);
  ASSERT_TRUE(issued.ok());
  const CredentialVerifier verifier("r", {}, KeyRing({SharedSecret{"k1", "north"}}));
  std::vector<turn::Credential> found;
  verifier.FindByUsername(issued.value().username, stun::PasswordAlgorithm::kMd5, found);
  ASSERT_EQ(found.size(), 1U);
  const auto key = stun::LongTermKeyMd5(issued.value().username, "r", issued.value().password);
  EXPECT_EQ(found[0].key, std::vector<std::uint8_t>(key.begin(), key.end()));
  EXPECT_EQ(found[0].subject, "j\xc3\xb6rg");
  EXPECT_EQ(found[0].expires_at, issued.value().expires_at);
}

TEST(CredentialIssuer, NamesTheHolderInParts) {
  const base::WallTime now{std::chrono::seconds(1'795'194'000)};
  const auto issued =
      CredentialIssuer(SharedSecret{"k1", "secret"})
          .Issue(CredentialHolder{"acme", "9f2c", "7d1e"}, std::chrono::hours(1), now);
  ASSERT_TRUE(issued.ok());
  EXPECT_EQ(issued.value().username, "1795197600:k1.acme.9f2c:7d1e");
  EXPECT_EQ(issued.value().password, TimedPassword("secret", issued.value().username));
  const auto parsed = ParseTimedUsername(issued.value().username);
  ASSERT_TRUE(parsed.has_value());
  EXPECT_EQ(parsed->subject, "acme.9f2c");
  EXPECT_EQ(parsed->kid, "k1");
}

TEST(CredentialIssuer, NamesNobodyWhoWouldBeReadAsAnother) {
  const CredentialIssuer issuer(SharedSecret{"k1", "secret"});
  const base::WallTime now{std::chrono::seconds(1'795'194'000)};
  for (const CredentialHolder& holder :
       {CredentialHolder{"", "h", "j"}, CredentialHolder{"t", "", "j"},
        CredentialHolder{"t", "h", ""}, CredentialHolder{"a.b", "h", "j"},
        CredentialHolder{"t", "h:x", "j"}, CredentialHolder{"t", "h", "j j"}}) {
    EXPECT_FALSE(issuer.Issue(holder, std::chrono::hours(1), now).ok());
  }
}

}  // namespace auth::credential_issuer_test
