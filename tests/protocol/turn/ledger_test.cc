#include "protocol/turn/ledger.h"

#include <gtest/gtest.h>

#include <map>
#include <memory>

#include "tests/support/seeded_random.h"

namespace turn::ledger_test {

using std::chrono::seconds;

const base::IpAddress kRelayV4 = *base::IpAddress::Parse("192.0.2.1");
const base::IpAddress kSecondRelayV4 = *base::IpAddress::Parse("192.0.2.2");
const base::IpAddress kRelayV6 = *base::IpAddress::Parse("2001:db8::1");
const base::IpAddress kSource = *base::IpAddress::Parse("20.1.1.1");
const base::MonotonicTime kNow{seconds(1000)};

Ledger::Options Options() {
  Ledger::Options options;
  options.min_port = 50000;
  options.max_port = 50009;
  options.relay_addresses = {
      {kRelayV4, kRelayV4}, {kSecondRelayV4, kSecondRelayV4}, {kRelayV6, kRelayV6}};
  return options;
}

TEST(Ledger, AChargeBeyondTheUsersLimitIsRefusedUntilADischarge) {
  Ledger::Options options = Options();
  options.allocations_per_user = 1;
  Ledger ledger(options);
  const Owner alice{"alice", "", kSource};
  EXPECT_EQ(ledger.Charge(alice), std::nullopt);
  EXPECT_EQ(ledger.Charge(alice), QuotaScope::kUser);
  EXPECT_EQ(ledger.Charge(Owner{"alice", "acme", kSource}), std::nullopt);
  ledger.Discharge(alice);
  EXPECT_EQ(ledger.Charge(alice), std::nullopt);
}

TEST(Ledger, WhatUsersAndTenantsHaveElsewhereCountsTowardsTheirLimits) {
  Ledger::Options options = Options();
  options.allocations_per_user = 3;
  options.allocations_per_tenant = 5;
  Ledger ledger(options);
  const Owner alice{"alice", "acme", kSource};
  ledger.SetCountsElsewhere(std::make_shared<const QuotaCounts>(
      QuotaCounts{{QuotaNameOfUser("acme", "alice"), 2}, {QuotaNameOfTenant("acme"), 3}}));
  EXPECT_EQ(ledger.Charge(alice), std::nullopt);
  EXPECT_EQ(ledger.Charge(alice), QuotaScope::kUser);
  EXPECT_EQ(ledger.Charge({"alice", "other", kSource}), std::nullopt);
  EXPECT_EQ(ledger.Charge({"bob", "acme", kSource}), std::nullopt);
  EXPECT_EQ(ledger.Charge({"carol", "acme", kSource}), QuotaScope::kTenant);
  ledger.SetCountsElsewhere(nullptr);
  EXPECT_EQ(ledger.Charge(alice), std::nullopt);
  EXPECT_EQ(ledger.Charge({"carol", "acme", kSource}), std::nullopt);
}

TEST(Ledger, CountsAreUnderNamesThatOtherNodesFindThemBy) {
  Ledger ledger(Options());
  EXPECT_TRUE(ledger.ReadCounts().empty());
  ledger.Charge({"alice", "acme", kSource});
  ledger.Charge({"alice", "acme", kSource});
  ledger.Charge({"bob", "", kSource});
  std::map<QuotaName, std::uint32_t> counts;
  for (const QuotaCount& each : ledger.ReadCounts()) counts[each.name] = each.allocations;
  const std::map<QuotaName, std::uint32_t> expected{{QuotaNameOfUser("acme", "alice"), 2},
                                                    {QuotaNameOfUser("", "bob"), 1},
                                                    {QuotaNameOfTenant("acme"), 2}};
  EXPECT_EQ(counts, expected);
  ledger.Discharge({"bob", "", kSource});
  EXPECT_EQ(ledger.ReadCounts().size(), 2u);
}

TEST(Ledger, NamesOfQuotasAreNotMadeEqualByMovingALetter) {
  EXPECT_NE(QuotaNameOfUser("ab", "c"), QuotaNameOfUser("a", "bc"));
  EXPECT_NE(QuotaNameOfUser("a", ""), QuotaNameOfTenant("a"));
}

TEST(Ledger, TenantSourceAndTotalHaveLimitsOfTheirOwn) {
  Ledger::Options options = Options();
  options.allocations_per_tenant = 1;
  Ledger tenants(options);
  EXPECT_EQ(tenants.Charge({"a", "acme", kSource}), std::nullopt);
  EXPECT_EQ(tenants.Charge({"b", "acme", kSource}), QuotaScope::kTenant);
  EXPECT_EQ(tenants.Charge({"c", "", kSource}), std::nullopt);
  EXPECT_EQ(tenants.Charge({"d", "", kSource}), std::nullopt);

  options = Options();
  options.allocations_per_source = 1;
  Ledger sources(options);
  EXPECT_EQ(sources.Charge({"a", "", kSource}), std::nullopt);
  EXPECT_EQ(sources.Charge({"b", "", kSource}), QuotaScope::kSource);

  options = Options();
  options.allocations = 1;
  Ledger total(options);
  EXPECT_EQ(total.Charge({"a", "", kSource}), std::nullopt);
  EXPECT_EQ(total.Charge({"b", "", kRelayV6}), QuotaScope::kTotal);
}

TEST(Ledger, LimitsChangeAtAReloadAndWhatIsAboveStays) {
  Ledger ledger(Options());
  const Owner alice{"alice", "", kSource};
  EXPECT_EQ(ledger.Charge(alice), std::nullopt);
  EXPECT_EQ(ledger.Charge(alice), std::nullopt);
  Ledger::Options tighter = Options();
  tighter.allocations_per_user = 1;
  ledger.SetLimits(tighter);
  EXPECT_EQ(ledger.Charge(alice), QuotaScope::kUser);
  EXPECT_EQ(ledger.ReadTotals().allocations, 2u);
  ledger.Discharge(alice);
  ledger.Discharge(alice);
  EXPECT_EQ(ledger.Charge(alice), std::nullopt);
}

TEST(Ledger, EachUserHasANumberUntilNothingIsChargedToIt) {
  Ledger ledger(Options());
  const Owner alice{"alice", "", kSource};
  const Owner bob{"bob", "", kSource};
  const Owner other_alice{"alice", "acme", kSource};
  EXPECT_EQ(ledger.NumberOf(alice), UserNumber{});
  for (const Owner& owner : {alice, alice, bob, other_alice}) ledger.Charge(owner);
  EXPECT_EQ(ledger.NumberOf(alice), UserNumber{1});
  EXPECT_EQ(ledger.NumberOf(bob), UserNumber{2});
  EXPECT_EQ(ledger.NumberOf(other_alice), UserNumber{3});
  ledger.Discharge(alice);
  EXPECT_EQ(ledger.NumberOf(alice), UserNumber{1}) << "something is charged to it still";
  ledger.Discharge(alice);
  EXPECT_EQ(ledger.NumberOf(alice), UserNumber{});
  ledger.Charge({"carol", "", kSource});
  EXPECT_EQ(ledger.NumberOf({"carol", "", kSource}), UserNumber{1}) << "they do not grow";
  ledger.Charge(alice);
  EXPECT_EQ(ledger.NumberOf(alice), UserNumber{4});
  EXPECT_EQ(ledger.NumberOf(bob), UserNumber{2});
}

TEST(Ledger, SubjectsWithoutUnitsAreForgotten) {
  Ledger ledger(Options());
  for (int i = 0; i < 1000; ++i) {
    const Owner owner{"subject-" + std::to_string(i), "", kSource};
    EXPECT_EQ(ledger.Charge(owner), std::nullopt);
    ledger.Discharge(owner);
  }
  EXPECT_EQ(ledger.ReadTotals().subjects, 0u);
}

TEST(Ledger, WhereAMobileAllocationIsIsKnownUntilItIsForgotten) {
  Ledger ledger({});
  test_support::SeededRandom random(1);
  const MobileId first = ledger.RegisterMobile({7, {0}}, random);
  const MobileId second = ledger.RegisterMobile({8, {1}}, random);
  ASSERT_NE(first, second);
  ledger.SetShardOf(first, {3});
  ASSERT_TRUE(ledger.FindMobile(first).has_value());
  EXPECT_EQ(ledger.FindMobile(first)->allocation_id, 7u);
  EXPECT_EQ(ledger.FindMobile(first)->shard, ShardIndex{3});
  ledger.ForgetMobile(first);
  ledger.ForgetMobile(first);
  EXPECT_FALSE(ledger.FindMobile(first).has_value());
  EXPECT_EQ(ledger.FindMobile(second)->shard, ShardIndex{1});
}

TEST(Ledger, AddressesOfAFamilyAreUsedEvenly) {
  Ledger ledger(Options());
  test_support::SeededRandom random(1);
  std::map<base::IpAddress, int> counts;
  for (int i = 0; i < 20; ++i) {
    const auto address =
        ledger.TakePort(base::AddressFamily::kIpv4, RelayPortPool::Request::kAny, random, kNow);
    ++counts[address->endpoint.address];
  }
  EXPECT_EQ(counts[kRelayV4], 10);
  EXPECT_EQ(counts[kSecondRelayV4], 10);
  EXPECT_EQ(ledger.TakePort(base::AddressFamily::kIpv4, RelayPortPool::Request::kAny, random, kNow),
            std::nullopt);
  EXPECT_TRUE(
      ledger.TakePort(base::AddressFamily::kIpv6, RelayPortPool::Request::kAny, random, kNow));
}

TEST(Ledger, FamiliesAreThoseOfTheRelayAddresses) {
  Ledger::Options options = Options();
  options.relay_addresses.pop_back();
  const Ledger ledger(options);
  EXPECT_TRUE(ledger.HasFamily(base::AddressFamily::kIpv4));
  EXPECT_FALSE(ledger.HasFamily(base::AddressFamily::kIpv6));
}

TEST(Ledger, OnlyWhatWasSetLiveIsLive) {
  Ledger ledger(Options());
  const RelayedTransportAddress address{{kRelayV4, 50001}};
  EXPECT_FALSE(ledger.IsLive(address.endpoint));
  ledger.SetLive(address, RelayProtocol::kUdp, true);
  EXPECT_TRUE(ledger.IsLive(address.endpoint));
  EXPECT_FALSE(ledger.IsLive(address.endpoint, RelayProtocol::kTcp));
  EXPECT_FALSE(ledger.IsLive({kSecondRelayV4, 50001}));
  EXPECT_FALSE(ledger.IsLive({kRelayV4, 50002}));
  EXPECT_FALSE(ledger.IsLive({kSource, 50001}));
  ledger.SetLive(address, RelayProtocol::kUdp, false);
  EXPECT_FALSE(ledger.IsLive(address.endpoint));
}

TEST(Ledger, AReservationIsRedeemedOnceByItsOwnerInTime) {
  Ledger ledger(Options());
  test_support::SeededRandom random(1);
  const Owner alice{"alice", "acme", kSource};
  const Reservation reservation{{{kRelayV4, 50001}}, {7}, alice, kNow + seconds(30)};
  const stun::ReservationToken token = ledger.Reserve(reservation, random);
  EXPECT_FALSE(ledger.Redeem({}, alice, kNow));
  EXPECT_FALSE(ledger.Redeem(token, {"bob", "acme", kSource}, kNow));
  EXPECT_FALSE(ledger.Redeem(token, {"alice", "other", kSource}, kNow));
  EXPECT_FALSE(ledger.Redeem(token, alice, kNow + seconds(30)));
  const auto redeemed = ledger.Redeem(token, {"alice", "acme", kRelayV6}, kNow + seconds(29));
  ASSERT_TRUE(redeemed);
  EXPECT_EQ(redeemed->relay, RelayHandle{7});
  EXPECT_FALSE(ledger.Redeem(token, alice, kNow));
  EXPECT_FALSE(ledger.TakeBack(token));
}

TEST(Ledger, WhatNobodyRedeemedIsTakenBack) {
  Ledger ledger(Options());
  test_support::SeededRandom random(1);
  const stun::ReservationToken token =
      ledger.Reserve({{{kRelayV4, 50001}}, {7}, {"alice", "", kSource}, kNow}, random);
  EXPECT_EQ(ledger.ReadTotals().reservations, 1u);
  EXPECT_TRUE(ledger.TakeBack(token));
  EXPECT_EQ(ledger.ReadTotals().reservations, 0u);
}

TEST(Ledger, TotalsCountPorts) {
  Ledger ledger(Options());
  test_support::SeededRandom random(1);
  const auto address =
      ledger.TakePort(base::AddressFamily::kIpv6, RelayPortPool::Request::kEvenPair, random, kNow);
  EXPECT_EQ(ledger.ReadTotals().ports_in_use, 2u);
  EXPECT_EQ(ledger.ReadTotals().ports_limit, 30u);
  ledger.ReturnPort(*address, kNow);
  ledger.ReturnForeignPort({{kRelayV6, static_cast<std::uint16_t>(address->endpoint.port + 1)}},
                           kNow);
  EXPECT_EQ(ledger.ReadTotals().ports_in_use, 0u);
}

}  // namespace turn::ledger_test
