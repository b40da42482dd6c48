#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <chrono>
#include <string>

#include "auth/timed_credential.h"
#include "protocol/base/time.h"
#include "tests/server/cli/run_command.h"
#include "tests/support/certificate_files.h"
#include "tests/support/temporary_directory.h"

namespace relay::credentials_test {

using testing::HasSubstr;

class CredentialsCommand : public testing::Test {
 protected:
  std::string WriteConfig(const std::string& auth) const {
    return directory_.Write("turn.yaml",
                            "node: turn.example.org\n"
                            "listeners: [{transport: udp, port: 3478}, {transport: udp, port: "
                            "49152}, {transport: tcp, port: 3478}]\n" +
                                auth);
  }

  // The entry with the credential.
  static boost::json::value Turn(const CommandResult& result) {
    EXPECT_EQ(result.code, 0) << result.err;
    return boost::json::parse(result.out).at("iceServers").as_array().back();
  }

  test_support::TemporaryDirectory directory_;
  const std::string secrets_ =
      "auth: {shared_secrets: [{id: k1, secret: the first of them all}, {id: k2, secret: the "
      "second "
      "of them}]}\n";
};

TEST_F(CredentialsCommand, SignsWithTheFirstSecretOfTheConfiguration) {
  const auto turn = Turn(RunCommand(
      {"credentials", "--config", WriteConfig(secrets_), "--user", "alice", "--ttl", "1h"}));
  const std::string username(turn.at("username").as_string());
  EXPECT_EQ(turn.at("credential").as_string(),
            auth::TimedPassword("the first of them all", username));
  const auto parsed = auth::ParseTimedUsername(username);
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->subject, "alice");
  const auto left = parsed->expires_at - base::ReadClocks().wall;
  EXPECT_GT(left, std::chrono::minutes(59));
  EXPECT_LE(left, std::chrono::hours(1));
}

TEST_F(CredentialsCommand, LastsAsLongAsTheConfigurationSays) {
  const auto turn = Turn(RunCommand(
      {"credentials", "--config", WriteConfig(secrets_ + "credentials: {ttl: {default: 2h}}\n")}));
  const std::string username(turn.at("username").as_string());
  EXPECT_GT(auth::ParseTimedUsername(username)->expires_at,
            base::ReadClocks().wall + std::chrono::minutes(119));
}

TEST_F(CredentialsCommand, NamesTheNode) {
  const std::string file = WriteConfig(secrets_);
  const auto turn = Turn(RunCommand({"credentials", "--config", file}));
  EXPECT_EQ(turn.at("urls").as_array()[0].as_string(), "turn:turn.example.org:49152?transport=udp");
  const auto other =
      Turn(RunCommand({"credentials", "--config", file, "--node", "eu.example.org"}));
  EXPECT_EQ(other.at("urls").as_array()[0].as_string(), "turn:eu.example.org:49152?transport=udp");
}

TEST_F(CredentialsCommand, NamesTlsWhereThereIsACertificate) {
  test_support::WriteCertificate(directory_, "a", {"turn.example.org"});
  const std::string file = directory_.Write(
      "tls.yaml", secrets_ +
                      "node: turn.example.org\n"
                      "tls: {certificates: [{certificate: a.crt, private_key: a.key}]}\n");
  const auto turn = Turn(RunCommand({"credentials", "--config", file}));
  EXPECT_EQ(turn.at("urls"), (boost::json::array{"turn:turn.example.org:49152?transport=udp",
                                                 "turns:turn.example.org:443?transport=tcp",
                                                 "turn:turn.example.org:3478?transport=udp",
                                                 "turns:turn.example.org:5349?transport=tcp",
                                                 "turn:turn.example.org:3478?transport=tcp"}));
}

TEST_F(CredentialsCommand, NamesNoTlsOfDefaultListenersWithoutACertificate) {
  const std::string file = directory_.Write("plain.yaml", secrets_ + "node: turn.example.org\n");
  const auto turn = Turn(RunCommand({"credentials", "--config", file}));
  EXPECT_EQ(turn.at("urls").as_array().size(), 3U);
}

TEST_F(CredentialsCommand, LeavesTheCertificatesOfARunningServerAlone) {
  Turn(RunCommand({"credentials", "--set", "state.directory=" + directory_.path(), "--set",
                   "listeners=[{transport: udp, port: 3478}, {transport: edge, port: 443}]",
                   "--node", "a.example"}));
  EXPECT_FALSE(std::filesystem::exists(directory_.File("tls-ec.crt")));
}

TEST_F(CredentialsCommand, FailsForUsersWithPasswordsOfTheirOwn) {
  const CommandResult result = RunCommand(
      {"credentials", "--config", WriteConfig("auth: {users: [{username: a, password: b}]}\n")});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("no shared secret"));
}

TEST_F(CredentialsCommand, OfAWrongConfigurationIsCodeTwo) {
  const CommandResult result =
      RunCommand({"credentials", "--config", WriteConfig("relm: x\nnods: y\n")});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("turn.yaml:3: relm"));
  EXPECT_THAT(result.err, HasSubstr("turn.yaml:4: nods"));
}

TEST_F(CredentialsCommand, WithoutConfigurationSignsWithTheSecretInTheStateDirectory) {
  directory_.Write("secret", "the secret that serve has made\n");
  const auto turn = Turn(RunCommand(
      {"credentials", "--set", "state.directory=" + directory_.path(), "--node", "a.example"}));
  const std::string username(turn.at("username").as_string());
  EXPECT_EQ(turn.at("credential").as_string(),
            auth::TimedPassword("the secret that serve has made", username));
}

TEST_F(CredentialsCommand, WithoutAPlaceForTheSecretFails) {
  const std::string file = directory_.Write("file", "");
  const CommandResult result =
      RunCommand({"credentials", "--set", "state.directory=" + file + "/state"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("no folder to keep secrets in"));
}

TEST_F(CredentialsCommand, RefusesAUserWithControlCharacters) {
  const CommandResult result =
      RunCommand({"credentials", "--config", WriteConfig(secrets_), "--user", "a\nb"});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("contains a control character"));
}

}  // namespace relay::credentials_test
