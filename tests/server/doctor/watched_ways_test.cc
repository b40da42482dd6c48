#include "server/doctor/watched_ways.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace relay::watched_ways_test {

using testing::ElementsAre;
using testing::HasSubstr;
using Transport = Config::ListenerTransport;

Config::Listener At(Transport transport, std::uint16_t port) {
  return {transport, *base::IpAddress::Parse("0.0.0.0"), port, std::nullopt};
}

const std::vector<Config::Listener> kListeners{
    At(Transport::kUdp, 3478), At(Transport::kUdp, 49152), At(Transport::kTcp, 3478),
    At(Transport::kTls, 5349), At(Transport::kEdge, 443)};

TEST(WatchedWays, AHostHasTheFirstListenerOfEachTransport) {
  EXPECT_THAT(WaysTo({"a.example.org"}, kListeners).value(),
              ElementsAre(WatchedWay{"a.example.org", 3478, ProbeTransport::kUdp},
                          WatchedWay{"a.example.org", 3478, ProbeTransport::kTcp},
                          WatchedWay{"a.example.org", 5349, ProbeTransport::kTls},
                          WatchedWay{"a.example.org", 443, ProbeTransport::kWebSocket}));
}

TEST(WatchedWays, AListenerBehindAProxyIsNoWay) {
  Config::Listener proxied = At(Transport::kTcp, 3478);
  proxied.trusted_proxies.emplace();
  EXPECT_THAT(WaysTo({"a"}, {proxied}).error().message, HasSubstr("no listener to reach a by"));
}

TEST(WatchedWays, OneWayIsWrittenAsClientsHaveIt) {
  const auto ways = WaysTo({"turn:a", "turn:a:1?transport=tcp", "turns:a", "turns:a?transport=udp",
                            "turn:[2001:db8::1]:2"},
                           {});
  EXPECT_THAT(ways.value(), ElementsAre(WatchedWay{"a", 3478, ProbeTransport::kUdp},
                                        WatchedWay{"a", 1, ProbeTransport::kTcp},
                                        WatchedWay{"a", 5349, ProbeTransport::kTls},
                                        WatchedWay{"a", 5349, ProbeTransport::kDtls},
                                        WatchedWay{"2001:db8::1", 2, ProbeTransport::kUdp}));
}

TEST(WatchedWays, WhatIsNoNodeIsNotTakenForOne) {
  for (const char* node : {"", "a:3478", "turn:", "turn::3478", "turn:a:0", "turn:a:70000",
                           "turn:a?transport=sctp", "turn:a?x=1", "turns:"})
    EXPECT_FALSE(WaysTo({node}, kListeners).ok()) << node;
}

TEST(WatchedWays, TwoWaysDoNotShareTheirLabels) {
  EXPECT_THAT(WaysTo({"turn:a:1", "turn:a:2"}, {}).error().message,
              HasSubstr("two ways to a by udp"));
  EXPECT_TRUE(WaysTo({"turn:a:1", "turn:b:1"}, {}).ok());
}

}  // namespace relay::watched_ways_test
