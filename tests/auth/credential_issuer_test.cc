#include "auth/credential_issuer.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "auth/credential_verifier.h"
#include "protocol/stun/integrity.h"

namespace auth {
namespace {

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

}  // namespace
}  // namespace auth
