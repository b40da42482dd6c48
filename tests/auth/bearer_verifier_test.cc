#include "auth/bearer_verifier.h"

#include <gtest/gtest.h>

#include <boost/json.hpp>

#include "protocol/base/crypto.h"
#include "tests/support/issuer_key.h"

namespace auth::bearer_verifier_test {

namespace json = boost::json;
using std::chrono::seconds;
using test_support::IssuerKey;
using test_support::JwkSetText;

constexpr std::int64_t kNowSeconds = 1'800'000'000;
const base::WallTime kNow{seconds(kNowSeconds)};
constexpr std::string_view kIssuer = "https://login.example.org";

const IssuerKey& Key() {
  static const IssuerKey key = IssuerKey::Ec("P-256");
  return key;
}

const JwkSet& Keys() {
  static const JwkSet keys = *JwkSet::Parse(JwkSetText({Key().Jwk({{"kid", "k1"}})}));
  return keys;
}

json::object GoodHeader() { return {{"alg", "ES256"}, {"kid", "k1"}, {"typ", "JWT"}}; }
json::object GoodClaims() {
  return {{"iss", kIssuer},     {"sub", "alice@example.org"},
          {"aud", "turn"},      {"exp", kNowSeconds + 600},
          {"iat", kNowSeconds}, {"scope", "openid turn:credentials"}};
}

json::object With(json::object object, std::string_view name, json::value value) {
  object[name] = std::move(value);
  return object;
}
json::object Without(json::object object, std::string_view name) {
  object.erase(name);
  return object;
}

IssuerRule Exact() {
  return {std::string(kIssuer),
          "",
          "turn",
          {SignatureAlgorithm::kEs256, SignatureAlgorithm::kRs256},
          ""};
}
IssuerRule Suffixed() { return {"", "id.example.org", "turn", {SignatureAlgorithm::kEs256}, ""}; }

std::string Token(const json::object& header, const json::object& claims) {
  return Key().Sign(json::serialize(header), json::serialize(claims), "ES256");
}

class BearerVerifierTest : public testing::Test {
 protected:
  std::variant<BearerIdentity, BearerError> Judge(std::string_view token) const {
    const auto read = BearerVerifier({rule_}).Read(token, kNow);
    if (const auto* error = std::get_if<BearerError>(&read)) return *error;
    return BearerVerifier::Verify(std::get<UncheckedBearer>(read), Keys(), kNow);
  }
  std::optional<BearerError> ErrorOf(std::string_view token) const {
    const auto judged = Judge(token);
    const auto* error = std::get_if<BearerError>(&judged);
    return error == nullptr ? std::nullopt : std::optional(*error);
  }
  std::optional<BearerError> ErrorOfHeader(const json::object& header) const {
    return ErrorOf(Token(header, GoodClaims()));
  }
  std::optional<BearerError> ErrorOfClaims(const json::object& claims) const {
    return ErrorOf(Token(GoodHeader(), claims));
  }
  BearerIdentity IdentityOf(const json::object& claims) const {
    auto judged = Judge(Token(GoodHeader(), claims));
    EXPECT_TRUE(std::holds_alternative<BearerIdentity>(judged));
    return std::holds_alternative<BearerIdentity>(judged) ? std::get<BearerIdentity>(judged)
                                                          : BearerIdentity{};
  }

  IssuerRule rule_ = Exact();
};

TEST_F(BearerVerifierTest, WhatIsNoTokenIsMalformed) {
  const std::string good = Token(GoodHeader(), GoodClaims());
  const std::string header = good.substr(0, good.find('.'));
  const std::string payload = good.substr(header.size() + 1, good.rfind('.') - header.size() - 1);
  for (const std::string& token :
       {std::string(), std::string("."), std::string(".."), std::string("..."),
        std::string("a.b.c"), std::string("a b"), std::string("\0\0\0", 3), header + "." + payload,
        header + "." + payload + ".", header + ".." + "AAAA", "." + payload + ".AAAA",
        good + ".AAAA", good + ".", header + "=." + payload + ".AAAA",
        header + "\n." + payload + ".AAAA", "{}." + payload + ".AAAA",
        std::string("eyJhbGciOiJFUzI1NiJ9") + ".W10.AAAA"}) {
    EXPECT_EQ(ErrorOf(token), BearerError::kMalformed) << token;
  }
}

TEST_F(BearerVerifierTest, ASignatureThatIsNotEncodedWellIsMalformed) {
  const std::string good = Token(GoodHeader(), GoodClaims());
  const std::string signed_part = good.substr(0, good.rfind('.') + 1);
  for (const char* signature : {"", "=", "A=AA", "AAAAA", "AAA=", "A A", "A+A", "AA\n"}) {
    EXPECT_EQ(ErrorOf(signed_part + signature), BearerError::kMalformed) << signature;
  }
}

TEST_F(BearerVerifierTest, ATokenOfMoreThanEightKibibytesIsNotRead) {
  const json::object claims = With(GoodClaims(), "filler", json::string(7000, 'f'));
  EXPECT_EQ(ErrorOfClaims(claims), BearerError::kMalformed);
}

TEST_F(BearerVerifierTest, NoneAndHmacAreNoAlgorithms) {
  for (const char* name : {"none", "None", "NONE", "", "HS256", "HS384", "HS512", "es256", "ES256 ",
                           "EdDSA", "RSA-OAEP"}) {
    EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "alg", name)), BearerError::kAlgorithm) << name;
  }
}

