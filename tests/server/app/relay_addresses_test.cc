#include "server/app/relay_addresses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace relay::relay_addresses_test {

using testing::HasSubstr;
using testing::SizeIs;

base::IpAddress Address(std::string_view text) { return *base::IpAddress::Parse(text); }

TEST(RelayAddresses, AreThoseOfTheConfiguration) {
  Config config;
  config.relay.addresses = {Address("198.51.100.10"), Address("2001:db8::10")};
  const auto resolved = ResolveRelayAddresses(config);
  ASSERT_TRUE(resolved.ok());
  ASSERT_THAT(resolved.value(), SizeIs(2));
  EXPECT_EQ(resolved.value()[0].internal, Address("198.51.100.10"));
  EXPECT_EQ(resolved.value()[0].external, Address("198.51.100.10"));
  EXPECT_EQ(resolved.value()[1].internal, Address("2001:db8::10"));
}

TEST(RelayAddresses, HaveTheirExternalCounterparts) {
  Config config;
  config.relay.addresses = {Address("10.0.0.5"), Address("10.0.0.6")};
  config.relay.external_addresses = {{Address("10.0.0.6"), Address("203.0.113.7")}};
  const auto resolved = ResolveRelayAddresses(config);
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved.value()[0].external, Address("10.0.0.5"));
  EXPECT_EQ(resolved.value()[1].external, Address("203.0.113.7"));
}

TEST(RelayAddresses, MayHaveExternalCounterpartsOfOtherHostsBesideThem) {
  Config config;
  config.relay.addresses = {Address("10.0.0.5")};
  config.relay.external_addresses = {{Address("10.0.0.6"), Address("203.0.113.7")}};
  const auto resolved = ResolveRelayAddresses(config);
  ASSERT_TRUE(resolved.ok());
  EXPECT_EQ(resolved.value()[0].external, Address("10.0.0.5"));
}

TEST(RelayAddresses, OfTheDefaultRoutesFailWhenNoExternalOneIsForThem) {
  Config config;
  config.relay.external_addresses = {{Address("192.0.2.99"), Address("203.0.113.7")}};
  const auto resolved = ResolveRelayAddresses(config);
  ASSERT_FALSE(resolved.ok());
  EXPECT_THAT(resolved.error().message, HasSubstr("none of them is for"));
}

TEST(RelayAddresses, DoNotChangeFamilyOutside) {
  Config config;
  config.relay.addresses = {Address("10.0.0.5")};
  config.relay.external_addresses = {{Address("10.0.0.5"), Address("2001:db8::7")}};
  EXPECT_FALSE(ResolveRelayAddresses(config).ok());
}

TEST(RelayAddresses, OfAnyHostAreAtLeastOneOfEachFamilyAtMost) {
  const auto resolved = ResolveRelayAddresses(Config());
  ASSERT_TRUE(resolved.ok());
  ASSERT_GE(resolved.value().size(), 1U);
  ASSERT_LE(resolved.value().size(), 2U);
  for (const turn::RelayAddress& address : resolved.value()) {
    EXPECT_FALSE(address.internal.is_unspecified());
    EXPECT_EQ(address.internal, address.external);
  }
}

TEST(DefaultRoute, GivesAnAddressOfTheFamilyThatWasAskedFor) {
  for (const auto family : {base::AddressFamily::kIpv4, base::AddressFamily::kIpv6}) {
    const auto address = DefaultRouteAddress(family);
    EXPECT_EQ(address ? address->family() : family, family);
  }
}

TEST(FamilyExists, IsTrueForIpv4WhereTestsRun) {
  EXPECT_TRUE(FamilyExists(base::AddressFamily::kIpv4));
}

}  // namespace relay::relay_addresses_test
