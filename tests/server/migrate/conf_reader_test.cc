#include "server/migrate/conf_reader.h"

#include <gmock/gmock.h>

namespace relay::conf_reader_test {

using testing::ElementsAre;
using testing::IsEmpty;

// "3 name=value" for each entry.
std::vector<std::string> Read(std::string_view text) {
  std::vector<std::string> entries;
  for (const ConfEntry& entry : ReadTurnserverConf(text))
    entries.push_back(std::to_string(entry.line) + " " + entry.name + "=" + entry.value);
  return entries;
}

TEST(ConfReaderTest, NothingSetsNothing) {
  EXPECT_THAT(Read(""), IsEmpty());
  EXPECT_THAT(Read("\n\r\n  \t\n# realm=a\n   # b\n#"), IsEmpty());
}

TEST(ConfReaderTest, TheLastLineNeedsNoEnd) {
  EXPECT_THAT(Read("\n\nno-cli"), ElementsAre("3 no-cli="));
}

TEST(ConfReaderTest, NamesAndValuesAreTwoWaysApart) {
  EXPECT_THAT(
      Read("realm=a\nrealm b\nrealm = c\n\trealm\td  \nrealm=\nrealm"),
      ElementsAre("1 realm=a", "2 realm=b", "3 realm=c", "4 realm=d", "5 realm=", "6 realm="));
}

TEST(ConfReaderTest, LineEndsOfOtherSystemsAreNoPartOfTheValue) {
  EXPECT_THAT(Read("\xEF\xBB\xBFrealm=a\r\nuser=b:c\r\n"), ElementsAre("1 realm=a", "2 user=b:c"));
}

TEST(ConfReaderTest, DoubleQuotesAroundAValueAreGone) {
  EXPECT_THAT(Read("a=\"x y\"\nb \"x\nc=\"\nd=\"\"\ne=x\"y\"\nf='x'"),
              ElementsAre("1 a=x y", "2 b=x", "3 c=", "4 d=", "5 e=x\"y\"", "6 f='x'"));
}

TEST(ConfReaderTest, WhatFollowsBelongsToTheValue) {
  EXPECT_THAT(Read("static-auth-secret=a=b# c =\nuser=n:p q"),
              ElementsAre("1 static-auth-secret=a=b# c =", "2 user=n:p q"));
}

TEST(ConfReaderTest, AnyOctetsAreTaken) {
  EXPECT_THAT(Read(std::string_view("=x\n\0\xff=\x01\n==", 9)),
              ElementsAre("1 =x", std::string("2 \0\xff=\x01", 6), "3 ="));
}

}  // namespace relay::conf_reader_test
