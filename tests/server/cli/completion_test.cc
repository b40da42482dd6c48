#include "server/cli/completion.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "server/cli/manual.h"
#include "tests/server/cli/run_command.h"

namespace relay::completion_test {

using testing::HasSubstr;
using testing::Not;

CommandNode Program() {
  const CommandOption config{.short_names = {"c"},
                             .long_names = {"config"},
                             .description = "It's [a] file: YAML",
                             .value_name = "FILE",
                             .kind = ValueKind::kFile,
                             .choices = {},
                             .default_value = "",
                             .is_required = false};
  const CommandOption format{.short_names = {},
                             .long_names = {"format"},
                             .description = "How",
                             .value_name = "FORMAT",
                             .kind = ValueKind::kChoice,
                             .choices = {"text", "json"},
                             .default_value = "text",
                             .is_required = false};
  return {.name = "senso-turn",
          .description = "",
          .footer = "",
          .options = {},
          .commands = {{.name = "status",
                        .description = "How it is",
                        .footer = "\n  senso-turn status\n.not a request",
                        .options = {config, format},
                        .commands = {}}}};
}

TEST(Completion, KnowsThreeShells) {
  for (const char* shell : {"bash", "zsh", "fish"})
    EXPECT_THAT(CompletionScript(Program(), shell).value(), HasSubstr("status")) << shell;
  EXPECT_FALSE(CompletionScript(Program(), "csh"));
}

TEST(Completion, QuotesWhatTheShellWouldTakeForItsOwn) {
  EXPECT_THAT(*CompletionScript(Program(), "zsh"),
              HasSubstr(R"('*--config[It'\''s \[a\] file\: YAML]:FILE:_files')"));
  EXPECT_THAT(*CompletionScript(Program(), "fish"), HasSubstr(R"(-d 'It'\''s [a] file: YAML')"));
}

TEST(Completion, IsThatOfTheProgram) {
  const CommandResult result = RunCommand({"completion", "bash"});
  EXPECT_EQ(result.code, 0);
  for (const char* word : {"sessions", "disconnect", "drain", "--deadline", "--wait", "--watch"})
    EXPECT_THAT(result.out, HasSubstr(word));
  EXPECT_THAT(result.out, Not(HasSubstr("generate")));
  EXPECT_EQ(RunCommand({"completion", "csh"}).code, 2);
  EXPECT_EQ(RunCommand({"completion"}).code, 2);
}

TEST(Manual, HasEachCommandWithItsOptions) {
  const std::string manual = Manual(Program());
  EXPECT_THAT(manual, HasSubstr(".SS \"status\"\nHow it is.\n"));
  EXPECT_THAT(manual, HasSubstr("\\fB\\-c\\fR, \\fB\\-\\-config\\fR \\fIFILE\\fR\n"));
  EXPECT_THAT(manual, HasSubstr("How: text json (default: text).\n"));
  EXPECT_THAT(manual, HasSubstr("\n\\&.not a request\n")) << "no text becomes a request";
}

}  // namespace relay::completion_test
