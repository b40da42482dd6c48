#include "server/config/units.h"

#include <gtest/gtest.h>

#include <string>

namespace relay::units_test {

using std::chrono::seconds;

TEST(Duration, HasAUnitOrCountsSeconds) {
  EXPECT_EQ(ParseDuration("600s"), seconds(600));
  EXPECT_EQ(ParseDuration("600"), seconds(600));
  EXPECT_EQ(ParseDuration("10m"), seconds(600));
  EXPECT_EQ(ParseDuration("12h"), seconds(43200));
  EXPECT_EQ(ParseDuration("1d"), seconds(86400));
  EXPECT_EQ(ParseDuration("0"), seconds(0));
  EXPECT_EQ(ParseDuration("1h30m"), seconds(5400));
  EXPECT_EQ(ParseDuration("1d2h3m4s"), seconds(93784));
}

TEST(Duration, IsNothingElse) {
  for (const char* text :
       {"", "s", "-1s", "+1s", "1.5h", "1 h", " 1h", "1h ", "1ms", "1w", "1H", "1m1h", "1h1h",
        "1h30", "99999999999999999999s", "200y", "1e3s", "9223372036854775807d"}) {
    EXPECT_FALSE(ParseDuration(text)) << text;
  }
}

TEST(Duration, PrintsWhatParsesBack) {
  for (const int count : {0, 1, 59, 60, 90, 600, 3600, 5400, 43200, 86400, 90000}) {
    EXPECT_EQ(ParseDuration(PrintDuration(seconds(count))), seconds(count));
  }
  EXPECT_EQ(PrintDuration(seconds(3600)), "1h");
  EXPECT_EQ(PrintDuration(seconds(600)), "600s");
}

TEST(ShortDuration, HasAUnitUnlessItIsNothing) {
  EXPECT_EQ(ParseShortDuration("0"), std::chrono::microseconds(0));
  EXPECT_EQ(ParseShortDuration("50us"), std::chrono::microseconds(50));
  EXPECT_EQ(ParseShortDuration("2ms"), std::chrono::microseconds(2000));
  EXPECT_EQ(ParseShortDuration("1s"), std::chrono::microseconds(1'000'000));
}

TEST(ShortDuration, IsNothingElse) {
  for (const char* text : {"", "50", "us", "-1us", "1.5ms", "1 ms", "1m", "1h", "1ms50us", "1US",
                           "99999999999999999999us", "9999999999999s"}) {
    EXPECT_FALSE(ParseShortDuration(text)) << text;
  }
}

TEST(ShortDuration, PrintsWhatParsesBack) {
  for (const int count : {0, 1, 999, 1000, 1500, 1'000'000, 1'001'000}) {
    const std::chrono::microseconds duration(count);
    EXPECT_EQ(ParseShortDuration(PrintShortDuration(duration)), duration);
  }
  EXPECT_EQ(PrintShortDuration(std::chrono::microseconds(2000)), "2ms");
}

TEST(BitRate, IsBitsASecond) {
  EXPECT_EQ(ParseBitRate("0"), 0U);
  EXPECT_EQ(ParseBitRate("50Mbit"), 50'000'000U);
  EXPECT_EQ(ParseBitRate("50mbit"), 50'000'000U);
  EXPECT_EQ(ParseBitRate("50Mbit/s"), 50'000'000U);
  EXPECT_EQ(ParseBitRate("64kbit"), 64'000U);
  EXPECT_EQ(ParseBitRate("800bit"), 800U);
  EXPECT_EQ(ParseBitRate("10Gbit"), 10'000'000'000U);
}

TEST(BitRate, IsNothingElse) {
  for (const char* text : {"", "Mbit", "50", "50MB", "50M", "50Mbps", "-1Mbit", "1.5Mbit", "1 Mbit",
                           "50Mbit/m", "18446744073709551616bit", "99999999999999Gbit"}) {
    EXPECT_FALSE(ParseBitRate(text)) << text;
  }
}

TEST(BitRate, PrintsWhatParsesBack) {
  for (const std::uint64_t rate : {0ULL, 1ULL, 999ULL, 64'000ULL, 1'500'000ULL, 50'000'000ULL,
                                   2'000'000'000ULL, 2'000'000'001ULL}) {
    EXPECT_EQ(ParseBitRate(PrintBitRate(rate)), rate);
  }
}

TEST(Rate, IsSoManyInATime) {
  const auto rate = ParseRate("100/m");
  ASSERT_TRUE(rate);
  EXPECT_EQ(rate->count, 100U);
  EXPECT_EQ(rate->period, seconds(60));
  EXPECT_EQ(ParseRate("0")->count, 0U);
}

TEST(Rate, IsNothingElse) {
  for (const char* text : {"", "10", "/s", "10/", "10/y", "10/ms", "0/s", "-1/s", "4294967296/s"}) {
    EXPECT_FALSE(ParseRate(text)) << text;
  }
}

TEST(Rate, PrintsWhatParsesBack) {
  for (const char* text : {"0", "10/s", "100/m", "5/h", "1/d"}) {
    EXPECT_EQ(PrintRate(*ParseRate(text)), text);
  }
}

}  // namespace relay::units_test
