#include "server/net/listener_socket.h"

#include <gtest/gtest.h>

#include <cerrno>

#include "server/datapath/userspace/socket_address.h"

namespace relay::listener_socket_test {

const base::Endpoint kLoopback{*base::IpAddress::Parse("127.0.0.1"), 0};

TEST(ListenerSocket, AnAddressThatIsNotOursFailsWithTheAddressInTheMessage) {
  const auto opened = OpenUdpListener({*base::Endpoint::Parse("192.0.2.1:3478"), false});
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("192.0.2.1:3478"), std::string::npos)
      << opened.error().message;
}

TEST(ListenerSocket, ATakenPortSaysThatAnotherProgramHasIt) {
  const OpenRelayResult other = OpenRelaySocket(kLoopback);
  const auto opened = OpenUdpListener({LocalEndpoint(other.descriptor.get()), false});
  ASSERT_FALSE(opened.ok());
  EXPECT_NE(opened.error().message.find("another program has this port"), std::string::npos);
}

TEST(ListenerSocket, ShardsShareAnAddress) {
  for (auto* open : {&OpenUdpListener, &OpenTcpListener}) {
    auto first = open({kLoopback, false});
    ASSERT_TRUE(first.ok());
    const auto second = open({LocalEndpoint(first.value().get()), false});
    EXPECT_TRUE(second.ok());
  }
}

TEST(ListenerSocket, TURN_06_ARelayPortIsNeverShared) {
  const OpenRelayResult first = OpenRelaySocket(kLoopback);
  const OpenRelayResult second = OpenRelaySocket(LocalEndpoint(first.descriptor.get()));
  EXPECT_EQ(second.error, EADDRINUSE);
}

}  // namespace relay::listener_socket_test
