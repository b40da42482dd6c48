#include "server/http/listening_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/server/http/stream_client.h"

namespace relay::listening_socket_test {

TEST(ListeningSocket, TakesAFreePort) {
  const auto listener = ListenTcp({*base::IpAddress::Parse("127.0.0.1"), 0});
  ASSERT_TRUE(listener.ok());
  const std::uint16_t port = LocalPort(listener.value());
  EXPECT_NE(port, 0);
  EXPECT_TRUE(StreamClient(port).is_connected());
}

TEST(ListeningSocket, TheIpv6WildcardTakesIpv4) {
  const auto listener = ListenTcp({*base::IpAddress::Parse("::"), 0});
  if (!listener.ok()) GTEST_SKIP() << "no IPv6 on this host: " << listener.error().message;
  EXPECT_TRUE(StreamClient(LocalPort(listener.value())).is_connected());
}

TEST(ListeningSocket, NamesTheAddressThatItCannotHave) {
  const auto listener = ListenTcp({*base::IpAddress::Parse("192.0.2.1"), 1234});
  ASSERT_FALSE(listener.ok());
  EXPECT_EQ(listener.error().message,
            "cannot listen on tcp 192.0.2.1:1234: Cannot assign requested address");
}

TEST(ListeningSocket, RefusesAPathThatDoesNotFit) {
  EXPECT_FALSE(ListenUnix("").ok());
  EXPECT_FALSE(ListenUnix("/tmp/" + std::string(150, 'x')).ok());
}

TEST(ListeningSocket, SaysWhyADirectoryCannotBeMade) {
  const auto listener = ListenUnix("/proc/nowhere/admin.sock");
  ASSERT_FALSE(listener.ok());
  EXPECT_THAT(listener.error().message,
              testing::HasSubstr("cannot create the directory /proc/nowhere"));
}

}  // namespace relay::listening_socket_test
