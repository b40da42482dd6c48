#include "server/migrate/yaml_text.h"

#include <gmock/gmock.h>

#include "server/config/load.h"

namespace relay::yaml_text_test {

// What the configuration makes of it.
std::string ReadBack(std::string_view text) {
  const LoadedConfig loaded = LoadConfigText(
      "auth: {shared_secrets: [{id: k, secret: " + YamlQuoted(text) + "}]}", "test", {});
  if (!loaded.ok()) return "error: " + loaded.errors[0].ToString();
  return loaded.config.auth.shared_secrets[0].secret;
}

TEST(YamlTextTest, WhateverIsWrittenReadsBack) {
  for (const std::string_view text : {"north",
                                      "a b",
                                      "a: b",
                                      "# a",
                                      "a #b",
                                      "'",
                                      "\"",
                                      "\\",
                                      "\\n",
                                      "{a}",
                                      "[a]",
                                      "&a",
                                      "*a",
                                      "!a",
                                      "%a",
                                      "@a",
                                      "`a",
                                      "- a",
                                      "? a",
                                      "null",
                                      "~",
                                      "true",
                                      "1e3",
                                      "0x10",
                                      " a ",
                                      "a\tb",
                                      "a=b==",
                                      "\x01\x7f",
                                      "\xc3\xa9\xe4\xb8\xad",
                                      "$",
                                      "$$",
                                      "${",
                                      "${HOME}",
                                      "$${HOME}",
                                      "$$${",
                                      "a${",
                                      "}${${",
                                      "--- a"}) {
    EXPECT_EQ(ReadBack(text), text);
  }
}

TEST(YamlTextTest, ScalarsAreQuotedWhereTheyHaveToBe) {
  EXPECT_EQ(YamlScalar("/etc/ssl/turn.pem"), "/etc/ssl/turn.pem");
  EXPECT_EQ(YamlScalar("turn.example.org"), "turn.example.org");
  for (const std::string_view text :
       {"", "-a", "1", "0x1", ".5", "true", "null", "a b", "a:b", "#"})
    EXPECT_EQ(YamlScalar(text).front(), '"') << text;
}

TEST(YamlTextTest, CommentsAreBrokenAtBlanks) {
  EXPECT_EQ(YamlComment(""), "");
  EXPECT_EQ(YamlComment("a  b"), "# a b\n");
  const std::string comment =
      YamlComment(std::string(90, 'a') + " " + std::string(120, 'b') + " c");
  EXPECT_EQ(comment, "# " + std::string(90, 'a') + "\n# " + std::string(120, 'b') + "\n# c\n");
}

TEST(YamlTextTest, EveryLineIsCommentedOut) {
  EXPECT_EQ(CommentedOut(""), "");
  EXPECT_EQ(CommentedOut("a:\n  b: c\n"), "# a:\n#   b: c\n");
}

}  // namespace relay::yaml_text_test