TEST_F(BearerVerifierTest, UnsignedTokensAreRefusedInEveryForm) {
  const std::string header =
      base::Base64UrlEncode(base::AsBytes(std::string_view(R"({"alg":"none"})")));
  const std::string payload = base::Base64UrlEncode(base::AsBytes(json::serialize(GoodClaims())));
  EXPECT_EQ(ErrorOf(header + "." + payload + "."), BearerError::kMalformed);
  EXPECT_EQ(ErrorOf(header + "." + payload + ".AAAA"), BearerError::kAlgorithm);
}

TEST_F(BearerVerifierTest, AnHmacWithThePublicKeyIsNoSignature) {
  const std::string text =
      base::Base64UrlEncode(base::AsBytes(std::string_view(R"({"alg":"HS256","kid":"k1"})"))) +
      "." + base::Base64UrlEncode(base::AsBytes(json::serialize(GoodClaims())));
  EXPECT_EQ(ErrorOf(text + ".c2lnbmF0dXJl"), BearerError::kAlgorithm);
}

TEST_F(BearerVerifierTest, OnlyTheAlgorithmsOfTheIssuerAreTaken) {
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "alg", "ES384")), BearerError::kAlgorithm);
  rule_.algorithms = {SignatureAlgorithm::kPs256};
  EXPECT_EQ(ErrorOfHeader(GoodHeader()), BearerError::kAlgorithm);
}

TEST_F(BearerVerifierTest, AnAlgorithmIsBoundToTheTypeOfItsKey) {
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "alg", "RS256")), BearerError::kAlgorithm);
}

TEST_F(BearerVerifierTest, HeadersThatNameOrCarryAKeyAreRefused) {
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "jku", "https://login.example.org/keys")),
            BearerError::kHeader);
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "x5u", "https://login.example.org/c")),
            BearerError::kHeader);
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "jwk", Key().Jwk())), BearerError::kHeader);
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "x5c", json::array{"AAAA"})), BearerError::kHeader);
}

TEST_F(BearerVerifierTest, CriticalExtensionsAreRefused) {
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "crit", json::array{"exp"})), BearerError::kHeader);
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "crit", json::array{})), BearerError::kHeader);
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "b64", false)), BearerError::kHeader);
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "zip", "DEF")), BearerError::kHeader);
}

TEST_F(BearerVerifierTest, NamesThatAppearTwiceAreRefused) {
  const std::string header = json::serialize(GoodHeader());
  const std::string claims = json::serialize(GoodClaims());
  EXPECT_EQ(ErrorOf(Key().Sign(R"({"alg":"ES256","alg":"ES256","kid":"k1"})", claims, "ES256")),
            BearerError::kMalformed);
  EXPECT_EQ(ErrorOf(Key().Sign(header, R"({"iss":"https://evil.example.org",)" + claims.substr(1),
                               "ES256")),
            BearerError::kMalformed);
}

TEST_F(BearerVerifierTest, OnlyIssuersThatAreListedAreTaken) {
  for (const char* issuer : {"", "https://login.example.org/", "https://login.example.org:443",
                             "http://login.example.org", "https://LOGIN.example.org",
                             "https://login.example.org.evil.org", "login.example.org",
                             "https://login.example.orgx", "https://x@login.example.org"}) {
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "iss", issuer)), BearerError::kIssuer) << issuer;
  }
  EXPECT_EQ(ErrorOfClaims(Without(GoodClaims(), "iss")), BearerError::kMalformed);
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "iss", 1)), BearerError::kMalformed);
}

