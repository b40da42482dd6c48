#include "server/control/log_settings.h"

#include <gtest/gtest.h>

namespace relay::log_settings_test {

TEST(LogSettings, HaveEveryLevelOfTheConfiguration) {
  using Level = Config::LogLevel;
  const auto level = [](Level value) { return LogLevelOf({.format = {}, .level = value}); };
  EXPECT_EQ(level(Level::kTrace), LogLevel::kDebug);
  EXPECT_EQ(level(Level::kDebug), LogLevel::kDebug);
  EXPECT_EQ(level(Level::kInfo), LogLevel::kInfo);
  EXPECT_EQ(level(Level::kWarning), LogLevel::kWarning);
  EXPECT_EQ(level(Level::kError), LogLevel::kError);
}

TEST(LogSettings, HaveBothFormats) {
  EXPECT_EQ(LogFormatOf({.format = Config::LogFormat::kText, .level = {}}), LogFormat::kText);
  EXPECT_EQ(LogFormatOf({.format = Config::LogFormat::kJson, .level = {}}), LogFormat::kJson);
}

}  // namespace relay::log_settings_test
