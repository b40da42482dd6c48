#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/cli/one_answer.h"
#include "tests/server/cli/run_command.h"
#include "tests/support/temporary_directory.h"

namespace relay::status_test {

using testing::HasSubstr;

TEST(Status, AsksOverTheSocketAndPrintsTheAnswer) {
  const test_support::TemporaryDirectory directory;
  const std::string path = directory.path() + "/admin.sock";
  OneAnswer server(path, "allocations 3\nshards 2\n");
  const CommandResult result = RunCommand({"status", "--socket", path});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "allocations 3\nshards 2\n");
  EXPECT_EQ(server.Line(), "status");
}

TEST(Status, TakesTheSocketFromTheConfiguration) {
  const test_support::TemporaryDirectory directory;
  const std::string path = directory.path() + "/admin.sock";
  const std::string config = directory.Write("turn.yaml", "admin: {socket: " + path + "}\n");
  const OneAnswer server(path, "fine\n");
  EXPECT_EQ(RunCommand({"status", "--config", config}).out, "fine\n");
}

TEST(Status, IsToldWhateverHasHappenedToTheCertificates) {
  const test_support::TemporaryDirectory directory;
  const std::string path = directory.path() + "/admin.sock";
  const std::string config = directory.Write(
      "turn.yaml", "admin: {socket: " + path +
                       "}\nlisteners: [{transport: edge, port: 443}]\n"
                       "tls: {certificates: [{certificate: gone.crt, private_key: gone.key}]}\n");
  const OneAnswer server(path, "fine\n");
  const CommandResult result = RunCommand({"status", "--config", config});
  EXPECT_EQ(result.out, "fine\n");
  EXPECT_EQ(result.err, "");
}

TEST(Status, OfAWrongConfigurationIsCodeTwo) {
  const test_support::TemporaryDirectory directory;
  const CommandResult result =
      RunCommand({"status", "--config", directory.Write("turn.yaml", "relm: a\n")});
  EXPECT_EQ(result.code, 2);
  EXPECT_THAT(result.err, HasSubstr("relm"));
}

TEST(Status, WithoutAServerFails) {
  const test_support::TemporaryDirectory directory;
  const CommandResult result = RunCommand({"status", "--socket", directory.path() + "/admin.sock"});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, HasSubstr("senso-turn: no running server is reached"));
}

}  // namespace relay::status_test
