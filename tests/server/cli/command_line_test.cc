#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "tests/server/cli/run_command.h"

namespace relay::command_line_test {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class WrongUsage : public testing::TestWithParam<std::vector<std::string>> {};

TEST_P(WrongUsage, IsCodeTwoAndOneLine) {
  const CommandResult result = RunCommand(GetParam());
  EXPECT_EQ(result.code, 2);
  EXPECT_EQ(result.out, "");
  EXPECT_THAT(result.err, StartsWith("senso-turn: "));
  EXPECT_EQ(std::ranges::count(result.err, '\n'), 1);
}

INSTANTIATE_TEST_SUITE_P(
    All, WrongUsage,
    testing::Values(
        std::vector<std::string>{}, std::vector<std::string>{"frobnicate"},
        std::vector<std::string>{"--frobnicate"}, std::vector<std::string>{"check"},
        std::vector<std::string>{"check", "a", "b"}, std::vector<std::string>{"serve", "extra"},
        std::vector<std::string>{"serve", "--config"}, std::vector<std::string>{"serve", "--set"},
        std::vector<std::string>{"credentials", "--ttl", "soon"},
        std::vector<std::string>{"credentials", "--ttl", "0s"},
        std::vector<std::string>{"credentials", "--ttl", "366d"},
        std::vector<std::string>{"status", "--config", "/nonexistent.yaml"},
        std::vector<std::string>{"credentials", "--set", "relm=x"},
        std::vector<std::string>{"generate"}, std::vector<std::string>{"generate", "poetry"}));

TEST(CommandLine, NamesTheCommandThatWasProbablyMeant) {
  EXPECT_THAT(RunCommand({"chekc", "a"}).err,
              HasSubstr("'chekc' is not a command; the nearest one is 'check'"));
}

TEST(CommandLine, HelpExplainsTheCommandsAndHidesOurOwn) {
  const CommandResult result = RunCommand({"--help"});
  EXPECT_EQ(result.code, 0);
  for (const char* command : {"serve", "check", "credentials", "status", "version"}) {
    EXPECT_THAT(result.out, HasSubstr(std::string("\n  ") + command));
  }
  EXPECT_THAT(result.out, Not(HasSubstr("generate")));
  EXPECT_EQ(result.err, "");
}

TEST(CommandLine, EachCommandHasHelp) {
  for (const char* command : {"serve", "check", "credentials", "status", "version"}) {
    const CommandResult result = RunCommand({command, "--help"});
    EXPECT_EQ(result.code, 0) << command;
    EXPECT_THAT(result.out, HasSubstr(std::string("Usage: senso-turn ") + command));
  }
}

TEST(CommandLine, PrintsTheVersion) {
  EXPECT_EQ(RunCommand({"version"}).out, "senso-turn " SENSO_TURN_VERSION "\n");
  EXPECT_EQ(RunCommand({"--version"}).out, "senso-turn " SENSO_TURN_VERSION "\n");
  EXPECT_EQ(RunCommand({"version"}).code, 0);
}

TEST(CommandLine, GeneratesTheDocuments) {
  const CommandResult configuration = RunCommand({"generate", "configuration"});
  EXPECT_EQ(configuration.code, 0);
  EXPECT_THAT(configuration.out, StartsWith("# Configuration\n"));
  const CommandResult metrics = RunCommand({"generate", "metrics"});
  EXPECT_EQ(metrics.code, 0);
  EXPECT_THAT(metrics.out, HasSubstr("senso_turn_allocations"));
}

}  // namespace relay::command_line_test