TEST_F(BearerVerifierTest, ASuffixTakesOneLabelAndNothingCleverer) {
  rule_ = Suffixed();
  for (const char* issuer : {"https://id.example.org",
                             "https://.id.example.org",
                             "https://a.b.id.example.org",
                             "http://acme.id.example.org",
                             "https://acme.id.example.org/",
                             "https://acme.id.example.org:443",
                             "https://acme.id.example.org.",
                             "https://ACME.id.example.org",
                             "https://x@acme.id.example.org",
                             "https://evil.org/.id.example.org",
                             "https://evil.org#.id.example.org",
                             "https://evil.org?.id.example.org",
                             "https://acme.id.example.org.evil.org",
                             "https://-acme.id.example.org",
                             "https://acme-.id.example.org",
                             "https://ac_me.id.example.org",
                             "https://acmeid.example.org",
                             "https://xid.example.org",
                             "https:// .id.example.org",
                             "https://%61cme.id.example.org",
                             "https://\xc3\xa4.id.example.org"}) {
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "iss", issuer)), BearerError::kIssuer) << issuer;
  }
  const std::string too_long = "https://" + std::string(64, 'a') + ".id.example.org";
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "iss", json::string(too_long))), BearerError::kIssuer);
  EXPECT_EQ(IdentityOf(With(GoodClaims(), "iss", "https://acme.id.example.org")).tenant, "acme");
}

TEST_F(BearerVerifierTest, AKidThatTheIssuerDoesNotHaveIsUnknown) {
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "kid", "k2")), BearerError::kUnknownKey);
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "kid", "../k1")), BearerError::kUnknownKey);
  EXPECT_EQ(ErrorOfHeader(With(GoodHeader(), "kid", 1)), BearerError::kMalformed);
  EXPECT_EQ(ErrorOfHeader(Without(GoodHeader(), "kid")), std::nullopt);
}

TEST_F(BearerVerifierTest, AChangedTokenIsNotSigned) {
  const std::string token = Token(GoodHeader(), GoodClaims());
  const std::string other = Token(GoodHeader(), With(GoodClaims(), "sub", "mallory"));
  EXPECT_EQ(ErrorOf(other.substr(0, other.rfind('.')) + token.substr(token.rfind('.'))),
            BearerError::kSignature);
  const IssuerKey stranger = IssuerKey::Ec("P-256");
  EXPECT_EQ(
      ErrorOf(stranger.Sign(json::serialize(GoodHeader()), json::serialize(GoodClaims()), "ES256")),
      BearerError::kSignature);
}

TEST_F(BearerVerifierTest, TheAudienceHasToBeThisOne) {
  EXPECT_EQ(ErrorOfClaims(Without(GoodClaims(), "aud")), BearerError::kAudience);
  for (const char* text : {R"("turn2")", R"("TURN")", R"("")", "[]", R"(["a","b"])", "1",
                           R"([["turn"]])", "null", R"({"turn":"turn"})"}) {
    const json::value audience = json::parse(text);
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "aud", audience)), BearerError::kAudience)
        << audience;
  }
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "aud", json::array{"console", "turn"})), std::nullopt);
}

TEST_F(BearerVerifierTest, ExpiryIsNeededAndMayBeAMinuteAgo) {
  EXPECT_EQ(ErrorOfClaims(Without(GoodClaims(), "exp")), BearerError::kMalformed);
  for (const json::value& expiry :
       {json::value("1800000600"), json::value(-1), json::value(1e300), json::value(nullptr),
        json::value(true), json::value(18446744073709551615U)}) {
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "exp", expiry)), BearerError::kMalformed) << expiry;
  }
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "exp", kNowSeconds - 60)), BearerError::kExpired);
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "exp", kNowSeconds - 59)), std::nullopt);
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "exp", kNowSeconds + 0.5)), std::nullopt);
}

TEST_F(BearerVerifierTest, TimesBeyondWhatAClockReachesAreFarAway) {
  constexpr std::int64_t kYear2263 = 9'246'182'400;
  constexpr std::int64_t kYear9999 = 253'402'300'799;
  for (const std::int64_t time : {kYear2263, kYear9999}) {
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "exp", time)), std::nullopt) << time;
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "nbf", time)), BearerError::kNotYetValid) << time;
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "iat", time)), BearerError::kNotYetValid) << time;
  }
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "exp", kYear9999 + 1)), BearerError::kMalformed);
}

TEST_F(BearerVerifierTest, ATokenOfTheFutureIsNotValidYet) {
  for (const char* name : {"nbf", "iat"}) {
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), name, kNowSeconds + 61)), BearerError::kNotYetValid)
        << name;
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), name, kNowSeconds + 60)), std::nullopt) << name;
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), name, "now")), BearerError::kMalformed) << name;
    EXPECT_EQ(ErrorOfClaims(Without(GoodClaims(), name)), std::nullopt) << name;
  }
}

TEST_F(BearerVerifierTest, ASubjectIsNeeded) {
  EXPECT_EQ(ErrorOfClaims(Without(GoodClaims(), "sub")), BearerError::kMalformed);
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "sub", "")), BearerError::kMalformed);
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "sub", 7)), BearerError::kMalformed);
  EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "sub", json::string(257, 's'))),
            BearerError::kMalformed);
}

