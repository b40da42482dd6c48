#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "server/config/changes.h"
#include "server/config/load.h"

namespace relay::credential_service_test {

using testing::HasSubstr;
using testing::SizeIs;

constexpr const char* kSecrets = "auth: {shared_secrets: [{id: a, secret: sixteen characters}]}\n";
constexpr const char* kKeys = "credentials: {api_keys: [{key: abc, tenant: nextcloud}]}\n";

LoadedConfig Load(const std::string& yaml) { return LoadConfigText(yaml, "turn.yaml", {}); }

void ExpectError(const std::string& yaml, const std::string& key, const std::string& message) {
  const LoadedConfig loaded = Load(yaml);
  ASSERT_THAT(loaded.errors, SizeIs(1)) << yaml;
  EXPECT_EQ(loaded.errors[0].key, key);
  EXPECT_THAT(loaded.errors[0].message, HasSubstr(message));
}

TEST(CredentialService, NeedsASecretToSignWith) {
  ExpectError(std::string("auth: {users: [{username: a, password: b}]}\n") + kKeys, "credentials",
              "needs auth.shared_secrets");
}

TEST(CredentialService, NeedsACertificateForHttps) {
  ExpectError(std::string(kSecrets) +
                  "credentials:\n  listener: {tls: true}\n  api_keys: [{key: abc, tenant: t}]\n",
              "credentials.listener.tls", "needs a certificate");
}

TEST(CredentialService, ByItselfNeedsSomebodyToServe) {
  ExpectError(std::string(kSecrets) + "roles: [credentials]\n", "roles",
              "neither credentials.issuers nor credentials.api_keys");
}

TEST(CredentialService, AnIssuerIsAUrlOfOneReading) {
  const auto expect = [](const std::string& fields, const std::string& key,
                         const std::string& message) {
    ExpectError(
        std::string(kSecrets) + "credentials: {issuers: [{audience: turn, " + fields + "}]}\n",
        "credentials.issuers[0]" + key, message);
  };
  const std::string rest = ", algorithms: [RS256]";
  for (const std::string issuer :
       {"https://u:p@a.example", "https://a.example?x=y", "https://a.example/x#y",
        "https://A.example", "https://a.example.", "https://a.example:0", "https://[::1]"}) {
    expect("issuer: \"" + issuer + "\"" + rest, ".issuer", "is no issuer");
  }
  for (const std::string suffix : {"com", "ID.example.com", "192.0.2.1", "id.example.com."}) {
    expect("issuer_suffix: " + suffix + rest, ".issuer_suffix", "is no domain");
  }
  expect("issuer: \"https://a.example\", algorithms: []", ".algorithms", "no token could be");
  expect("issuer: \"https://a.example\", algorithms: [RS256, HS256]", ".algorithms[1]", "'HS256'");
  expect("issuer: \"https://a.example\", algorithms: [none]", ".algorithms[0]", "'none'");
  expect("issuer: \"https://a.example\", admin_scope: \"turn:credentials\"" + rest, ".admin_scope",
         "also the mint_scope");
  EXPECT_TRUE(Load(std::string(kSecrets) +
                   "credentials: {issuers: [{issuer: \"https://a.example:8443/realms/One\", "
                   "audience: turn" +
                   rest + "}]}\n")
                  .ok());
}

TEST(CredentialService, NeedsAPortOfItsOwn) {
  ExpectError(std::string(kSecrets) +
                  "credentials:\n  listener: {port: 9641}\n  api_keys: [{key: abc, tenant: t}]\n",
              "credentials.listener.port", "where metrics are");
  ExpectError(std::string(kSecrets) +
                  "listeners: [{transport: tcp, address: 127.0.0.1, port: 8080}]\n" + kKeys,
              "credentials.listener.port", "one of the listeners");
}

TEST(CredentialService, HasOneSubjectKey) {
  const LoadedConfig loaded =
      Load("credentials:\n  subject_key: a\n  subject_key_file: /dev/null\n");
  ASSERT_FALSE(loaded.ok());
  EXPECT_TRUE(Load("credentials: {subject_key: a}\n").ok());
  ExpectError("credentials:\n  subject_key: a\n  subject_key_file: /proc/version\n",
              "credentials.subject_key", "one is enough");
}

TEST(CredentialService, BesideARelayMayHaveNobodyToServe) {
  const LoadedConfig loaded = Load(std::string(kSecrets) + "roles: [relay, credentials]\n");
  ASSERT_TRUE(loaded.ok());
  ASSERT_THAT(loaded.warnings, SizeIs(1));
  EXPECT_THAT(loaded.warnings[0].message, HasSubstr("nobody could use the credential service"));
  EXPECT_FALSE(OffersCredentials(loaded.config));
}

TEST(CredentialService, ByItselfKnowsNoRelayWithoutARegistry) {
  const LoadedConfig loaded = Load(std::string(kSecrets) + "roles: [credentials]\n" + kKeys);
  ASSERT_TRUE(loaded.ok()) << loaded.errors[0].ToString();
  ASSERT_THAT(loaded.warnings, SizeIs(1));
  EXPECT_EQ(loaded.warnings[0].key, "fleet.registry");
}

TEST(CredentialService, ExistsByTheRoleAndSomebodyToServe) {
  EXPECT_TRUE(OffersCredentials(Load(std::string(kSecrets) + kKeys).config));
  EXPECT_FALSE(OffersCredentials(Load(kSecrets).config));
  EXPECT_FALSE(OffersCredentials(Load(std::string(kSecrets) + "roles: [relay]\n" + kKeys).config));
}

TEST(CredentialService, ComesAndGoesByARestart) {
  const Config without = Load(kSecrets).config;
  const Config with = Load(std::string(kSecrets) + kKeys).config;
  EXPECT_THAT(CompareConfigs(without, with).by_restart,
              testing::ElementsAre("credentials.api_keys"));
  EXPECT_THAT(CompareConfigs(with, without).by_restart,
              testing::ElementsAre("credentials.api_keys"));
  Config other = with;
  other.credentials.api_keys[0].key = "other";
  EXPECT_THAT(CompareConfigs(with, other).by_reload, testing::ElementsAre("credentials.api_keys"));
}

}  // namespace relay::credential_service_test
