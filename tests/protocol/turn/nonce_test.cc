#include "protocol/turn/nonce.h"

#include <gtest/gtest.h>

#include <set>

#include "tests/support/seeded_random.h"

namespace turn::nonce_test {

using std::chrono::seconds;
using Verdict = NonceIssuer::Verdict;

const base::MonotonicTime kStart{seconds(500)};
const base::MonotonicTime kNow = kStart + seconds(100);
const base::Endpoint kClient = *base::Endpoint::Parse("20.1.1.1:40000");
constexpr NonceIssuer::Features kFeatures{true, true};
constexpr std::string_view kBase64 =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

class NonceTest : public ::testing::Test {
 protected:
  Verdict Check(std::string_view nonce, seconds age = seconds(0),
                const base::Endpoint& client = kClient) const {
    return issuer_.Check(nonce, client, kFeatures, seconds(3600), kNow + age);
  }

  test_support::SeededRandom random_{1};
  NonceIssuer issuer_{NonceKey{{1, 2, 3}}, kStart};
  std::string nonce_ = issuer_.Issue(kClient, kFeatures, random_, kNow);
};

TEST_F(NonceTest, ItIsFreshForItsLifetimeAndStaleAfterIt) {
  EXPECT_EQ(Check(nonce_), Verdict::kFresh);
  EXPECT_EQ(Check(nonce_, seconds(3599)), Verdict::kFresh);
  EXPECT_EQ(Check(nonce_, seconds(3600)), Verdict::kStale);
  EXPECT_EQ(Check(nonce_, seconds(100'000)), Verdict::kStale);
}

TEST_F(NonceTest, AUTH_16_EveryEditOfOneCharacterIsRejected) {
  for (std::size_t i = 0; i < nonce_.size(); ++i) {
    for (const char other : kBase64) {
      if (other == nonce_[i]) continue;
      std::string edited = nonce_;
      edited[i] = other;
      ASSERT_EQ(Check(edited), Verdict::kForged) << edited;
    }
  }
}

TEST_F(NonceTest, AUTH_16_EveryOtherLengthIsRejected) {
  for (std::size_t length = 0; length < nonce_.size(); ++length)
    EXPECT_EQ(Check(nonce_.substr(0, length)), Verdict::kForged);
  EXPECT_EQ(Check(nonce_ + "A"), Verdict::kForged);
  EXPECT_EQ(Check(nonce_ + "AAAA"), Verdict::kForged);
}

TEST_F(NonceTest, AUTH_05_ItIsBoundToAddressAndPort) {
  EXPECT_EQ(Check(nonce_, {}, *base::Endpoint::Parse("20.1.1.1:40001")), Verdict::kForged);
  EXPECT_EQ(Check(nonce_, {}, *base::Endpoint::Parse("20.1.1.2:40000")), Verdict::kForged);
}

TEST_F(NonceTest, ItIsBoundToTheFeatures) {
  EXPECT_EQ(issuer_.Check(nonce_, kClient, {true, false}, seconds(3600), kNow), Verdict::kForged);
}

TEST_F(NonceTest, ItIsBoundToTheKey) {
  const NonceIssuer other(NonceKey{{9}}, kStart);
  EXPECT_EQ(other.Check(nonce_, kClient, kFeatures, seconds(3600), kNow), Verdict::kForged);
}

TEST_F(NonceTest, AnotherShardWithTheSameKeyAcceptsItThoughItsClockIsBehind) {
  const NonceIssuer other(NonceKey{{1, 2, 3}}, kStart);
  EXPECT_EQ(other.Check(nonce_, kClient, kFeatures, seconds(3600), kNow - seconds(1)),
            Verdict::kFresh);
}

TEST_F(NonceTest, B51_ANonceOfTheFutureIsForged) {
  EXPECT_EQ(Check(nonce_, seconds(-60)), Verdict::kForged);
}

TEST_F(NonceTest, AUTH_18_ASequenceShowsNoCounterAndNoTime) {
  std::set<std::string> starts;
  for (int i = 0; i < 1000; ++i)
    starts.insert(issuer_.Issue(kClient, kFeatures, random_, kNow).substr(13, 6));
  EXPECT_GT(starts.size(), 990u);
}

TEST_F(NonceTest, AUTH_06_ItIsShort) { EXPECT_EQ(nonce_.size(), 32u); }

}  // namespace turn::nonce_test
