#include "server/control/rate_limiter.h"

#include <gtest/gtest.h>

namespace relay::rate_limiter_test {

using std::chrono::milliseconds;
using std::chrono::seconds;

const base::MonotonicTime kNow{seconds(1000)};
const Config::Rate kTwoASecond{2, seconds(1)};

TEST(RateLimiter, SaysHowLongUntilTheNextToken) {
  RateLimiter limiter(10);
  EXPECT_EQ(limiter.Take("a", kTwoASecond, kNow), std::nullopt);
  EXPECT_EQ(limiter.Take("a", kTwoASecond, kNow), std::nullopt);
  EXPECT_EQ(limiter.Take("a", kTwoASecond, kNow), milliseconds(500));
  EXPECT_EQ(limiter.Take("a", kTwoASecond, kNow + milliseconds(400)), milliseconds(100));
  EXPECT_EQ(limiter.Take("a", kTwoASecond, kNow + milliseconds(500)), std::nullopt);
  EXPECT_NE(limiter.Take("a", kTwoASecond, kNow + milliseconds(500)), std::nullopt);
}

TEST(RateLimiter, SavesNoMoreThanOnePeriod) {
  RateLimiter limiter(10);
  limiter.Take("a", kTwoASecond, kNow);
  const auto later = kNow + seconds(100);
  EXPECT_EQ(limiter.Take("a", kTwoASecond, later), std::nullopt);
  EXPECT_EQ(limiter.Take("a", kTwoASecond, later), std::nullopt);
  EXPECT_NE(limiter.Take("a", kTwoASecond, later), std::nullopt);
}

TEST(RateLimiter, HasABucketForEachKey) {
  RateLimiter limiter(10);
  const Config::Rate once{1, seconds(3600)};
  EXPECT_EQ(limiter.Take("a", once, kNow), std::nullopt);
  EXPECT_EQ(limiter.Take("b", once, kNow), std::nullopt);
  EXPECT_EQ(limiter.Take("a", once, kNow), seconds(3600));
}

TEST(RateLimiter, TakesZeroForNoLimit) {
  RateLimiter limiter(10);
  for (int i = 0; i < 1000; ++i) EXPECT_EQ(limiter.Take("a", {0, seconds(1)}, kNow), std::nullopt);
  EXPECT_EQ(limiter.size(), 0U);
}

TEST(RateLimiter, ForgetsTheKeyThatCameLongestAgo) {
  RateLimiter limiter(2);
  const Config::Rate once{1, seconds(3600)};
  limiter.Take("a", once, kNow);
  limiter.Take("b", once, kNow);
  EXPECT_NE(limiter.Take("a", once, kNow), std::nullopt);
  limiter.Take("c", once, kNow);
  EXPECT_EQ(limiter.size(), 2U);
  EXPECT_NE(limiter.Take("a", once, kNow), std::nullopt);
  EXPECT_EQ(limiter.Take("b", once, kNow), std::nullopt);
}

TEST(SourceKey, IsAnIpv4AddressOrAnIpv6Network) {
  const auto key = [](const char* text) { return SourceKey(*base::IpAddress::Parse(text)); };
  EXPECT_EQ(key("192.0.2.1"), "192.0.2.1");
  EXPECT_NE(key("192.0.2.1"), key("192.0.2.2"));
  EXPECT_EQ(key("2001:db8::1"), key("2001:db8::ffff:1"));
  EXPECT_NE(key("2001:db8::1"), key("2001:db8:0:1::1"));
}

}  // namespace relay::rate_limiter_test