TEST_F(BearerVerifierTest, TheTenantIsAClaimWhereTheIssuerHasOne) {
  rule_.tenant_claim = "org";
  EXPECT_EQ(ErrorOfClaims(GoodClaims()), BearerError::kMalformed);
  for (const char* tenant : {"", "a.b", "a:b", "A", "-a", "a b", "\xc3\xa4"}) {
    EXPECT_EQ(ErrorOfClaims(With(GoodClaims(), "org", tenant)), BearerError::kMalformed) << tenant;
  }
  EXPECT_EQ(IdentityOf(With(GoodClaims(), "org", "acme")).tenant, "acme");
}

TEST_F(BearerVerifierTest, ATenantsIssuerCannotSpeakForAnotherTenant) {
  rule_ = Suffixed();
  rule_.tenant_claim = "org";
  const json::object claims = With(GoodClaims(), "iss", "https://acme.id.example.org");
  EXPECT_EQ(ErrorOfClaims(With(claims, "org", "other")), BearerError::kMalformed);
  EXPECT_EQ(IdentityOf(With(claims, "org", "acme")).tenant, "acme");
}

TEST_F(BearerVerifierTest, ScopesComeAsWordsOrAsAList) {
  EXPECT_TRUE(IdentityOf(GoodClaims()).may_mint);
  EXPECT_FALSE(IdentityOf(GoodClaims()).may_administer);
  EXPECT_FALSE(IdentityOf(Without(GoodClaims(), "scope")).may_mint);
  EXPECT_FALSE(
      IdentityOf(With(GoodClaims(), "scope", "turn:credentialsx xturn:credentials")).may_mint);
  EXPECT_FALSE(IdentityOf(With(GoodClaims(), "scope", 5)).may_mint);
  const json::object claims = Without(GoodClaims(), "scope");
  EXPECT_TRUE(IdentityOf(With(claims, "scp", json::array{"turn:admin", 1})).may_administer);
  EXPECT_TRUE(IdentityOf(With(claims, "scp", " turn:credentials  turn:admin ")).may_mint);
  rule_.mint_scope = "calls";
  EXPECT_FALSE(IdentityOf(GoodClaims()).may_mint);
  EXPECT_TRUE(IdentityOf(With(claims, "scope", "calls")).may_mint);
}

TEST_F(BearerVerifierTest, WhatIsBadAnywayNeedsNoKey) {
  const BearerVerifier verifier({rule_});
  const auto error_of = [&](const json::object& claims) {
    // Signed by nobody.
    const auto encoded = [](const json::object& part) {
      return base::Base64UrlEncode(base::AsBytes(json::serialize(part)));
    };
    const auto read = verifier.Read(encoded(GoodHeader()) + "." + encoded(claims) + ".AAAA", kNow);
    const auto* error = std::get_if<BearerError>(&read);
    return error == nullptr ? std::nullopt : std::optional(*error);
  };
  EXPECT_EQ(error_of(With(GoodClaims(), "aud", "mail")), BearerError::kAudience);
  EXPECT_EQ(error_of(With(GoodClaims(), "exp", kNowSeconds - 60)), BearerError::kExpired);
  EXPECT_EQ(error_of(With(GoodClaims(), "nbf", kNowSeconds + 61)), BearerError::kNotYetValid);
  EXPECT_EQ(error_of(Without(GoodClaims(), "exp")), BearerError::kMalformed);
  EXPECT_EQ(error_of(Without(GoodClaims(), "sub")), BearerError::kMalformed);
  EXPECT_EQ(error_of(GoodClaims()), std::nullopt);
}

TEST_F(BearerVerifierTest, ATokenMayExpireWhileItsKeysAreFetched) {
  const auto read = BearerVerifier({rule_}).Read(Token(GoodHeader(), GoodClaims()), kNow);
  const auto& bearer = std::get<UncheckedBearer>(read);
  const auto last = kNow + seconds(600) + BearerVerifier::kSkew;
  EXPECT_TRUE(std::holds_alternative<BearerIdentity>(
      BearerVerifier::Verify(bearer, Keys(), last - seconds(1))));
  const auto late = BearerVerifier::Verify(bearer, Keys(), last);
  EXPECT_EQ(std::get<BearerError>(late), BearerError::kExpired);
}

TEST_F(BearerVerifierTest, SaysWhoTheHolderIs) {
  const BearerIdentity identity = IdentityOf(GoodClaims());
  EXPECT_EQ(identity.issuer, kIssuer);
  EXPECT_EQ(identity.subject, "alice@example.org");
  EXPECT_EQ(identity.tenant, "login");
  EXPECT_EQ(identity.expires_at, kNow + seconds(600));
}

}  // namespace auth::bearer_verifier_test
