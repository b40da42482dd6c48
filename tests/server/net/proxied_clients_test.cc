#include "server/net/proxied_clients.h"

#include <gtest/gtest.h>

#include <sys/socket.h>

#include <optional>
#include <vector>

#include "protocol/turn/ledger.h"
#include "server/metrics/shard_counters.h"

namespace relay::proxied_clients_test {

using Octets = std::vector<std::uint8_t>;

base::Endpoint At(const char* text) { return *base::Endpoint::Parse(text); }

// A version 2 header for a UDP client 192.0.2.`client`:1000 of 198.51.100.2:3478, and a payload.
Octets From(std::uint8_t client, const Octets& payload = {0x00, 0x01}) {
  Octets out = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 0x51, 0x55, 0x49,
                0x54, 0x0a, 0x21, 0x12, 0x00, 0x0c, 192,  0,    2,    client,
                198,  51,   100,  2,    0x03, 0xe8, 0x0d, 0x96};
  out.insert(out.end(), payload.begin(), payload.end());
  return out;
}

class ProxiedClientsTest : public testing::Test {
 protected:
  std::optional<turn::Client> Resolve(Octets& datagram, const char* proxy = "10.0.0.1:5000",
                                      int at_minutes = 0) {
    base::MutableBytes octets(datagram);
    auto client = clients_.Resolve({0, At(proxy), At("10.0.0.9:3478")}, octets,
                                   base::MonotonicTime(std::chrono::minutes(at_minutes)));
    payload_.assign(octets.begin(), octets.end());
    return client;
  }

  std::optional<turn::Client> ResolveStranger(std::size_t number) {
    Octets datagram = From(static_cast<std::uint8_t>(number));
    datagram[18] = static_cast<std::uint8_t>(number >> 8);
    datagram[17] = static_cast<std::uint8_t>(number >> 16);
    return Resolve(datagram);
  }

  turn::Ledger ledger_{turn::Ledger::Options{}};
  ShardCounters counters_;
  SendQueue queue_{counters_.dropped_packets[0], counters_.dropped_packets[1]};
  OwnRelays own_relays_;
  Forwarder forwarder_{ledger_,   {{7, AF_INET, true}}, {}, SharedBuckets::Make(8), queue_,
                       counters_, own_relays_};
  ProxiedClients clients_{forwarder_};
  Octets payload_;
};

TEST_F(ProxiedClientsTest, NobodyIsKnownWithoutAHeader) {
  Octets plain = {0x00, 0x01, 0x00, 0x00};
  EXPECT_FALSE(Resolve(plain).has_value());
  Octets nothing;
  EXPECT_FALSE(Resolve(nothing).has_value());
  EXPECT_EQ(clients_.size(), 0u);
}

TEST_F(ProxiedClientsTest, ABrokenHeaderNamesNobody) {
  Octets broken = From(1);
  broken.resize(20);
  EXPECT_FALSE(Resolve(broken).has_value());
  EXPECT_EQ(clients_.size(), 0u);
}

TEST_F(ProxiedClientsTest, TheClientIsTheOneInTheHeader) {
  Octets datagram = From(1);
  const auto client = Resolve(datagram);
  ASSERT_TRUE(client.has_value());
  EXPECT_EQ(client->five_tuple.client, At("192.0.2.1:1000"));
  EXPECT_EQ(client->five_tuple.server, At("10.0.0.1:5000"));
  EXPECT_GE(client->handle.value, forwarder_.listener_count());
  EXPECT_EQ(payload_, (Octets{0x00, 0x01}));
}

TEST_F(ProxiedClientsTest, WhatFollowsWithoutAHeaderIsFromTheSameClient) {
  Octets first = From(1);
  Octets second = {0x40, 0x00, 0x00, 0x00};
  const auto client = Resolve(first);
  const auto again = Resolve(second);
  ASSERT_TRUE(again.has_value());
  EXPECT_EQ(again->handle, client->handle);
  EXPECT_EQ(payload_, second);
  Octets elsewhere = second;
  EXPECT_FALSE(Resolve(elsewhere, "10.0.0.1:5001").has_value());
}

