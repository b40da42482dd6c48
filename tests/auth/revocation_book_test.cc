#include "auth/revocation_book.h"

#include <gtest/gtest.h>

#include <string>

namespace auth::revocation_book_test {

using std::chrono::hours;
using std::chrono::seconds;
using Kind = Revocation::Kind;
using Outcome = RevocationBook::Outcome;

const base::WallTime kNow{seconds(1'000'000)};

Revocation Of(std::string value, seconds lifetime = hours(1)) {
  return {Kind::kTenant, std::move(value), kNow, kNow + lifetime};
}

TEST(RevocationBook, TakesNothingThatCouldConcernNobody) {
  RevocationBook book;
  EXPECT_EQ(book.Add(Of(""), kNow), Outcome::kInvalid);
  EXPECT_EQ(book.Add(Of(std::string(764, 'x')), kNow), Outcome::kInvalid);
  EXPECT_EQ(book.Add(Of("acme", seconds(0)), kNow), Outcome::kOver);
  EXPECT_EQ(book.size(), 0u);
  EXPECT_EQ(book.Add(Of(std::string(763, 'x')), kNow), Outcome::kAdded);
}

TEST(RevocationBook, IsBounded) {
  RevocationBook book;
  for (std::size_t i = 0; i < RevocationBook::kMaxRevocations; ++i)
    ASSERT_EQ(book.Add(Of(std::to_string(i)), kNow), Outcome::kAdded);
  EXPECT_EQ(book.Add(Of("one more"), kNow), Outcome::kFull);
  EXPECT_EQ(book.Add(Of("7"), kNow), Outcome::kKnown);
  EXPECT_EQ(book.size(), RevocationBook::kMaxRevocations);
}

TEST(RevocationBook, BelievesNoClockThatIsAhead) {
  RevocationBook book;
  book.Add({Kind::kTenant, "acme", kNow + hours(5), base::WallTime::max()}, kNow);
  const Revocation* const kept = book.Find({Kind::kTenant, "acme"});
  ASSERT_NE(kept, nullptr);
  EXPECT_EQ(kept->revoked_at, kNow);
  EXPECT_EQ(kept->forget_at, kNow + std::chrono::days(31));
}

TEST(RevocationBook, KnowsEachOnceAndKeepsTheStricterTimes) {
  RevocationBook book;
  EXPECT_EQ(book.Add(Of("acme", seconds(10)), kNow), Outcome::kAdded);
  EXPECT_EQ(book.Add(Of("acme", seconds(10)), kNow), Outcome::kKnown);
  EXPECT_EQ(book.Add(Of("acme", seconds(5)), kNow), Outcome::kKnown);
  EXPECT_EQ(book.Add(Of("acme", seconds(20)), kNow), Outcome::kAdded);
  EXPECT_EQ(book.Add({Kind::kKid, "acme", kNow, kNow + hours(1)}, kNow), Outcome::kAdded);
  EXPECT_EQ(book.size(), 2u);
  EXPECT_EQ(book.Find({Kind::kTenant, "acme"})->forget_at, kNow + seconds(20));
  EXPECT_EQ(book.Find({Kind::kJti, "acme"}), nullptr);
}

TEST(RevocationBook, ForgetsWhatIsOver) {
  RevocationBook book;
  EXPECT_EQ(book.OldestRevokedAt(), std::nullopt);
  book.Add(Of("short", seconds(10)), kNow);
  book.Add({Kind::kTenant, "long", kNow - seconds(5), kNow + seconds(20)}, kNow);
  EXPECT_EQ(book.OldestRevokedAt(), kNow - seconds(5));
  EXPECT_FALSE(book.Forget(kNow + seconds(9)));
  EXPECT_TRUE(book.Forget(kNow + seconds(10)));
  ASSERT_EQ(book.List().size(), 1u);
  EXPECT_EQ(book.List()[0].value, "long");
}

}  // namespace auth::revocation_book_test
