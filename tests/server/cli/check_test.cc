#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/cli/run_command.h"
#include "tests/support/certificate_files.h"
#include "tests/support/temporary_directory.h"

namespace relay::check_test {

constexpr const char* kRight = "auth: {users: [{username: a, password: b}]}\n";

TEST(Check, OfARightFileSaysSo) {
  const test_support::TemporaryDirectory directory;
  const std::string file = directory.Write("turn.yaml", kRight);
  const CommandResult result = RunCommand({"check", file});
  EXPECT_EQ(result.code, 0);
  EXPECT_EQ(result.out, file + ": no errors\n");
  EXPECT_EQ(result.err, "");
}

TEST(Check, ListsEveryErrorWithItsLine) {
  const test_support::TemporaryDirectory directory;
  const std::string file =
      directory.Write("turn.yaml", std::string(kRight) + "relm: a\nrelay: {ports: {min: 80}}\n");
  const CommandResult result = RunCommand({"check", file});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out, file + ":2: relm: is not a known key; the nearest one is realm\n" + file +
                            ":3: relay.ports.min: '80' is too small; accepted: 1024 to 65535\n" +
                            file + ": 2 errors\n");
}

TEST(Check, FindsCertificatesThatTheServerCouldNotUse) {
  const test_support::TemporaryDirectory directory;
  test_support::WriteCertificate(directory, "a", {"a.example"});
  test_support::WriteCertificate(directory, "b", {"b.example"});
  const std::string file = directory.Write(
      "turn.yaml", std::string(kRight) +
                       "listeners: [{transport: edge, port: 443}]\ntls:\n  certificates:\n"
                       "  - {certificate: a.crt, private_key: a.key}\n"
                       "  - certificate: b.crt\n    private_key: a.key\n"
                       "  - {certificate: c.crt, private_key: b.key}\n");
  const CommandResult result = RunCommand({"check", file});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out,
            file + ":7: tls.certificates[1].private_key: '" + directory.File("a.key") +
                "' is not the key of the first certificate in '" + directory.File("b.crt") + "'\n" +
                file + ":8: tls.certificates[2].certificate: '" + directory.File("c.crt") +
                "' cannot be read: No such file or directory\n" + file + ": 2 errors\n");
}

TEST(Check, WarnsOfACertificateThatHasExpired) {
  const test_support::TemporaryDirectory directory;
  test_support::WriteCertificate(directory, "a", {"a.example"}, {}, std::chrono::days(-10));
  const std::string file = directory.Write(
      "turn.yaml",
      std::string(kRight) + "tls: {certificates: [{certificate: a.crt, private_key: a.key}]}\n");
  const CommandResult result = RunCommand({"check", file});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, testing::HasSubstr(":2: tls.certificates[0].certificate: warning: '" +
                                             directory.File("a.crt") + "' has expired"));
}

TEST(Check, SaysWhatAListenerNeedsThatSpeaksTls) {
  const test_support::TemporaryDirectory directory;
  const std::string file = directory.Write(
      "turn.yaml", std::string(kRight) + "listeners:\n- {transport: tls, port: 5349}\n");
  const CommandResult result = RunCommand({"check", file});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.out,
              testing::HasSubstr(":3: listeners[0].transport: 'tls' needs a certificate: add "
                                 "tls.certificates"));
}

TEST(Check, CountsWarningsButPasses) {
  const test_support::TemporaryDirectory directory;
  const std::string file = directory.Write("turn.yaml", "realm: a\n");
  const CommandResult result = RunCommand({"check", file});
  EXPECT_EQ(result.code, 0);
  EXPECT_THAT(result.out, testing::HasSubstr(": auth: warning: there are no users"));
  EXPECT_THAT(result.out, testing::EndsWith(file + ": no errors, 1 warning\n"));
}

TEST(Check, OfAMissingFileFails) {
  const CommandResult result = RunCommand({"check", "/nonexistent/turn.yaml"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out,
            "/nonexistent/turn.yaml: cannot be read: No such file or directory\n"
            "/nonexistent/turn.yaml: 1 error\n");
}

TEST(Check, TakesOverridesIntoAccount) {
  const test_support::TemporaryDirectory directory;
  const std::string file = directory.Write("turn.yaml", kRight);
  EXPECT_EQ(RunCommand({"check", file, "--set", "realm=b"}).code, 0);
  EXPECT_EQ(RunCommand({"check", "--set", "realm=b", "--set", "relm=b", file}).code, 1);
}

}  // namespace relay::check_test
