#include "auth/jwks_cache.h"

#include <gtest/gtest.h>

#include "tests/support/issuer_key.h"

namespace auth::jwks_cache_test {

using std::chrono::hours;
using std::chrono::seconds;
using test_support::IssuerKey;
using test_support::JwkSetText;
using Advice = JwksCache::Advice;

constexpr base::MonotonicTime kStart{hours(1000)};

JwkSet Keys(const std::string& kid) {
  static const IssuerKey key = IssuerKey::Ec("P-256");
  return *JwkSet::Parse(JwkSetText({key.Jwk({{"kid", kid}})}));
}

UncheckedBearer Of(const std::string& issuer, const std::string& kid, bool is_listed = false) {
  return {"", issuer, kid, SignatureAlgorithm::kEs256, is_listed, {}};
}

class JwksCacheTest : public testing::Test {
 protected:
  Advice Ask(const std::string& issuer = "a", const std::string& kid = "k") {
    return cache_.Find(Of(issuer, kid), now_).advice;
  }
  void Fetch(const std::string& issuer, std::optional<std::string> kid,
             std::optional<seconds> max_age = std::nullopt) {
    cache_.BeginFetch(issuer, now_);
    cache_.EndFetch(issuer, kid ? std::optional(Keys(*kid)) : std::nullopt, max_age, now_);
  }
  bool HasKey(const std::string& issuer, const std::string& kid) {
    const auto found = cache_.Find(Of(issuer, kid), now_);
    return found.advice == Advice::kJudge && found.keys->HasKeyFor(kid, SignatureAlgorithm::kEs256);
  }

