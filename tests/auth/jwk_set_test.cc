#include "auth/jwk_set.h"

#include <gtest/gtest.h>

#include "tests/support/issuer_key.h"

namespace auth::jwk_set_test {

namespace json = boost::json;
using test_support::IssuerKey;
using test_support::JwkSetText;

const IssuerKey& Rsa() {
  static const IssuerKey key = IssuerKey::Rsa();
  return key;
}
const IssuerKey& P256() {
  static const IssuerKey key = IssuerKey::Ec("P-256");
  return key;
}

std::size_t Taken(json::object key) {
  const auto set = JwkSet::Parse(JwkSetText({std::move(key)}));
  return set ? set->size() : 99;
}

json::object Without(json::object key, std::string_view name) {
  key.erase(name);
  return key;
}

TEST(JwkSetTest, WhatIsNoKeySetIsRefused) {
  for (const char* text : {"", " ", "null", "[]", "{}", R"({"keys":{}})", R"({"keys":null})",
                           "{\"keys\":[", R"({"keys":[]} x)", R"({"keys":[],"keys":[]})", "\xff"}) {
    EXPECT_FALSE(JwkSet::Parse(text)) << text;
  }
}

TEST(JwkSetTest, TooMuchIsRefused) {
  EXPECT_FALSE(JwkSet::Parse(JwkSetText({}) + std::string(JwkSet::kMaxBytes, ' ')));
  EXPECT_FALSE(JwkSet::Parse(JwkSetText(json::array(JwkSet::kMaxKeys + 1, json::object()))));
  EXPECT_FALSE(JwkSet::Parse(std::string(100'000, '[')));
}

TEST(JwkSetTest, AnEmptySetHasNoKey) {
  const auto set = JwkSet::Parse("{\"keys\": [], \"more\": 1}\n");
  ASSERT_TRUE(set);
  EXPECT_EQ(set->size(), 0U);
  EXPECT_FALSE(set->HasKeyFor(std::nullopt, SignatureAlgorithm::kRs256));
  EXPECT_FALSE(set->IsSignedBy(std::nullopt, SignatureAlgorithm::kRs256, "a.b.c"));
}

TEST(JwkSetTest, PrivateAndSymmetricKeysAreLeftOut) {
  EXPECT_EQ(Taken(Rsa().PrivateJwk()), 0U);
  EXPECT_EQ(Taken(P256().PrivateJwk()), 0U);
  EXPECT_EQ(Taken({{"kty", "oct"}, {"k", "AAAA"}}), 0U);
  EXPECT_EQ(Taken(Rsa().Jwk({{"k", "AAAA"}})), 0U);
}

TEST(JwkSetTest, KeysForSomethingElseAreLeftOut) {
  EXPECT_EQ(Taken(Rsa().Jwk({{"use", "enc"}})), 0U);
  EXPECT_EQ(Taken(Rsa().Jwk({{"use", 1}})), 0U);
  EXPECT_EQ(Taken(Rsa().Jwk({{"key_ops", {"encrypt"}}})), 0U);
  EXPECT_EQ(Taken(Rsa().Jwk({{"key_ops", "verify"}})), 0U);
  EXPECT_EQ(Taken(Rsa().Jwk({{"alg", "RSA-OAEP"}})), 0U);
  EXPECT_EQ(Taken(Rsa().Jwk({{"alg", "ES256"}})), 0U);
  EXPECT_EQ(Taken(Rsa().Jwk({{"alg", "none"}})), 0U);
  EXPECT_EQ(Taken(P256().Jwk({{"alg", "ES384"}})), 0U);
}

TEST(JwkSetTest, BrokenKeysAreLeftOut) {
  EXPECT_EQ(Taken({}), 0U);
  EXPECT_EQ(Taken({{"kty", "RSA"}}), 0U);
  EXPECT_EQ(Taken(Without(Rsa().Jwk(), "n")), 0U);
  EXPECT_EQ(Taken(Without(P256().Jwk(), "y")), 0U);
  EXPECT_EQ(Taken(Without(P256().Jwk(), "crv")), 0U);
  EXPECT_EQ(Taken(Rsa().Jwk({{"kid", 7}})), 0U);
  json::object off_curve = P256().Jwk();
  off_curve["y"] = off_curve["x"];
  EXPECT_EQ(Taken(off_curve), 0U);
  json::object other_curve = P256().Jwk();
  other_curve["crv"] = "secp256k1";
  EXPECT_EQ(Taken(other_curve), 0U);
  EXPECT_EQ(Taken({{"kty", "OKP"}, {"crv", "Ed25519"}, {"x", "AAAA"}}), 0U);
}

TEST(JwkSetTest, KeysThatAreNotEncodedWellAreLeftOut) {
  for (const char* text :
       {"", "=", "AA=A", "AAA=", "A", "AAAAA", "AA AA", "AA+A", "AA/A", "AA\nA"}) {
    json::object rsa = Rsa().Jwk();
    rsa["n"] = text;
    EXPECT_EQ(Taken(rsa), 0U) << text;
    json::object exponent = Rsa().Jwk();
    exponent["e"] = text;
    EXPECT_EQ(Taken(exponent), 0U) << text;
    json::object ec = P256().Jwk();
    ec["y"] = text;
    EXPECT_EQ(Taken(ec), 0U) << text;
  }
}

TEST(JwkSetTest, ATokenThatIsNotEncodedWellIsNotSigned) {
  const auto set = JwkSet::Parse(JwkSetText({P256().Jwk({{"kid", "k"}})}));
  ASSERT_TRUE(set);
  const std::string token = P256().Sign(R"({"alg":"ES256"})", "{}", "ES256");
  const std::string signed_part = token.substr(0, token.rfind('.') + 1);
  for (const char* signature : {"", "=", "A=AA", "AAAAA", "AAA=", "A A", "A.A", "A\nAA"}) {
    EXPECT_FALSE(set->IsSignedBy("k", SignatureAlgorithm::kEs256, signed_part + signature));
  }
  EXPECT_FALSE(set->IsSignedBy("k", SignatureAlgorithm::kEs256, "=.=.="));
  EXPECT_FALSE(set->IsSignedBy("k", SignatureAlgorithm::kEs256, "..."));
}

TEST(JwkSetTest, ShortRsaKeysAreLeftOut) {
  EXPECT_EQ(Taken(IssuerKey::Rsa(1024).Jwk()), 0U);
  EXPECT_EQ(Taken(IssuerKey::Rsa(2048).Jwk()), 1U);
}

TEST(JwkSetTest, RsaExponentsThatNobodyShouldHaveAreLeftOut) {
  const auto taken_with = [](json::value exponent) {
    json::object key = Rsa().Jwk();
    key["e"] = std::move(exponent);
    return Taken(key);
  };
  // 0, 1, 2, 4, 65536, and 2^64 + 1.
  for (const char* exponent : {"AA", "AQ", "Ag", "BA", "AQAA", "AQAAAAAAAAAB"}) {
    EXPECT_EQ(taken_with(exponent), 0U) << exponent;
  }
  EXPECT_EQ(taken_with(65537), 0U);
  // 3, 65537, the same with a zero before it, and 2^64 - 1.
  for (const char* exponent : {"Aw", "AQAB", "AAEAAQ", "__________8"}) {
    EXPECT_EQ(taken_with(exponent), 1U) << exponent;
  }
}

TEST(JwkSetTest, AKidIsOneOfWhateverType) {
  const auto set = JwkSet::Parse(JwkSetText({P256().Jwk({{"kid", "k"}})}));
  ASSERT_TRUE(set);
  EXPECT_TRUE(set->HasKid("k"));
  EXPECT_FALSE(set->HasKeyFor("k", SignatureAlgorithm::kRs256));
  EXPECT_FALSE(set->HasKid("other"));
}

TEST(JwkSetTest, ABrokenKeyTakesNothingWithIt) {
  const auto set = JwkSet::Parse(
      JwkSetText({1, nullptr, json::object{{"kty", "RSA"}}, Rsa().Jwk({{"kid", "good"}}), "text"}));
  ASSERT_TRUE(set);
  EXPECT_EQ(set->size(), 1U);
  EXPECT_TRUE(set->HasKeyFor("good", SignatureAlgorithm::kRs256));
}

TEST(JwkSetTest, AKeyIsFoundByKidAndType) {
  const auto set = JwkSet::Parse(JwkSetText({Rsa().Jwk({{"kid", "r"}, {"use", "sig"}}),
                                             P256().Jwk({{"kid", "e"}, {"key_ops", {"verify"}}})}));
  ASSERT_TRUE(set);
  EXPECT_TRUE(set->HasKeyFor("r", SignatureAlgorithm::kRs256));
  EXPECT_TRUE(set->HasKeyFor("r", SignatureAlgorithm::kPs512));
  EXPECT_TRUE(set->HasKeyFor("e", SignatureAlgorithm::kEs256));
  EXPECT_FALSE(set->HasKeyFor("r", SignatureAlgorithm::kEs256));
  EXPECT_FALSE(set->HasKeyFor("e", SignatureAlgorithm::kRs256));
  EXPECT_FALSE(set->HasKeyFor("e", SignatureAlgorithm::kEs384));
  EXPECT_FALSE(set->HasKeyFor("x", SignatureAlgorithm::kRs256));
  EXPECT_FALSE(set->HasKeyFor("", SignatureAlgorithm::kRs256));
}

TEST(JwkSetTest, AKeyForOneAlgorithmIsForNoOther) {
  const auto set = JwkSet::Parse(JwkSetText({Rsa().Jwk({{"kid", "r"}, {"alg", "PS256"}})}));
  ASSERT_TRUE(set);
  EXPECT_TRUE(set->HasKeyFor("r", SignatureAlgorithm::kPs256));
  EXPECT_FALSE(set->HasKeyFor("r", SignatureAlgorithm::kRs256));
}

TEST(JwkSetTest, WithoutAKidOnlyTheOnlyKeyOfItsTypeIsMeant) {
  const auto one = JwkSet::Parse(JwkSetText({Rsa().Jwk({{"kid", "r"}}), P256().Jwk()}));
  ASSERT_TRUE(one);
  EXPECT_TRUE(one->HasKeyFor(std::nullopt, SignatureAlgorithm::kRs256));
  EXPECT_TRUE(one->HasKeyFor(std::nullopt, SignatureAlgorithm::kEs256));
  const auto two =
      JwkSet::Parse(JwkSetText({Rsa().Jwk({{"kid", "r"}}), Rsa().Jwk({{"kid", "s"}})}));
  ASSERT_TRUE(two);
  EXPECT_FALSE(two->HasKeyFor(std::nullopt, SignatureAlgorithm::kRs256));
}

struct SignatureCase {
  const char* name;
  const char* curve;  // nullptr: RSA
};
class JwkSetSignatures : public testing::TestWithParam<SignatureCase> {};

TEST_P(JwkSetSignatures, AreVerifiedAndNoneButTheirOwn) {
  const std::string name = GetParam().name;
  const auto make = [&] {
    return GetParam().curve == nullptr ? IssuerKey::Rsa() : IssuerKey::Ec(GetParam().curve);
  };
  const IssuerKey key = make();
  const IssuerKey other = make();
  const SignatureAlgorithm algorithm = *ParseSignatureAlgorithm(name);
  const auto set = JwkSet::Parse(JwkSetText({key.Jwk({{"kid", "k"}})}));
  ASSERT_TRUE(set);
  const std::string header = R"({"alg":")" + name + R"("})";
  const std::string token = key.Sign(header, "{}", name);
  EXPECT_TRUE(set->IsSignedBy("k", algorithm, token));
  EXPECT_FALSE(set->IsSignedBy("k", algorithm, other.Sign(header, "{}", name)));
  EXPECT_FALSE(set->IsSignedBy("other", algorithm, token));

  const std::string changed = key.Sign(header, R"({"a":1})", name);
  const std::size_t dot = token.rfind('.');
  EXPECT_FALSE(
      set->IsSignedBy("k", algorithm, changed.substr(0, changed.rfind('.')) + token.substr(dot)));
  EXPECT_FALSE(set->IsSignedBy("k", algorithm, token.substr(0, dot + 1)));
  EXPECT_FALSE(set->IsSignedBy("k", algorithm, token.substr(0, token.size() - 4)));
  EXPECT_FALSE(set->IsSignedBy("k", algorithm, key.Sign(R"({"alg":"none"})", "{}", name)));
  EXPECT_FALSE(set->IsSignedBy("k", algorithm, key.Sign(R"({"alg":"HS256"})", "{}", name)));
  EXPECT_FALSE(set->IsSignedBy("k", algorithm, key.Sign("{}", "{}", name)));
}

INSTANTIATE_TEST_SUITE_P(
    Algorithms, JwkSetSignatures,
    testing::Values(SignatureCase{"RS256", nullptr}, SignatureCase{"RS384", nullptr},
                    SignatureCase{"RS512", nullptr}, SignatureCase{"PS256", nullptr},
                    SignatureCase{"PS384", nullptr}, SignatureCase{"PS512", nullptr},
                    SignatureCase{"ES256", "P-256"}, SignatureCase{"ES384", "P-384"},
                    SignatureCase{"ES512", "P-521"}),
    [](const auto& param) { return std::string(param.param.name); });

TEST(JwkSetTest, AnotherAlgorithmOfTheSameKeyIsNotTheSame) {
  const auto set = JwkSet::Parse(JwkSetText({Rsa().Jwk({{"kid", "r"}})}));
  ASSERT_TRUE(set);
  const std::string token = Rsa().Sign(R"({"alg":"RS256"})", "{}", "RS256");
  EXPECT_TRUE(set->IsSignedBy("r", SignatureAlgorithm::kRs256, token));
  EXPECT_FALSE(set->IsSignedBy("r", SignatureAlgorithm::kPs256, token));
  EXPECT_FALSE(set->IsSignedBy("r", SignatureAlgorithm::kRs512, token));
}

}  // namespace auth::jwk_set_test
