#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "tests/server/cli/one_answer.h"
#include "tests/server/cli/run_command.h"
#include "tests/support/temporary_directory.h"

namespace relay::reload_test {

using testing::HasSubstr;

class ReloadTest : public testing::Test {
 protected:
  std::string Configuration(const std::string& more) const {
    return directory_.Write("turn.yaml", "admin: {socket: " + path_ + "}\n" + more);
  }

  test_support::TemporaryDirectory directory_;
  const std::string path_ = directory_.File("admin.sock");
};

TEST_F(ReloadTest, AsksOverTheSocketAndPrintsTheAnswer) {
  OneAnswer server(path_, "changed limits.allocations\n");
  const CommandResult result = RunCommand({"reload", "--socket", path_});
  EXPECT_EQ(result.code, 0) << result.err;
  EXPECT_EQ(result.out, "changed limits.allocations\n");
  EXPECT_EQ(result.err, "");
  EXPECT_EQ(server.Line(), "reload");
}

TEST_F(ReloadTest, OfWhatTheServerRefusesIsCodeOneWithEveryLine) {
  const OneAnswer server(path_, "error: 2 errors in 'a'; nothing was changed\na:1: b\na:2: c\n");
  const CommandResult result = RunCommand({"reload", "--socket", path_});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.out, "");
  EXPECT_EQ(result.err, "senso-turn: 2 errors in 'a'; nothing was changed\na:1: b\na:2: c\n");
}

TEST_F(ReloadTest, WithoutAnAnswerFails) {
  const OneAnswer server(path_, "");
  const CommandResult result = RunCommand({"reload", "--socket", path_});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("without an answer"));
}

TEST_F(ReloadTest, WithoutAServerFails) {
  const CommandResult result = RunCommand({"reload", "--socket", path_});
  EXPECT_EQ(result.code, 1);
  EXPECT_THAT(result.err, HasSubstr("senso-turn: no running server is reached"));
}

TEST_F(ReloadTest, LeavesTheErrorsOfTheConfigurationToTheServer) {
  const std::string file = Configuration("relm: a\nnode: ${NOT_SET_ANYWHERE}\n");
  const OneAnswer server(path_, "error: as it says\n");
  const CommandResult result = RunCommand({"reload", "--config", file});
  EXPECT_EQ(result.code, 1);
  EXPECT_EQ(result.err, "senso-turn: as it says\n");
}

TEST_F(ReloadTest, AsksNobodyWhenTheSocketIsNotKnown) {
  for (const char* more : {"realm: [", "admin: {socket: other}\n"}) {
    const CommandResult result = RunCommand({"reload", "--config", Configuration(more)});
    EXPECT_EQ(result.code, 1) << more;
    EXPECT_THAT(result.err, HasSubstr("--socket names it")) << more;
  }
}

}  // namespace relay::reload_test
