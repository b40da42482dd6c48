#include "server/log/log_text.h"

#include <gtest/gtest.h>

namespace relay::log_text_test {

std::string Text(std::string_view value) {
  std::string out;
  AppendLogText(out, value);
  return out;
}

std::string Json(std::string_view value) {
  std::string out;
  AppendJsonString(out, value);
  return out;
}

TEST(TimeText, IsInSecondsAndUtc) {
  using std::chrono::milliseconds;
  EXPECT_EQ(TimeText(base::WallTime(milliseconds(1795197600999))), "2026-11-20T18:00:00Z");
  EXPECT_EQ(TimeText(base::WallTime(milliseconds(-1))), "1969-12-31T23:59:59Z");
}

TEST(LogText, LeavesAPlainWordBare) { EXPECT_EQ(Text("192.0.2.1:3478"), "192.0.2.1:3478"); }

TEST(LogText, QuotesWhatWouldNotReadAsOneWord) {
  EXPECT_EQ(Text(""), R"("")");
  EXPECT_EQ(Text("two words"), R"("two words")");
  EXPECT_EQ(Text("a=b"), R"("a=b")");
  EXPECT_EQ(Text(R"(say "hi" \o/)"), R"("say \"hi\" \\o/")");
}

TEST(LogText, EscapesControlCharacters) {
  EXPECT_EQ(Text("a\nb"), R"("a\u{a}b")");
  EXPECT_EQ(Text("\x1b[2J"), R"("\u{1b}[2J")");
  EXPECT_EQ(Text(std::string_view("\0", 1)), R"("\u{0}")");
  EXPECT_EQ(Text("\x7f"), R"("\u{7f}")");
  EXPECT_EQ(Text("\xc2\x9b"), R"("\u{9b}")");  // C1: a control sequence introducer in one character
  EXPECT_EQ(Json("a\nb\x1b"), R"("a\u000ab\u001b")");
  EXPECT_EQ(Json("\xc2\x9b"), R"("\u009b")");
}

TEST(LogText, EscapesMarksThatReorderOrHideText) {
  EXPECT_EQ(Text("\xe2\x80\xae"), R"("\u{202e}")");
  EXPECT_EQ(Text("\xe2\x81\xa6"), R"("\u{2066}")");
  EXPECT_EQ(Text("\xe2\x80\xa8"), R"("\u{2028}")");
  EXPECT_EQ(Json("\xe2\x80\x8b"), R"("\u200b")");
}

TEST(LogText, KeepsOtherLanguages) {
  EXPECT_EQ(Text("j\xc3\xb6rg"), "\"j\xc3\xb6rg\"");
  EXPECT_EQ(Json("\xe6\x97\xa5\xf0\x9f\x98\x80"), "\"\xe6\x97\xa5\xf0\x9f\x98\x80\"");
}

TEST(LogText, ShowsOctetsThatAreNotUtf8) {
  EXPECT_EQ(Text("\xc0\x80"), R"("\xc0\x80")");          // not the shortest form
  EXPECT_EQ(Text("\xed\xa0\x80"), R"("\xed\xa0\x80")");  // a surrogate
  EXPECT_EQ(Text("\xf8"), R"("\xf8")");
  EXPECT_EQ(Text("\xf4\x90\x80\x80"), R"("\xf4\x90\x80\x80")");  // above 10FFFF
  EXPECT_EQ(Text("\xe2\x82"), R"("\xe2\x82")");                  // cut off
  EXPECT_EQ(Json("\xc0\x80"), R"("\ufffd\ufffd")");
}

TEST(LogText, CutsLongValues) {
  const std::string text = Text(std::string(10'000, 'a'));
  EXPECT_EQ(text, '"' + std::string(kMaxLogValueBytes, 'a') + "...\"");
  EXPECT_EQ(Json(std::string(10'000, 'a')), text);
}

}  // namespace relay::log_text_test