  JwksCache cache_;
  base::MonotonicTime now_ = kStart;
  int next_ = 0;
};

TEST_F(JwksCacheTest, AnIssuerWithoutKeysIsFetchedOnceAndWaitedFor) {
  EXPECT_EQ(Ask(), Advice::kFetch);
  cache_.BeginFetch("a", now_);
  EXPECT_EQ(Ask(), Advice::kWait);
  cache_.EndFetch("a", Keys("k"), std::nullopt, now_);
  EXPECT_TRUE(HasKey("a", "k"));
}

TEST_F(JwksCacheTest, AnIssuerThatHasFailedIsLeftAloneForAWhile) {
  EXPECT_EQ(Ask(), Advice::kFetch);
  Fetch("a", std::nullopt);
  EXPECT_EQ(Ask(), Advice::kGiveUp);
  now_ += JwksCache::kRetryInterval - seconds(1);
  EXPECT_EQ(Ask(), Advice::kGiveUp);
  now_ += seconds(1);
  EXPECT_EQ(Ask(), Advice::kFetch);
}

TEST_F(JwksCacheTest, AnUnknownKidIsFetchedAtOnceAndThenOnceAMinute) {
  Fetch("a", "k");
  EXPECT_EQ(Ask("a", "new"), Advice::kFetch);
  Fetch("a", "new");
  EXPECT_TRUE(HasKey("a", "new"));
  EXPECT_EQ(Ask("a", "made up"), Advice::kJudge);
  now_ += seconds(59);
  EXPECT_EQ(Ask("a", "made up"), Advice::kJudge);
  now_ += seconds(1);
  EXPECT_EQ(Ask("a", "made up"), Advice::kFetch);
}

TEST_F(JwksCacheTest, KeysOfOneIssuerAreNobodyElses) {
  Fetch("a", "k");
  EXPECT_TRUE(HasKey("a", "k"));
  EXPECT_EQ(Ask("b", "k"), Advice::kFetch);
  Fetch("b", "other");
  EXPECT_FALSE(HasKey("b", "k"));
}

TEST_F(JwksCacheTest, KeysAreRefreshedBeforeTheirTimeIsOver) {
  Fetch("a", "k");
  EXPECT_TRUE(HasKey("a", "k"));
  now_ += seconds(479);
  EXPECT_TRUE(cache_.DueForRefresh(now_).empty());
  now_ += seconds(1);
  EXPECT_EQ(cache_.DueForRefresh(now_), std::vector<std::string>{"a"});
  cache_.BeginFetch("a", now_);
  EXPECT_TRUE(cache_.DueForRefresh(now_).empty());
  EXPECT_TRUE(HasKey("a", "k"));
}

TEST_F(JwksCacheTest, TheIssuerSaysHowLongWithinBounds) {
  Fetch("short", "k", seconds(1));
  Fetch("long", "k", hours(24 * 365));
  now_ += seconds(47);
  EXPECT_TRUE(cache_.DueForRefresh(now_).empty());
  now_ += seconds(1);
  EXPECT_EQ(cache_.DueForRefresh(now_), std::vector<std::string>{"short"});
  EXPECT_TRUE(HasKey("short", "k"));
  EXPECT_TRUE(HasKey("long", "k"));
  now_ = kStart + hours(19) + seconds(12 * 60);
  EXPECT_EQ(cache_.DueForRefresh(now_), (std::vector<std::string>{"long", "short"}));
}

TEST_F(JwksCacheTest, KeysAreKeptForADayWhenNoneCanBeHad) {
  Fetch("a", "k");
  now_ += seconds(601);
  EXPECT_EQ(cache_.StaleCount(now_), 1U);
  Fetch("a", std::nullopt);
  EXPECT_TRUE(HasKey("a", "k"));
  now_ = kStart + seconds(600) + hours(24) - seconds(1);
  Fetch("a", std::nullopt);
  EXPECT_TRUE(HasKey("a", "k"));
  now_ += seconds(1);
  EXPECT_EQ(cache_.StaleCount(now_), 0U);
  EXPECT_EQ(Ask(), Advice::kGiveUp);
}

TEST_F(JwksCacheTest, KeysThatNobodyAsksForAreNotStale) {
  Fetch("a", "k");
  now_ += JwksCache::kMaxIdle - seconds(1);
  EXPECT_EQ(cache_.StaleCount(now_), 1U);
  now_ += seconds(1);
  EXPECT_EQ(cache_.StaleCount(now_), 0U);
  EXPECT_EQ(cache_.OldestFetch(now_), std::nullopt);
}

TEST_F(JwksCacheTest, TheOldestFetchIsThatOfTheKeysInUse) {
  EXPECT_EQ(cache_.OldestFetch(now_), std::nullopt);
  Fetch("a", std::nullopt);
  EXPECT_EQ(cache_.OldestFetch(now_), std::nullopt);
  now_ += JwksCache::kRetryInterval;
  Fetch("a", "k");
  const base::MonotonicTime first = now_;
  now_ += seconds(60);
  Fetch("b", "k");
  EXPECT_EQ(cache_.OldestFetch(now_), first);
  Fetch("a", "k");
  EXPECT_EQ(cache_.OldestFetch(now_), now_);
  now_ += seconds(600);
  Fetch("a", std::nullopt);
  EXPECT_EQ(cache_.OldestFetch(now_), now_ - seconds(600)) << "a fetch that fails brings no keys";
}

TEST_F(JwksCacheTest, AFailedRefreshIsTriedAgainButNotAtOnce) {
  Fetch("a", "k");
  now_ += seconds(480);
  Fetch("a", std::nullopt);
  EXPECT_TRUE(cache_.DueForRefresh(now_).empty());
  now_ += JwksCache::kRefreshInterval;
  EXPECT_EQ(cache_.DueForRefresh(now_).size(), 1U);
}

TEST_F(JwksCacheTest, AnIssuerThatNobodyAsksForIsNotRefreshed) {
  Fetch("a", "k", hours(24));
  now_ += hours(24);
  EXPECT_TRUE(cache_.DueForRefresh(now_).empty());
}

TEST_F(JwksCacheTest, MadeUpIssuersAreFetchedSlowly) {
  const auto fetched = [&](int count) {
    int fetches = 0;
    for (int i = 0; i < count; ++i) {
      const std::string issuer = "made up " + std::to_string(next_++);
      if (Ask(issuer) != Advice::kFetch) continue;
      Fetch(issuer, std::nullopt);
      ++fetches;
    }
    return fetches;
  };
  EXPECT_EQ(fetched(500), 20);
  now_ += seconds(5);
  EXPECT_EQ(fetched(500), 5);
}

TEST_F(JwksCacheTest, MadeUpIssuersHoldUpNoneThatIsListed) {
  for (int i = 0; i < 500; ++i) Ask("made up " + std::to_string(i));
  EXPECT_EQ(Ask("another"), Advice::kGiveUp);
  EXPECT_EQ(cache_.Find(Of("listed", "k", true), now_).advice, Advice::kFetch);
}

TEST_F(JwksCacheTest, AKeyOfAnotherTypeIsNotFetchedAgain) {
  Fetch("a", "k");
  UncheckedBearer bearer = Of("a", "k");
  bearer.algorithm = SignatureAlgorithm::kRs256;
  EXPECT_EQ(cache_.Find(bearer, now_).advice, Advice::kJudge);
}

TEST_F(JwksCacheTest, MadeUpIssuersPushOutNoneThatHasKeys) {
  Fetch("real", "k");
  for (int i = 0; i < 10'000; ++i) Ask("made up " + std::to_string(i));
  EXPECT_EQ(cache_.issuer_count(), JwksCache::kMaxIssuers);
  EXPECT_TRUE(HasKey("real", "k"));
}

TEST_F(JwksCacheTest, SoManyFetchesAtATime) {
  for (std::size_t i = 0; i < JwksCache::kMaxFetches; ++i) {
    EXPECT_EQ(Ask(std::to_string(i)), Advice::kFetch);
    cache_.BeginFetch(std::to_string(i), now_);
  }
  EXPECT_EQ(Ask("one more"), Advice::kGiveUp);
  cache_.EndFetch("0", std::nullopt, std::nullopt, now_);
  EXPECT_EQ(Ask("one more"), Advice::kFetch);
}

TEST_F(JwksCacheTest, OnlyKnownIssuersAreRetained) {
  Fetch("a", "k");
  Fetch("b", "k");
  cache_.Retain([](const std::string& issuer) { return issuer == "b"; });
  EXPECT_EQ(cache_.issuer_count(), 1U);
  EXPECT_TRUE(HasKey("b", "k"));
}

TEST_F(JwksCacheTest, AFetchThatWasAbandonedMayBeginAgain) {
  EXPECT_EQ(Ask(), Advice::kFetch);
  cache_.BeginFetch("a", now_);
  cache_.AbandonFetches();
  cache_.EndFetch("a", Keys("k"), std::nullopt, now_);
  EXPECT_EQ(Ask(), Advice::kGiveUp);
  now_ += JwksCache::kRetryInterval;
  EXPECT_EQ(Ask(), Advice::kFetch);
}

}  // namespace auth::jwks_cache_test
