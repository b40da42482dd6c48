#include "server/app/embedded_default.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <string>

#include "server/app/relay_addresses.h"
#include "tests/support/certificate_files.h"
#include "tests/support/temporary_directory.h"

namespace relay::embedded_default_test {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

class EmbeddedDefaultTest : public testing::Test {
 protected:
  EmbeddedDefault Build(std::vector<std::string> overrides = {},
                        SelfSigned self_signed = SelfSigned::kKeep) const {
    overrides.push_back("state.directory=" + directory_.path() + "/state");
    auto built = BuildEmbeddedDefault(overrides, self_signed);
    if (!built.ok()) {
      ADD_FAILURE() << built.error().message;
      return {};
    }
    return std::move(built).value();
  }

  test_support::TemporaryDirectory directory_;
};

TEST_F(EmbeddedDefaultTest, TURN_07_IsNeverAnOpenRelay) {
  const EmbeddedDefault embedded = Build();
  ASSERT_TRUE(embedded.loaded.ok());
  EXPECT_THAT(embedded.loaded.warnings, IsEmpty());
  ASSERT_THAT(embedded.loaded.config.auth.shared_secrets, SizeIs(1));
  EXPECT_THAT(embedded.loaded.config.auth.shared_secrets[0].secret, SizeIs(44));
  EXPECT_EQ(embedded.secret_path, directory_.path() + "/state/secret");
}

TEST_F(EmbeddedDefaultTest, KeepsItsSecretOverARestart) {
  const EmbeddedDefault first = Build();
  const EmbeddedDefault second = Build();
  EXPECT_EQ(first.loaded.config.auth.shared_secrets, second.loaded.config.auth.shared_secrets);
}

TEST_F(EmbeddedDefaultTest, HasASecretOfItsOwnInEveryDirectory) {
  const test_support::TemporaryDirectory other;
  const auto elsewhere =
      BuildEmbeddedDefault({"state.directory=" + other.path()}, SelfSigned::kSpare);
  ASSERT_TRUE(elsewhere.ok());
  EXPECT_NE(elsewhere.value().loaded.config.auth.shared_secrets,
            Build().loaded.config.auth.shared_secrets);
}

TEST_F(EmbeddedDefaultTest, MakesNoSecretWhenUsersAreGiven) {
  const EmbeddedDefault embedded = Build({"auth.users=[{username: a, password: b}]"});
  EXPECT_EQ(embedded.secret_path, "");
  EXPECT_THAT(embedded.loaded.config.auth.shared_secrets, IsEmpty());
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/state/secret"));
}

TEST_F(EmbeddedDefaultTest, MakesNoSecretWhenOneIsGiven) {
  const EmbeddedDefault embedded =
      Build({"auth.shared_secrets=[{id: mine, secret: a secret of the operator}]"});
  EXPECT_EQ(embedded.secret_path, "");
  ASSERT_THAT(embedded.loaded.config.auth.shared_secrets, SizeIs(1));
  EXPECT_EQ(embedded.loaded.config.auth.shared_secrets[0].id, "mine");
}

TEST_F(EmbeddedDefaultTest, MakesNoSecretWhenAnOverrideIsWrong) {
  const EmbeddedDefault embedded = Build({"relm=x"});
  ASSERT_THAT(embedded.loaded.errors, SizeIs(1));
  EXPECT_EQ(embedded.loaded.errors[0].ToString(),
            "--set: relm: is not a known key; the nearest one is realm");
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/state"));
}

TEST_F(EmbeddedDefaultTest, TakesOverrides) {
  EXPECT_EQ(Build({"realm=example.org"}).loaded.config.realm, "example.org");
}

TEST_F(EmbeddedDefaultTest, FailsWhenThereIsNoPlaceForTheSecret) {
  const std::string file = directory_.Write("file", "");
  const auto built =
      BuildEmbeddedDefault({"state.directory=" + file + "/state"}, SelfSigned::kKeep);
  ASSERT_FALSE(built.ok());
  EXPECT_THAT(built.error().message, HasSubstr("no folder to keep secrets in"));
  EXPECT_THAT(built.error().message, HasSubstr(file + "/state"));
}

TEST_F(EmbeddedDefaultTest, WarnsOfASecretThatEverybodyCanRead) {
  const std::string path = Build().secret_path;
  std::filesystem::permissions(path, std::filesystem::perms(0644));
  const EmbeddedDefault embedded = Build();
  EXPECT_TRUE(embedded.loaded.ok());
  ASSERT_THAT(embedded.loaded.warnings, SizeIs(1));
  EXPECT_THAT(embedded.loaded.warnings[0].ToString(), HasSubstr("can read the secret"));
}

TEST_F(EmbeddedDefaultTest, STUN_37_OpensTheDefaultListenersOfEveryTransport) {
  const EmbeddedDefault embedded = Build();
  std::vector<std::string> names;
  for (const Config::Listener& listener : embedded.loaded.config.listeners) {
    if (listener.address.is_v4()) names.push_back(ToString(listener));
  }
  EXPECT_THAT(names, ElementsAre("udp 0.0.0.0:3478", "udp 0.0.0.0:49152", "dtls 0.0.0.0:49153",
                                 "tcp 0.0.0.0:3478", "tls 0.0.0.0:5349", "dtls 0.0.0.0:5349",
                                 "edge 0.0.0.0:443"));
}

TEST_F(EmbeddedDefaultTest, HasCertificatesOfItsOwnBesideTheSecret) {
  const EmbeddedDefault embedded = Build();
  EXPECT_TRUE(embedded.has_self_signed);
  EXPECT_THAT(embedded.loaded.warnings, IsEmpty());
  const std::string state = directory_.path() + "/state/";
  EXPECT_THAT(embedded.loaded.config.tls.certificates,
              ElementsAre(Config::Certificate{state + "tls-rsa.crt", state + "tls-rsa.key"},
                          Config::Certificate{state + "tls-ec.crt", state + "tls-ec.key"}));
  EXPECT_THAT(Build().loaded.warnings, IsEmpty());
}

TEST_F(EmbeddedDefaultTest, SaysThatACertificateIsMadeAnew) {
  Build();
  std::filesystem::remove(directory_.path() + "/state/tls-ec.key");
  const EmbeddedDefault embedded = Build();
  EXPECT_TRUE(embedded.loaded.ok());
  ASSERT_THAT(embedded.loaded.warnings, SizeIs(1));
  EXPECT_THAT(embedded.loaded.warnings[0].ToString(), HasSubstr("tls-ec.crt' was made anew"));
  EXPECT_THAT(embedded.loaded.warnings[0].ToString(), HasSubstr("told to trust the new one"));
}

TEST_F(EmbeddedDefaultTest, HasCertificatesForListenersThatAreNamed) {
  const EmbeddedDefault embedded = Build({"listeners=[{transport: edge, port: 8443}]"});
  EXPECT_TRUE(embedded.loaded.ok());
  EXPECT_TRUE(embedded.has_self_signed);
}

TEST_F(EmbeddedDefaultTest, MakesNoCertificatesWhenSomeAreGiven) {
  const auto files = test_support::WriteCertificate(directory_, "mine", {"turn.example.org"});
  const EmbeddedDefault embedded = Build({"tls.certificates=[{certificate: " + files.certificate +
                                          ", private_key: " + files.private_key + "}]"});
  EXPECT_FALSE(embedded.has_self_signed);
  EXPECT_THAT(embedded.loaded.config.tls.certificates, SizeIs(1));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/state/tls-ec.crt"));
}

TEST_F(EmbeddedDefaultTest, MakesNoCertificatesForThoseWhoOnlyNameTheServer) {
  const EmbeddedDefault embedded = Build({}, SelfSigned::kSpare);
  EXPECT_FALSE(embedded.has_self_signed);
  EXPECT_THAT(embedded.loaded.config.tls.certificates, IsEmpty());
  EXPECT_TRUE(std::filesystem::exists(directory_.path() + "/state/secret"));
  EXPECT_FALSE(std::filesystem::exists(directory_.path() + "/state/tls-ec.crt"));
}

TEST_F(EmbeddedDefaultTest, WithoutAPlaceForCertificatesLeavesTlsOutAndSaysWhy) {
  const std::string file = directory_.Write("file", "");
  const std::string users = "auth.users=[{username: a, password: b}]";
  const auto built =
      BuildEmbeddedDefault({users, "state.directory=" + file + "/state"}, SelfSigned::kKeep);
  ASSERT_TRUE(built.ok()) << built.error().message;
  EXPECT_TRUE(built.value().loaded.ok());
  EXPECT_FALSE(built.value().has_self_signed);
  ASSERT_FALSE(built.value().left_out.empty());
  EXPECT_THAT(built.value().left_out[0].reason, HasSubstr("no certificate can be made"));
  EXPECT_THAT(built.value().left_out[0].remedy, HasSubstr("tls.certificates"));

  const auto named = BuildEmbeddedDefault(
      {users, "state.directory=" + file + "/state", "listeners=[{transport: edge, port: 8443}]"},
      SelfSigned::kKeep);
  ASSERT_FALSE(named.ok());
  EXPECT_THAT(named.error().message, HasSubstr("no certificate can be made"));
}

TEST_F(EmbeddedDefaultTest, OpensIpv6WhereItExists) {
  const EmbeddedDefault embedded = Build();
  const bool has_v6 = std::ranges::any_of(
      embedded.loaded.config.listeners,
      [](const Config::Listener& listener) { return !listener.address.is_v4(); });
  EXPECT_EQ(has_v6, FamilyExists(base::AddressFamily::kIpv6));
}

TEST(LeaveOut, TakesOutWhatNeedsACertificateAndSaysHowToHaveIt) {
  Config config;
  const auto left_out = LeaveOutUnavailableListeners(config);
  std::vector<std::string> names;
  for (const LeftOutListener& listener : left_out) {
    if (!listener.listener.address.is_v4()) continue;
    names.push_back(ToString(listener.listener));
    EXPECT_EQ(listener.reason, "there is no certificate");
    EXPECT_EQ(listener.remedy, "add tls.certificates");
  }
  EXPECT_THAT(names, ElementsAre("dtls 0.0.0.0:49153", "tls 0.0.0.0:5349", "dtls 0.0.0.0:5349",
                                 "edge 0.0.0.0:443"));
  EXPECT_EQ(config.listeners.size() + left_out.size(), 14U);
}

TEST(LeaveOut, TouchesNoListThatSomebodyWrote) {
  Config config;
  config.listeners_were_given = true;
  EXPECT_THAT(LeaveOutUnavailableListeners(config), IsEmpty());
  EXPECT_THAT(config.listeners, SizeIs(14));
}

}  // namespace relay::embedded_default_test
