#include "server/datapath/userspace/route_table.h"

#include <gtest/gtest.h>

namespace relay::route_table_test {

base::Endpoint At(const char* text) { return *base::Endpoint::Parse(text); }

RouteEntry MakeEntry(const char* client, std::uint16_t channel, int relay, const char* peer) {
  RouteEntry entry{};
  entry.client.five_tuple = {At(client), At("198.51.100.1:3478"), base::Transport::kUdp};
  entry.channel = {channel};
  entry.handle = {relay};
  entry.peer = {At(peer)};
  return entry;
}

turn::RouteKey KeyOf(const RouteEntry& entry) {
  return {entry.client, entry.channel, entry.handle, entry.peer};
}

TEST(RouteTable, FindsNothingInAnEmptyTable) {
  RouteTable table;
  EXPECT_EQ(table.FindByPeer({1}, At("192.0.2.1:1")), nullptr);
  EXPECT_EQ(table.FindByChannel({}, {0x4000}), nullptr);
  table.Remove({});
  EXPECT_EQ(table.size(), 0u);
}

TEST(RouteTable, FindsARouteFromBothSides) {
  RouteTable table;
  const RouteEntry entry = MakeEntry("192.0.2.1:1000", 0x4000, 7, "203.0.113.1:2000");
  table.Install(entry);
  EXPECT_NE(table.FindByChannel(entry.client.five_tuple, {0x4000}), nullptr);
  EXPECT_NE(table.FindByPeer({7}, At("203.0.113.1:2000")), nullptr);
}

TEST(RouteTable, EveryPartOfTheKeyCounts) {
  RouteTable table;
  const RouteEntry entry = MakeEntry("192.0.2.1:1000", 0x4000, 7, "203.0.113.1:2000");
  table.Install(entry);
  base::FiveTuple other = entry.client.five_tuple;
  other.client.port = 1001;
  EXPECT_EQ(table.FindByChannel(other, {0x4000}), nullptr);
  other = entry.client.five_tuple;
  other.server.port = 49152;
  EXPECT_EQ(table.FindByChannel(other, {0x4000}), nullptr);
  other = entry.client.five_tuple;
  other.transport = base::Transport::kTcp;
  EXPECT_EQ(table.FindByChannel(other, {0x4000}), nullptr);
  EXPECT_EQ(table.FindByChannel(entry.client.five_tuple, {0x4001}), nullptr);
  EXPECT_EQ(table.FindByPeer({8}, At("203.0.113.1:2000")), nullptr);
  EXPECT_EQ(table.FindByPeer({7}, At("203.0.113.1:2001")), nullptr);
}

TEST(RouteTable, InstallingAgainReplacesTheDeadline) {
  RouteTable table;
  RouteEntry entry = MakeEntry("192.0.2.1:1000", 0x4000, 7, "203.0.113.1:2000");
  table.Install(entry);
  entry.deadline = base::MonotonicTime(std::chrono::seconds(5));
  table.Install(entry);
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.FindByPeer({7}, At("203.0.113.1:2000"))->deadline, entry.deadline);
}

TEST(RouteTable, AChannelBoundToAnotherPeerForgetsTheFirst) {
  RouteTable table;
  table.Install(MakeEntry("192.0.2.1:1000", 0x4000, 7, "203.0.113.1:2000"));
  table.Install(MakeEntry("192.0.2.1:1000", 0x4000, 7, "203.0.113.2:2000"));
  EXPECT_EQ(table.size(), 1u);
  EXPECT_EQ(table.FindByPeer({7}, At("203.0.113.1:2000")), nullptr);
  EXPECT_NE(table.FindByPeer({7}, At("203.0.113.2:2000")), nullptr);
}

TEST(RouteTable, RemovedRoutesAreGoneFromBothSidesAndTheirRoomIsUsedAgain) {
  RouteTable table;
  for (int round = 0; round < 3; ++round) {
    for (std::uint16_t i = 0; i < 100; ++i) {
      table.Install(MakeEntry("192.0.2.1:1000", static_cast<std::uint16_t>(0x4000 + i), 7 + i,
                              "203.0.113.1:2000"));
    }
    EXPECT_EQ(table.size(), 100u);
    for (std::uint16_t i = 0; i < 100; ++i) {
      table.Remove(KeyOf(MakeEntry("192.0.2.1:1000", static_cast<std::uint16_t>(0x4000 + i), 7 + i,
                                   "203.0.113.1:2000")));
      EXPECT_EQ(table.FindByPeer({7 + i}, At("203.0.113.1:2000")), nullptr);
    }
    EXPECT_EQ(table.size(), 0u);
  }
}

}  // namespace relay::route_table_test