TEST_F(ProxiedClientsTest, OnePortOfAProxyMayCarrySeveralClients) {
  Octets one = From(1);
  Octets two = From(2);
  const auto first = Resolve(one);
  const auto second = Resolve(two);
  EXPECT_NE(first->handle, second->handle);
  Octets again = From(1);
  EXPECT_EQ(Resolve(again)->handle, first->handle);
  EXPECT_EQ(clients_.size(), 2u);
}

TEST_F(ProxiedClientsTest, AProxyThatSpeaksForItselfIsAnOrdinaryClient) {
  Octets local = From(1);
  local[12] = 0x20;
  const auto client = Resolve(local);
  ASSERT_TRUE(client.has_value());
  EXPECT_EQ(client->five_tuple.client, At("10.0.0.1:5000"));
  EXPECT_EQ(client->handle.value, 0u);
}

TEST_F(ProxiedClientsTest, TheSilentAreForgotten) {
  Octets one = From(1);
  Octets two = From(2);
  Resolve(one, "10.0.0.1:5000", 0);
  Resolve(two, "10.0.0.1:5001", 100);
  clients_.Expire(base::MonotonicTime(std::chrono::minutes(121)));
  EXPECT_EQ(clients_.size(), 1u);
  Octets plain = {0x00, 0x01};
  EXPECT_FALSE(Resolve(plain, "10.0.0.1:5000", 121).has_value());
  EXPECT_TRUE(Resolve(plain, "10.0.0.1:5001", 121).has_value());
}

TEST_F(ProxiedClientsTest, WhatAProxySaysForItselfEndsWhatItsPortStoodFor) {
  Octets named = From(1);
  Resolve(named);
  Octets local = From(1);
  local[12] = 0x20;
  Resolve(local);
  Octets plain = {0x00, 0x01};
  EXPECT_FALSE(Resolve(plain).has_value());
}

TEST_F(ProxiedClientsTest, TheNumberOfClientsIsBounded) {
  for (std::size_t i = 0; i < ProxiedClients::kMaxClients + 10; ++i)
    ASSERT_TRUE(ResolveStranger(i).has_value());
  EXPECT_EQ(clients_.size(), ProxiedClients::kMaxClients);
}

TEST_F(ProxiedClientsTest, WhoHasAnAllocationIsNotForgottenForAnyNumberOfStrangers) {
  Octets first = From(1);
  const auto client = Resolve(first, "10.0.0.7:5000");
  clients_.AddHolds(client->handle, 1);
  for (std::size_t i = 0; i < ProxiedClients::kMaxClients + 10; ++i) ResolveStranger(i);
  clients_.Expire(base::MonotonicTime(std::chrono::hours(100)));
  EXPECT_EQ(clients_.size(), 1u);
  Octets plain = {0x00, 0x01};
  EXPECT_EQ(Resolve(plain, "10.0.0.7:5000")->handle, client->handle);

  clients_.AddHolds(client->handle, -1);
  clients_.Expire(base::MonotonicTime(std::chrono::hours(100)));
  EXPECT_EQ(clients_.size(), 0u);
}

TEST_F(ProxiedClientsTest, WhenAllHaveAllocationsStrangersFindNoRoom) {
  for (std::size_t i = 0; i < ProxiedClients::kMaxClients; ++i)
    clients_.AddHolds(ResolveStranger(i)->handle, 1);
  EXPECT_FALSE(ResolveStranger(ProxiedClients::kMaxClients).has_value());
  const auto known = ResolveStranger(7);
  ASSERT_TRUE(known.has_value());
  clients_.AddHolds(known->handle, -1);
  EXPECT_TRUE(ResolveStranger(ProxiedClients::kMaxClients).has_value());
}

TEST_F(ProxiedClientsTest, HoldsOfClientsWithoutAProxyAreNothing) {
  clients_.AddHolds({0}, 1);
  clients_.AddHolds({12345}, 1);
  EXPECT_EQ(clients_.size(), 0u);
}

}  // namespace relay::proxied_clients_test
