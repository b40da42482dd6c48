#include "protocol/turn/client_filter.h"

#include <gtest/gtest.h>

namespace turn::client_filter_test {

bool IsRefused(const char* client, const Policy& policy = {}) {
  return IsRefusedClient(
      policy, {*base::Endpoint::Parse(client), *base::Endpoint::Parse("198.51.100.2:3478"),
               base::Transport::kTls});
}

TEST(ClientFilter, B90_AddressesThatNoClientCanHaveAreRefused) {
  for (const char* client :
       {"192.0.2.1:0", "0.0.0.0:1000", "0.1.2.3:1000", "224.0.0.1:1000", "239.255.255.255:1000",
        "255.255.255.255:1000", "[ff02::1]:1000", "[::]:1000", "198.51.100.2:3478"}) {
    EXPECT_TRUE(IsRefused(client)) << client;
  }
}

TEST(ClientFilter, WhomTheOperatorDeniesIsRefused) {
  Policy policy;
  policy.denied_clients = {*base::IpPrefix::Parse("192.0.2.0/24")};
  EXPECT_TRUE(IsRefused("192.0.2.1:1000", policy));
  EXPECT_TRUE(IsRefused("[::ffff:192.0.2.1]:1000", policy));
  EXPECT_FALSE(IsRefused("192.0.3.1:1000", policy));
}

TEST(ClientFilter, TunnelsAreKnownByTheirAddresses) {
  for (const char* tunnelled : {"2002::1", "2002:c000:204::1", "2001::1", "2001:0:1::"})
    EXPECT_TRUE(IsTunnelled(*base::IpAddress::Parse(tunnelled))) << tunnelled;
  for (const char* other : {"2001:1::1", "2003::1", "2600::1", "32.2.0.0", "32.1.0.0"})
    EXPECT_FALSE(IsTunnelled(*base::IpAddress::Parse(other))) << other;
}

TEST(ClientFilter, EverybodyElseIsServed) {
  for (const char* client : {"192.0.2.1:1", "240.0.0.1:1000", "127.0.0.1:1000", "[2001:db8::1]:9",
                             "198.51.100.2:3479"}) {
    EXPECT_FALSE(IsRefused(client)) << client;
  }
}

}  // namespace turn::client_filter_test
