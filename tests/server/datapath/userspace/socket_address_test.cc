#include "server/datapath/userspace/socket_address.h"

#include <gtest/gtest.h>

namespace relay::socket_address_test {

base::Endpoint At(const char* text) { return *base::Endpoint::Parse(text); }

TEST(SocketAddress, RoundTripsBothFamilies) {
  for (const char* text : {"192.0.2.1:3478", "[2001:db8::1]:49152"}) {
    const SocketAddress address = ToSocketAddress(At(text));
    EXPECT_EQ(ToEndpoint(address.generic), At(text));
  }
}

TEST(SocketAddress, STUN_25_AnIpv4ClientOfADualStackSocketIsIpv4) {
  const SocketAddress mapped = ToSocketAddress(At("192.0.2.1:3478"), AF_INET6);
  EXPECT_EQ(mapped.generic.sa_family, AF_INET6);
  EXPECT_TRUE(ToEndpoint(mapped.generic).address.is_v4());
  EXPECT_EQ(ToEndpoint(mapped.generic), At("192.0.2.1:3478"));
}

TEST(SocketAddress, OtherFamiliesAndNothingAreNoInternetAddresses) {
  EXPECT_FALSE(IsInternetAddress(nullptr));
  sockaddr other{};
  other.sa_family = AF_UNIX;
  EXPECT_FALSE(IsInternetAddress(&other));
  for (const char* text : {"192.0.2.1:1", "[2001:db8::1]:1"}) {
    const SocketAddress address = ToSocketAddress(At(text));
    EXPECT_TRUE(IsInternetAddress(&address.generic));
  }
}

TEST(SocketAddress, ASocketThatIsNotBoundHasNoAddress) {
  EXPECT_EQ(LocalEndpoint(-1), base::Endpoint{});
}

}  // namespace relay::socket_address_test
