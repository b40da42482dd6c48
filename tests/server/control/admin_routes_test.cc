#include "server/control/admin_routes.h"

#include <gtest/gtest.h>

#include <memory>

#include "tests/server/control/kept_answer.h"

namespace relay::admin_routes_test {

class AdminRoutesTest : public testing::Test {
 protected:
  AdminRoutesTest() {
    routes_.Add("status",
                [](std::string_view arguments) { return "[" + std::string(arguments) + "]"; });
    routes_.Add("drain", [](std::string_view) { return "draining"; });
  }
  std::string Ask(std::string_view line) {
    const auto answer = std::make_shared<KeptAnswer>();
    routes_.Answer(line, LineReply(answer));
    return answer->text();
  }

  AdminRoutes routes_;
};

TEST_F(AdminRoutesTest, FindsTheCommandAndHandsItTheRest) {
  EXPECT_EQ(Ask("status"), "[]");
  EXPECT_EQ(Ask("  status \t json  please "), "[json  please]");
}

TEST_F(AdminRoutesTest, NamesTheCommandsThatThereAre) {
  EXPECT_EQ(Ask("stats"), "error: unknown command stats; there are: drain status\n");
  EXPECT_EQ(Ask("statusjson"), "error: unknown command statusjson; there are: drain status\n");
}

TEST_F(AdminRoutesTest, AnEmptyLineIsNoCommand) {
  EXPECT_EQ(Ask(""), "error: unknown command \"\"; there are: drain status\n");
  EXPECT_EQ(Ask(" \t"), "error: unknown command \"\"; there are: drain status\n");
}

TEST_F(AdminRoutesTest, EscapesWhatItRepeats) {
  EXPECT_EQ(Ask("\x1b[2J"), "error: unknown command \"\\u{1b}[2J\"; there are: drain status\n");
}

TEST_F(AdminRoutesTest, AnAnswerMayComeLaterAndInParts) {
  std::vector<LineReply> replies;
  routes_.AddLater("wait", [&replies](std::string_view arguments, const LineReply& reply) {
    EXPECT_EQ(arguments, "a b");
    replies.push_back(reply);
  });
  const auto answer = std::make_shared<KeptAnswer>();
  routes_.Answer("wait  a b ", LineReply(answer));
  EXPECT_EQ(answer->text(), "");
  replies.at(0).Send("1");
  replies.at(0).Finish("2");
  EXPECT_EQ(answer->text(), "12");
  EXPECT_TRUE(answer->is_finished());
}

TEST(AnswerReload, IsAnErrorOrALineAndThenTheDetails) {
  EXPECT_EQ(AnswerReload({.is_success = true, .summary = "nothing has changed", .details = {}}),
            "nothing has changed\n");
  EXPECT_EQ(
      AnswerReload({.is_success = true, .summary = "changed a", .details = {"b: warning: c"}}),
      "changed a\nb: warning: c\n");
  EXPECT_EQ(AnswerReload({.is_success = false, .summary = "2 errors", .details = {"a:1", "a:2"}}),
            "error: 2 errors\na:1\na:2\n");
}

}  // namespace relay::admin_routes_test
