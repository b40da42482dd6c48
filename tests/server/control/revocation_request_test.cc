#include "server/control/revocation_request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay::revocation_request_test {

using auth::Revocation;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::SizeIs;

const base::WallTime kNow{seconds(1'795'194'000)};

CredentialSettings Settings() {
  CredentialSettings settings;
  settings.secrets = auth::KeyRing({{"k1", "one", ""}, {"k0", "other", ""}});
  settings.max_ttl = seconds(100);
  settings.refresh_grace = seconds(10);
  settings.named_issuers = {"https://operator.example"};
  return settings;
}

auth::BearerIdentity Administrator(const std::string& issuer) {
  auth::BearerIdentity identity;
  identity.issuer = issuer;
  identity.tenant = "acme";
  identity.may_administer = true;
  return identity;
}
const auth::BearerIdentity kOperator = Administrator("https://operator.example");
const auth::BearerIdentity kTenants = Administrator("https://acme.id.example");

RevocationAnswer Parse(std::string_view body, const auth::BearerIdentity& who = kOperator) {
  return ParseRevocation(body, who, Settings(), kNow);
}
std::vector<Revocation> Good(const RevocationAnswer& answer) {
  return std::get<std::vector<Revocation>>(answer);
}

TEST(RevocationRequest, OfBrokenBodiesIsAnError) {
  for (const char* body :
       {"", "[]", "{}", "{\"subjct\": \"a\"}", "{\"subject\": 1}", "{\"subject\": \"\"}",
        "{\"kid\": \"a\", \"jti\": \"b\"}", "{\"subject\": \"a\", \"kid\": \"b\"}",
        "{\"tenant\": \"a\", \"kid\": \"b\"}", "{\"tenant\": \"a\", \"jti\": \"b\"}",
        "{\"kid\": \"a\", \"x\": \"b\"}"}) {
    EXPECT_TRUE(std::holds_alternative<BadBody>(Parse(body))) << body;
  }
}

TEST(RevocationRequest, LastsUntilWhatItConcernsIsOver) {
  const auto made = Good(Parse("{\"tenant\": \"other\"}"));
  EXPECT_THAT(
      made, ElementsAre(Revocation{Revocation::Kind::kTenant, "other", kNow, kNow + seconds(110)}));
}

TEST(RevocationRequest, OfKidAndJti) {
  EXPECT_EQ(Good(Parse("{\"kid\": \"k0\"}"))[0].kind, Revocation::Kind::kKid);
  EXPECT_EQ(Good(Parse("{\"jti\": \"7d1e\"}"))[0].value, "7d1e");
}

TEST(RevocationRequest, OfASubjectIsOneForEachHashThatItHas) {
  const CredentialSettings settings = Settings();
  const auto made = Good(Parse("{\"subject\": \"alice\"}"));
  ASSERT_THAT(made, SizeIs(2));
  for (const Revocation& one : made) {
    EXPECT_EQ(one.kind, Revocation::Kind::kSubject);
    EXPECT_EQ(one.value.find("alice"), std::string::npos);
  }
  EXPECT_EQ(made[0].value,
            "acme." + settings.SubjectHash(*settings.secrets.Find("k1"), "acme", "alice"));
  CredentialSettings keyed = Settings();
  keyed.subject_key = "a key";
  EXPECT_THAT(Good(ParseRevocation("{\"subject\": \"alice\"}", kOperator, keyed, kNow)), SizeIs(1));
}

TEST(RevocationRequest, OfASubjectElsewhereNamesItsTenant) {
  const auto made = Good(Parse("{\"subject\": \"alice\", \"tenant\": \"other\"}"));
  EXPECT_TRUE(made[0].value.starts_with("other."));
}

TEST(RevocationRequest, OfATenantsAdministratorEndsAtTheTenant) {
  for (const char* body : {"{\"tenant\": \"other\"}", "{\"kid\": \"k1\"}", "{\"jti\": \"7d1e\"}",
                           "{\"subject\": \"a\", \"tenant\": \"other\"}"}) {
    EXPECT_TRUE(std::holds_alternative<NotAllowed>(Parse(body, kTenants))) << body;
  }
  EXPECT_THAT(Good(Parse("{\"tenant\": \"acme\"}", kTenants)), SizeIs(1));
  EXPECT_THAT(Good(Parse("{\"subject\": \"alice\"}", kTenants)), SizeIs(2));
}

TEST(RevocationOfUsername, MustHaveTheFormOfOne) {
  for (const std::string& name :
       {std::string(), std::string("alice"), "1795197600:" + std::string(600, 'x')}) {
    EXPECT_TRUE(
        std::holds_alternative<BadBody>(RevocationOfUsername(name, kOperator, Settings(), kNow)));
  }
}

TEST(RevocationOfUsername, LastsUntilTheNameHasExpired) {
  const std::string name = "1795197600:k1.acme.hash:7d1e";
  EXPECT_THAT(Good(RevocationOfUsername(name, kTenants, Settings(), kNow)),
              ElementsAre(Revocation{Revocation::Kind::kUsername, name, kNow,
                                     base::WallTime(seconds(1'795'197'610))}));
}

TEST(RevocationOfUsername, OfFarAwayExpiriesDoesNotOverflow) {
  const auto made = Good(RevocationOfUsername("9223372036:x", kOperator, Settings(), kNow));
  EXPECT_GT(made[0].forget_at, kNow);
}

TEST(RevocationOfUsername, OfAnotherTenantIsTheOperators) {
  const std::string name = "1795197600:k1.other.hash:7d1e";
  EXPECT_TRUE(
      std::holds_alternative<NotAllowed>(RevocationOfUsername(name, kTenants, Settings(), kNow)));
  EXPECT_TRUE(std::holds_alternative<NotAllowed>(
      RevocationOfUsername("1795197600:somebody", kTenants, Settings(), kNow)));
  EXPECT_THAT(Good(RevocationOfUsername(name, kOperator, Settings(), kNow)), SizeIs(1));
}

}  // namespace relay::revocation_request_test
