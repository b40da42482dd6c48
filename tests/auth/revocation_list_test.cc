#include "auth/revocation_list.h"

#include <gtest/gtest.h>

#include <chrono>
#include <string>
#include <string_view>

namespace auth::revocation_list_test {

using std::chrono::seconds;
using std::string_view_literals::operator""sv;
using Kind = Revocation::Kind;

// Expiries count in seconds: everything was revoked at 1000 and is over at 2000.
RevocationList Revoked(Kind kind, std::string value) {
  return RevocationList(
      {{kind, std::move(value), base::WallTime(seconds(1000)), base::WallTime(seconds(2000))}});
}

TEST(RevocationList, OfNothingCoversNobody) {
  const RevocationList list({});
  for (const std::string_view name : {""sv, "alice"sv, "1500:k1.acme.hash:jti"sv, "\0\xff"sv})
    EXPECT_FALSE(list.Covers(name)) << name;
}

TEST(RevocationList, DoesNotCoverWhoOnlyLooksAlike) {
  EXPECT_FALSE(Revoked(Kind::kUsername, "alice").Covers("alic"));
  EXPECT_FALSE(Revoked(Kind::kUsername, "alice").Covers("1500:alice"));
  EXPECT_FALSE(Revoked(Kind::kTenant, "acme").Covers("1500:k1.acme2.hash:jti"));
  EXPECT_FALSE(Revoked(Kind::kTenant, "acme").Covers("1500:acme.other.hash:jti"));
  EXPECT_FALSE(Revoked(Kind::kTenant, "acme").Covers("1500:acme"));
  EXPECT_FALSE(Revoked(Kind::kSubject, "hash").Covers("1500:k1.acme.hash:jti"));
  EXPECT_FALSE(Revoked(Kind::kSubject, "acme.hash").Covers("1500:k1.acme.hash2:jti"));
  EXPECT_FALSE(Revoked(Kind::kKid, "k1").Covers("1500:k11.acme.hash:jti"));
  EXPECT_FALSE(Revoked(Kind::kJti, "jti").Covers("1500:k1.acme.hash:jti2"));
  // Names without these parts have none that is empty.
  for (const Kind kind : {Kind::kTenant, Kind::kKid, Kind::kJti})
    EXPECT_FALSE(Revoked(kind, "").Covers("1500:alice"));
}

TEST(RevocationList, CoversByEachKind) {
  constexpr std::string_view kName = "1500:k1.acme.hash:jti";
  EXPECT_TRUE(Revoked(Kind::kUsername, std::string(kName)).Covers(kName));
  EXPECT_TRUE(Revoked(Kind::kSubject, "acme.hash").Covers(kName));
  EXPECT_TRUE(Revoked(Kind::kTenant, "acme").Covers(kName));
  EXPECT_TRUE(Revoked(Kind::kKid, "k1").Covers(kName));
  EXPECT_TRUE(Revoked(Kind::kJti, "jti").Covers(kName));
  EXPECT_TRUE(Revoked(Kind::kUsername, "alice").Covers("alice"));
  EXPECT_TRUE(Revoked(Kind::kSubject, "alice").Covers("1500:alice"));
}

TEST(RevocationList, OfATenantOrSubjectConcernsWhatWasIssuedBefore) {
  for (const RevocationList& list :
       {Revoked(Kind::kTenant, "acme"), Revoked(Kind::kSubject, "acme.hash")}) {
    EXPECT_TRUE(list.Covers("1900:k1.acme.hash:999-x"));
    EXPECT_TRUE(list.Covers("1900:k1.acme.hash:1000-x"));
    EXPECT_FALSE(list.Covers("1900:k1.acme.hash:1001-x"));
    // Where the name does not say, what would outlive the revocation was issued later.
    EXPECT_TRUE(list.Covers("2000:k1.acme.hash:x"));
    EXPECT_FALSE(list.Covers("2001:k1.acme.hash:x"));
  }
}

TEST(RevocationList, OfAKeyConcernsWhateverItSigns) {
  // Whoever has the key can write any date.
  EXPECT_TRUE(Revoked(Kind::kKid, "k1").Covers("9999999:k1.acme.hash:5000-x"));
  EXPECT_TRUE(Revoked(Kind::kJti, "5000-x").Covers("9999999:k1.acme.hash:5000-x"));
}

TEST(RevocationList, TakesTheStricterOfTwoForOne) {
  const auto at = [](int time) { return base::WallTime(seconds(time)); };
  const RevocationList list(
      {{Kind::kTenant, "acme", at(1000), at(2000)}, {Kind::kTenant, "acme", at(1500), at(1900)}});
  EXPECT_TRUE(list.Covers("1900:k1.acme.hash:1400-x"));
  EXPECT_TRUE(list.Covers("2000:k1.acme.hash:x"));
}

}  // namespace auth::revocation_list_test
