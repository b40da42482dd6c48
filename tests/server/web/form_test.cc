#include "server/web/form.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay::form_test {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;

TEST(PercentDecode, RefusesHalfAnOctet) {
  for (const char* text : {"%", "a%4", "%zz", "%4z", "%%41"})
    EXPECT_EQ(PercentDecode(text, false), std::nullopt) << text;
}

TEST(PercentDecode, DecodesOctets) {
  EXPECT_EQ(PercentDecode("a%3Ab%2fc+d", false), "a:b/c+d");
  EXPECT_EQ(PercentDecode("a+b", true), "a b");
  EXPECT_EQ(PercentDecode("", true), "");
}

TEST(ParseForm, LeavesOutWhatCannotBeRead) {
  EXPECT_THAT(ParseForm(""), IsEmpty());
  EXPECT_THAT(ParseForm("&&=x&a=%zz&b=1"), ElementsAre(Pair("b", "1")));
}

TEST(ParseForm, KeepsTheOrder) {
  EXPECT_THAT(ParseForm("a=1&b=x%3Dy&a=2&c"),
              ElementsAre(Pair("a", "1"), Pair("b", "x=y"), Pair("a", "2"), Pair("c", "")));
}

TEST(FindField, IsTheFirst) {
  const FormFields fields = ParseForm("a=1&a=2");
  EXPECT_EQ(*FindField(fields, "a"), "1");
  EXPECT_EQ(FindField(fields, "b"), nullptr);
}

}  // namespace relay::form_test
