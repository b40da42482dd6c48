#include "auth/oidc_discovery.h"

#include <gtest/gtest.h>

namespace auth::oidc_discovery_test {

constexpr std::string_view kIssuer = "https://login.example.org";

std::optional<std::string> Read(std::string_view document) {
  return ReadJwksUri(document, kIssuer, IssuerKind::kListed);
}

TEST(OidcDiscoveryTest, WhatIsNoDocumentHasNoKeys) {
  for (const char* document :
       {"", "[]", "{}", "null", R"({"issuer":"https://login.example.org"})",
        R"({"jwks_uri":"https://k"})", R"({"issuer":1,"jwks_uri":"https://k"})",
        R"({"issuer":"https://login.example.org","jwks_uri":[]})"}) {
    EXPECT_FALSE(Read(document)) << document;
  }
}

TEST(OidcDiscoveryTest, AnothersDocumentIsNotTaken) {
  for (const char* issuer : {"https://login.example.org/", "https://LOGIN.example.org",
                             "https://evil.example.org", ""}) {
    const std::string document =
        R"({"issuer":")" + std::string(issuer) + R"(","jwks_uri":"https://k/"})";
    EXPECT_FALSE(Read(document)) << issuer;
  }
}

TEST(OidcDiscoveryTest, KeysComeByHttpsOnly) {
  for (const char* uri : {"", "http://k/", "https://", "file:///etc/passwd", "HTTPS://k/",
                          "https://k/ x", "https://k/\\u0000"}) {
    const std::string document =
        R"({"issuer":"https://login.example.org","jwks_uri":")" + std::string(uri) + R"("})";
    EXPECT_FALSE(Read(document)) << uri;
  }
  EXPECT_FALSE(Read(R"({"issuer":"https://login.example.org","jwks_uri":"https://k/)" +
                    std::string(3000, 'k') + R"("})"));
}

TEST(OidcDiscoveryTest, ReadsWhereTheKeysAre) {
  EXPECT_EQ(
      Read(
          R"({"issuer":"https://login.example.org","jwks_uri":"https://keys.example.org/k?x=1","more":[{}]})"),
      "https://keys.example.org/k?x=1");
}

TEST(OidcDiscoveryTest, KeysOfAnIssuerOfASuffixComeFromUnderIt) {
  const std::string issuer = "https://a.id.example.org";
  const auto is_taken = [&](const std::string& uri) {
    const std::string document = R"({"issuer":")" + issuer + R"(","jwks_uri":")" + uri + "\"}";
    return ReadJwksUri(document, issuer, IssuerKind::kOfSuffix).has_value();
  };
  for (const char* uri :
       {"https://evil.example/keys", "https://evilid.example.org/keys", "https://example.org/keys",
        "https://169.254.169.254/latest", "https://a.id.example.org:22/",
        "https://a.id.example.org@evil.example/", "https://evil.example/.id.example.org",
        "https://evil.example?.id.example.org", "https://evil.example#.id.example.org",
        "https://A.id.example.org/", "https://a.id.example.org./", "http://a.id.example.org/"}) {
    EXPECT_FALSE(is_taken(uri)) << uri;
  }
  EXPECT_TRUE(is_taken("https://a.id.example.org/keys"));
  EXPECT_TRUE(is_taken("https://keys.id.example.org/a/keys"));
  EXPECT_TRUE(is_taken("https://id.example.org/keys"));
}

TEST(OidcDiscoveryTest, TheDocumentIsBelowTheIssuer) {
  EXPECT_EQ(DiscoveryUrl("https://a.example.org"),
            "https://a.example.org/.well-known/openid-configuration");
  EXPECT_EQ(DiscoveryUrl("https://a.example.org/realm/"),
            "https://a.example.org/realm/.well-known/openid-configuration");
}

}  // namespace auth::oidc_discovery_test
