#include "server/control/admin_routes.h"

#include <gtest/gtest.h>

namespace relay::admin_routes_test {

class AdminRoutesTest : public testing::Test {
 protected:
  AdminRoutesTest() {
    routes_.Add("status",
                [](std::string_view arguments) { return "[" + std::string(arguments) + "]"; });
    routes_.Add("drain", [](std::string_view) { return "draining"; });
  }
  AdminRoutes routes_;
};

TEST_F(AdminRoutesTest, FindsTheCommandAndHandsItTheRest) {
  EXPECT_EQ(routes_.Answer("status"), "[]");
  EXPECT_EQ(routes_.Answer("  status \t json  please "), "[json  please]");
}

TEST_F(AdminRoutesTest, NamesTheCommandsThatThereAre) {
  EXPECT_EQ(routes_.Answer("stats"), "error: unknown command stats; there are: drain status\n");
  EXPECT_EQ(routes_.Answer("statusjson"),
            "error: unknown command statusjson; there are: drain status\n");
}

TEST_F(AdminRoutesTest, AnEmptyLineIsNoCommand) {
  EXPECT_EQ(routes_.Answer(""), "error: unknown command \"\"; there are: drain status\n");
  EXPECT_EQ(routes_.Answer(" \t"), "error: unknown command \"\"; there are: drain status\n");
}

TEST_F(AdminRoutesTest, EscapesWhatItRepeats) {
  EXPECT_EQ(routes_.Answer("\x1b[2J"),
            "error: unknown command \"\\u{1b}[2J\"; there are: drain status\n");
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
