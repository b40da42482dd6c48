#include "server/net/session_collector.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <set>
#include <vector>

#include "tests/protocol/turn/engine_fixture.h"

namespace relay::session_collector_test {

using turn::TestClient;
using turn::TestServer;

class SessionCollectorTest : public testing::Test {
 protected:
  // All that one collector finds, and how many steps it takes.
  std::vector<SessionRecord> Collect(SessionFilter filter) {
    std::vector<SessionRecord> found;
    int calls = 0;
    SessionCollector collector(server_.engine, std::move(filter),
                               [&](std::vector<SessionRecord> sessions) {
                                 ++calls;
                                 found = std::move(sessions);
                               });
    steps_ = 1;
    while (collector.Step(server_.engine, usage_, server_.now)) ++steps_;
    EXPECT_EQ(calls, 1);
    return found;
  }

  void AddAllocations(std::uint16_t count) {
    for (std::uint16_t i = 1; i <= count; ++i) TestClient(server_, At(i)).Allocate();
  }
  static base::Endpoint At(std::uint16_t port) {
    return {*base::IpAddress::Parse("192.0.2.1"), port};
  }

  TestServer server_;
  UsageMeter usage_{[](turn::RelayHandle, std::uint64_t) {
    return RelayTraffic{{{.packets = 1, .bytes = 100}, {}}};
  }};
  int steps_ = 0;
};

TEST_F(SessionCollectorTest, OfNothingIsNothing) {
  EXPECT_TRUE(Collect({.after = 0, .limit = 10, .user = std::nullopt}).empty());
}

TEST_F(SessionCollectorTest, SaysWhatThereIsToSayOfOne) {
  TestClient client(server_, At(1000));
  client.Allocate();
  client.Bind(0x4000, *base::Endpoint::Parse("20.9.9.9:9"));
  usage_.OnOpened(server_.effects.sockets.begin()->first, 1, "", server_.now);
  server_.Wait(std::chrono::seconds(100));
  const auto found = Collect({.after = 0, .limit = 10, .user = std::nullopt});
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].id, server_.effects.opened[0]);
  EXPECT_EQ(found[0].username, "alice");
  EXPECT_EQ(found[0].client.client, At(1000));
  EXPECT_EQ(found[0].relayed, client.relayed);
  EXPECT_EQ(found[0].age, std::chrono::seconds(100));
  EXPECT_EQ(found[0].remaining, std::chrono::seconds(500));
  EXPECT_EQ(found[0].permissions, 1u);
  EXPECT_EQ(found[0].channels, 1u);
  EXPECT_EQ(found[0].traffic[LabelIndex(Direction::kClientToPeer)].bytes, 100u);
}

TEST_F(SessionCollectorTest, PagesShowEachOnceAndInOrder) {
  AddAllocations(100);
  std::vector<std::uint64_t> seen;
  SessionFilter filter{.after = 0, .limit = 7, .user = std::nullopt};
  while (true) {
    const auto page = Collect(filter);
    ASSERT_LE(page.size(), 7u);
    for (const SessionRecord& each : page) seen.push_back(each.id);
    if (page.size() < 7) break;
    filter.after = page.back().id;
  }
  EXPECT_TRUE(std::ranges::is_sorted(seen));
  EXPECT_EQ(std::set(seen.begin(), seen.end()).size(), 100u);
}

TEST_F(SessionCollectorTest, NeverLooksAtManyAtOnce) {
  AddAllocations(100);
  Collect({.after = 0, .limit = 1000, .user = std::nullopt});
  EXPECT_GE(steps_, 3);
}

TEST_F(SessionCollectorTest, FindsThoseOfOneUser) {
  AddAllocations(3);
  EXPECT_EQ(Collect({.after = 0, .limit = 10, .user = "alice"}).size(), 3u);
  EXPECT_TRUE(Collect({.after = 0, .limit = 10, .user = "alic"}).empty());
}

TEST_F(SessionCollectorTest, WhatEndsMeanwhileIsLeftOut) {
  AddAllocations(40);
  std::vector<SessionRecord> found;
  SessionCollector collector(
      server_.engine, {.after = 0, .limit = 100, .user = std::nullopt},
      [&](std::vector<SessionRecord> sessions) { found = std::move(sessions); });
  EXPECT_TRUE(collector.Step(server_.engine, usage_, server_.now));
  server_.engine.CloseAll(server_.now);
  while (collector.Step(server_.engine, usage_, server_.now)) {
  }
  EXPECT_EQ(found.size(), 32u);
}

}  // namespace relay::session_collector_test
