#include "auth/opaque_string.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>

namespace auth::opaque_string_test {

using std::string_view_literals::operator""sv;

struct Refusal {
  const char* name;
  std::string_view text;
  const char* error;
};

class RefusedText : public testing::TestWithParam<Refusal> {};

TEST_P(RefusedText, IsRefusedWithTheReason) {
  const auto prepared = PrepareOpaqueString(GetParam().text);
  ASSERT_FALSE(prepared.ok());
  EXPECT_EQ(prepared.error().message, GetParam().error);
}

constexpr const char* kControl = "contains a control character";
constexpr const char* kInvalid = "is not valid UTF-8";

INSTANTIATE_TEST_SUITE_P(
    All, RefusedText,
    testing::Values(Refusal{"Empty", "", "is empty"}, Refusal{"Nul", "al\0ice"sv, kControl},
                    Refusal{"Newline", "alice\n", kControl}, Refusal{"Escape", "\x1b[2J", kControl},
                    Refusal{"Delete", "a\x7f", kControl}, Refusal{"C1", "a\xc2\x85", kControl},
                    Refusal{"LoneContinuation", "\x80", kInvalid},
                    Refusal{"CutCharacter", "a\xc3", kInvalid},
                    Refusal{"BadContinuation", "\xe2\x28\xa1", kInvalid},
                    Refusal{"OverlongSlash", "\xc0\xaf", kInvalid},
                    Refusal{"OverlongNul", "\xe0\x80\x80", kInvalid},
                    Refusal{"OverlongOfFour", "\xf0\x80\x80\xaf", kInvalid},
                    Refusal{"Surrogate", "\xed\xa0\x80", kInvalid},
                    Refusal{"AboveUnicode", "\xf4\x90\x80\x80", kInvalid},
                    Refusal{"NoSuchLength", "\xf8\x88\x80\x80\x80", kInvalid},
                    Refusal{"Latin1", "j\xf6rg", kInvalid},
                    Refusal{"Noncharacter", "\xef\xbf\xbf",
                            "contains a code point without a character"}),
    [](const auto& test) { return std::string(test.param.name); });

TEST(OpaqueString, LeavesTextInNormalizationFormCAsItIs) {
  for (const std::string_view text :
       {"alice"sv, "al ice"sv, "j\xc3\xb6rg"sv, "%s%n"sv, "' OR 1=1--"sv,
        "\xe3\x83\x9e\xe3\x83\x88"sv, "\xf0\x9f\x94\x91"sv}) {
    const auto prepared = PrepareOpaqueString(text);
    ASSERT_TRUE(prepared.ok());
    EXPECT_EQ(prepared.value(), text);
  }
}

TEST(OpaqueString, MapsSpacesOutsideAsciiToTheAsciiSpace) {
  const auto prepared = PrepareOpaqueString(
      "a\xc2\xa0"
      "b\xe2\x80\x83"
      "c\xe3\x80\x80"
      "d");
  ASSERT_TRUE(prepared.ok());
  EXPECT_EQ(prepared.value(), "a b c d");
}

TEST(OpaqueString, KeepsCase) {
  const auto prepared = PrepareOpaqueString("Alice");
  ASSERT_TRUE(prepared.ok());
  EXPECT_EQ(prepared.value(), "Alice");
}

}  // namespace auth::opaque_string_test
