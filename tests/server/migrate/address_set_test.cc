#include "server/migrate/address_set.h"

#include <gmock/gmock.h>

#include <random>

namespace relay::address_set_test {

using testing::ElementsAre;
using testing::IsEmpty;

base::IpAddress Ip(std::string_view text) { return *base::IpAddress::Parse(text); }

std::vector<std::string> PrefixesOf(const AddressSet& set) {
  std::vector<std::string> prefixes;
  for (const base::IpPrefix& prefix : set.Prefixes()) prefixes.push_back(prefix.ToString());
  return prefixes;
}

AddressSet Of(std::string_view first, std::string_view last) {
  AddressSet set;
  set.Add(Ip(first), Ip(last));
  return set;
}

TEST(AddressSetTest, NothingHasNoPrefix) {
  EXPECT_THAT(PrefixesOf({}), IsEmpty());
  AddressSet set = Of("10.0.0.0", "10.0.0.9");
  set.Subtract(Of("0.0.0.0", "255.255.255.255"));
  EXPECT_TRUE(set.empty());
}

TEST(AddressSetTest, OneAddressIsOnePrefix) {
  EXPECT_THAT(PrefixesOf(Of("192.0.2.1", "192.0.2.1")), ElementsAre("192.0.2.1/32"));
  EXPECT_THAT(PrefixesOf(Of("2001:db8::1", "2001:db8::1")), ElementsAre("2001:db8::1/128"));
}

TEST(AddressSetTest, RangesBecomeTheFewestPrefixes) {
  EXPECT_THAT(PrefixesOf(Of("10.0.0.0", "10.255.255.255")), ElementsAre("10.0.0.0/8"));
  EXPECT_THAT(PrefixesOf(Of("10.0.0.1", "10.0.0.6")),
              ElementsAre("10.0.0.1/32", "10.0.0.2/31", "10.0.0.4/31", "10.0.0.6/32"));
  EXPECT_THAT(PrefixesOf(Of("83.166.64.0", "83.166.95.255")), ElementsAre("83.166.64.0/19"));
  EXPECT_THAT(PrefixesOf(Of("255.255.255.254", "255.255.255.255")),
              ElementsAre("255.255.255.254/31"));
  EXPECT_THAT(PrefixesOf(Of("0.0.0.0", "255.255.255.255")), ElementsAre("0.0.0.0/0"));
}

TEST(AddressSetTest, NoRangeOfIpv6HoldsIpv4) {
  const AddressSet all = Of("::", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
  EXPECT_EQ(all.Prefixes().size(), 96U);
  for (const base::IpPrefix& prefix : all.Prefixes()) {
    EXPECT_FALSE(prefix.Contains(Ip("192.0.2.1"))) << prefix.ToString();
    EXPECT_FALSE(prefix.Contains(Ip("0.0.0.0"))) << prefix.ToString();
  }
  EXPECT_THAT(PrefixesOf(Of("fc00::", "fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff")),
              ElementsAre("fc00::/7"));
}

TEST(AddressSetTest, ARangeOfIpv6LeavesIpv4InTheSet) {
  AddressSet set = Of("192.0.2.0", "192.0.2.255");
  set.Add(Ip("::"), Ip("ffff::"));
  EXPECT_THAT(PrefixesOf(set), testing::Contains("192.0.2.0/24"));
}

TEST(AddressSetTest, NeighboursAndOverlapsAreOne) {
  AddressSet set = Of("10.0.0.0", "10.0.0.127");
  set.Add(Ip("10.0.0.128"), Ip("10.0.0.255"));
  set.Add(Ip("10.0.0.50"), Ip("10.0.0.60"));
  EXPECT_THAT(PrefixesOf(set), ElementsAre("10.0.0.0/24"));
}

TEST(AddressSetTest, AHoleIsExact) {
  AddressSet set = Of("10.0.0.0", "10.0.0.255");
  set.Subtract(Of("10.0.0.7", "10.0.0.7"));
  EXPECT_THAT(PrefixesOf(set),
              ElementsAre("10.0.0.0/30", "10.0.0.4/31", "10.0.0.6/32", "10.0.0.8/29",
                          "10.0.0.16/28", "10.0.0.32/27", "10.0.0.64/26", "10.0.0.128/25"));
}

// Against arithmetic on the last octet, over ranges of any kind.
TEST(AddressSetTest, HoldsWhatWasAddedAndNotTakenOut) {
  std::minstd_rand random(1);
  for (int round = 0; round < 200; ++round) {
    AddressSet set;
    std::array<bool, 256> expected{};
    for (int step = 0; step < 6; ++step) {
      auto first = static_cast<std::uint8_t>(random());
      auto last = static_cast<std::uint8_t>(random());
      if (last < first) std::swap(first, last);
      AddressSet change;
      change.Add(base::IpAddress::FromV4({192, 0, 2, first}),
                 base::IpAddress::FromV4({192, 0, 2, last}));
      const bool is_added = step % 3 != 2;
      if (is_added) {
        set.Add(base::IpAddress::FromV4({192, 0, 2, first}),
                base::IpAddress::FromV4({192, 0, 2, last}));
      } else {
        set.Subtract(change);
      }
      for (int i = first; i <= last; ++i) expected[static_cast<std::size_t>(i)] = is_added;
    }
    for (std::size_t i = 0; i < expected.size(); ++i) {
      const auto address = base::IpAddress::FromV4({192, 0, 2, static_cast<std::uint8_t>(i)});
      int covered = 0;
      for (const base::IpPrefix& prefix : set.Prefixes()) covered += prefix.Contains(address);
      ASSERT_EQ(covered, expected[i] ? 1 : 0) << address.ToString() << " in round " << round;
    }
  }
}

}  // namespace relay::address_set_test
