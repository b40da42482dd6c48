#include "protocol/turn/challenge_limiter.h"

#include <gtest/gtest.h>

namespace turn::challenge_limiter_test {

using std::chrono::milliseconds;
using std::chrono::seconds;

base::IpAddress Address(std::string_view text) { return *base::IpAddress::Parse(text); }

class ChallengeLimiterTest : public ::testing::Test {
 protected:
  int CountAllowed(const base::IpAddress& source, int attempts) {
    int allowed = 0;
    for (int i = 0; i < attempts; ++i) allowed += limiter_.Allow(source, 10, 20, now_) ? 1 : 0;
    return allowed;
  }

  ChallengeLimiter limiter_;
  base::MonotonicTime now_{seconds(1000)};
};

TEST_F(ChallengeLimiterTest, ASourceHasItsBurstAndThenTheRate) {
  const base::IpAddress source = Address("20.1.1.1");
  EXPECT_EQ(CountAllowed(source, 100), 20);
  now_ += milliseconds(100);
  EXPECT_EQ(CountAllowed(source, 100), 1);
  now_ += seconds(1);
  EXPECT_EQ(CountAllowed(source, 100), 10);
  now_ += seconds(1000);
  EXPECT_EQ(CountAllowed(source, 100), 20);
}

TEST_F(ChallengeLimiterTest, Ipv4SourcesAreSingleAddresses) {
  EXPECT_EQ(CountAllowed(Address("20.1.1.1"), 100), 20);
  EXPECT_EQ(CountAllowed(Address("20.1.1.2"), 100), 20);
}

TEST_F(ChallengeLimiterTest, Ipv6SourcesAreNetworksOf64Bits) {
  EXPECT_EQ(CountAllowed(Address("2600:0:0:1::1"), 100), 20);
  EXPECT_EQ(CountAllowed(Address("2600:0:0:1:ffff::2"), 100), 0);
  EXPECT_EQ(CountAllowed(Address("2600:0:0:2::1"), 100), 20);
}

TEST_F(ChallengeLimiterTest, ARateOfZeroIsNoLimit) {
  for (int i = 0; i < 10'000; ++i) ASSERT_TRUE(limiter_.Allow(Address("20.1.1.1"), 0, 1, now_));
}

TEST_F(ChallengeLimiterTest, AFloodOfSourcesDoesNotFreeTheOneThatKeepsAsking) {
  const base::IpAddress victim = Address("20.1.1.1");
  int allowed = CountAllowed(victim, 100);
  for (std::uint32_t i = 0; i < 100'000; ++i) {
    limiter_.Allow(
        base::IpAddress::FromV4({21, static_cast<std::uint8_t>(i >> 16),
                                 static_cast<std::uint8_t>(i >> 8), static_cast<std::uint8_t>(i)}),
        10, 20, now_);
    now_ += std::chrono::microseconds(10);
    if (i % 100 == 0) allowed += limiter_.Allow(victim, 10, 20, now_) ? 1 : 0;
  }
  // One second went by.
  EXPECT_LE(allowed, 20 + 10 + 1);
}

}  // namespace turn::challenge_limiter_test
