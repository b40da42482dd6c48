#include "protocol/turn/allocation_record.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <vector>

#include "tests/protocol/turn/engine_fixture.h"

namespace turn::allocation_record_test {

constexpr base::MonotonicTime Time(int after) {
  return base::MonotonicTime(std::chrono::seconds(after));
}

// One that has something of everything.
std::unique_ptr<Allocation> MakeAllocation() {
  auto allocation = std::make_unique<Allocation>();
  allocation->id = 0x1234567890;
  allocation->client = {{kClient, kServer, base::Transport::kUdp}, {3}};
  allocation->relays_only = true;
  allocation->username = "1700000000:alice";
  allocation->owner = {"alice", "acme", kClient.address, true};
  Credential token;
  token.username = "kid";
  token.subject = "alice";
  token.tenant = "acme";
  token.key = {1, 2, 3, 4};
  token.expires_at = TestServer::WallStart();
  token.token = TokenValidity{TestServer::WallStart(), std::chrono::seconds(0xffffffff)};
  allocation->token = std::make_unique<const Credential>(token);
  allocation->transaction_id = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12};
  allocation->reservation_token = stun::ReservationToken{8, 7, 6, 5, 4, 3, 2, 1};
  allocation->address_error =
      AddressError{base::AddressFamily::kIpv6, ErrorCode::kInsufficientCapacity};
  allocation->mobility = std::make_unique<Mobility>();
  allocation->mobility->id = {77};
  allocation->mobility->ticket.fill(9);
  allocation->mobility->last_refresh =
      Mobility::Refresh{{1}, allocation->client.five_tuple, allocation->mobility->ticket};
  allocation->AddRelay({{5}, {{kRelayV4, 50000}}, {kRelayV4, 50000}, Time(10), Time(1000)});
  allocation->AddRelay({{6}, {{kRelayV6, 50002}}, {kRelayV6, 50002}, Time(10), Time(1001)});
  allocation->permissions.Install({kPeer.address, false, Time(300)});
  allocation->permissions.Install({kPeerV6.address, true, Time(301)});
  allocation->channels.Install({{kPeer}, {0x4000}, false, Time(600)});
  allocation->channels.Install({{kPeerV6}, {0x4fff}, true, Time(601)});
  return allocation;
}

std::vector<std::uint8_t> Encoded() { return EncodeAllocation(*MakeAllocation()); }

// Where the octets of a value stand in a record.
std::size_t Find(const std::vector<std::uint8_t>& octets, const std::vector<std::uint8_t>& value) {
  const auto found = std::ranges::search(octets, value);
  CHECK(!found.empty());
  return static_cast<std::size_t>(found.begin() - octets.begin());
}

TEST(AllocationRecord, NothingIsNoAllocation) {
  EXPECT_EQ(DecodeAllocation({}), nullptr);
  EXPECT_FALSE(DecodeReservation({}));
}

TEST(AllocationRecord, EveryTruncationIsRefused) {
  const auto octets = Encoded();
  for (std::size_t bytes = 0; bytes < octets.size(); ++bytes)
    EXPECT_EQ(DecodeAllocation(base::Bytes(octets).first(bytes)), nullptr) << bytes;
}

TEST(AllocationRecord, WhatFollowsItIsRefused) {
  auto octets = Encoded();
  octets.push_back(0);
  EXPECT_EQ(DecodeAllocation(octets), nullptr);
}

TEST(AllocationRecord, GarbageIsRefused) {
  test_support::SeededRandom random(7);
  for (int i = 0; i < 2000; ++i) {
    std::vector<std::uint8_t> octets(random.Below(600));
    random.Fill(octets);
    EXPECT_EQ(DecodeAllocation(octets), nullptr);
  }
}

TEST(AllocationRecord, WithoutAnIdItIsRefused) {
  auto allocation = MakeAllocation();
  allocation->id = 0;
  EXPECT_EQ(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
}

TEST(AllocationRecord, OfAClientUnderTlsItIsRefused) {
  auto allocation = MakeAllocation();
  allocation->client.five_tuple.transport = base::Transport::kTcp;
  EXPECT_NE(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
  allocation->client.five_tuple.transport = base::Transport::kTls;
  EXPECT_EQ(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
  // One that waits for its client has no connection.
  allocation->mobility->is_detached = true;
  EXPECT_NE(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
}

TEST(AllocationRecord, AnUnknownTransportIsRefused) {
  auto octets = Encoded();
  octets[8 + 2 * 18] = base::kTransportCount;
  EXPECT_EQ(DecodeAllocation(octets), nullptr);
}

TEST(AllocationRecord, ATruthValueIsZeroOrOne) {
  auto octets = Encoded();
  std::uint8_t& relays_only = octets[8 + 2 * 18 + 1 + 4];
  ASSERT_EQ(relays_only, 1);
  relays_only = 2;
  EXPECT_EQ(DecodeAllocation(octets), nullptr);
}

TEST(AllocationRecord, ANameThatIsTooLongIsRefused) {
  auto octets = Encoded();
  const std::size_t size_at = 8 + 2 * 18 + 1 + 4 + 1;
  octets[size_at] = 0xff;
  EXPECT_EQ(DecodeAllocation(octets), nullptr);
}

TEST(AllocationRecord, ATimeThatCannotBeIsRefused) {
  auto allocation = MakeAllocation();
  for (const base::MonotonicTime time :
       {base::MonotonicTime(std::chrono::nanoseconds(-1)), base::MonotonicTime::max()}) {
    allocation->FindRelay(base::AddressFamily::kIpv4)->expires_at = time;
    EXPECT_EQ(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
  }
}

TEST(AllocationRecord, WithoutARelayItIsRefused) {
  auto allocation = MakeAllocation();
  allocation->RemoveRelay(base::AddressFamily::kIpv4);
  EXPECT_NE(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
  allocation->RemoveRelay(base::AddressFamily::kIpv6);
  EXPECT_EQ(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
}

TEST(AllocationRecord, TwoRelaysOfOneFamilyAreRefused) {
  auto allocation = MakeAllocation();
  auto octets = EncodeAllocation(*allocation);
  const auto v6 = kRelayV6.octets();
  const std::size_t second = Find(octets, {v6.begin(), v6.end()});
  const auto v4 = kRelayV4.octets();
  std::ranges::copy(v4, octets.begin() + static_cast<std::ptrdiff_t>(second));
  std::ranges::copy(v4, octets.begin() + static_cast<std::ptrdiff_t>(second) + 18);
  EXPECT_EQ(DecodeAllocation(octets), nullptr);
}

TEST(AllocationRecord, CountsBeyondWhatFollowsAreRefused) {
  auto allocation = MakeAllocation();
  allocation->permissions.RemoveIf([](const Permission&) { return true; });
  allocation->channels.RemoveIf([](const ChannelBinding&) { return true; });
  auto octets = EncodeAllocation(*allocation);
  ASSERT_NE(DecodeAllocation(octets), nullptr);
  for (const std::size_t from_end : {4u, 8u}) {
    auto changed = octets;
    for (std::size_t i = 0; i < 4; ++i) changed[changed.size() - from_end + i] = 0xff;
    EXPECT_EQ(DecodeAllocation(changed), nullptr);
  }
}

TEST(AllocationRecord, AChannelNumberThatThereIsNotIsRefused) {
  for (const std::uint16_t number : {std::uint16_t{0x3fff}, std::uint16_t{0x8000}}) {
    auto allocation = MakeAllocation();
    allocation->channels.all().front().number = {number};
    EXPECT_EQ(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
  }
}

TEST(AllocationRecord, OneChannelNumberForTwoPeersIsRefused) {
  auto allocation = MakeAllocation();
  for (ChannelBinding& channel : allocation->channels.all()) channel.number = {0x4000};
  EXPECT_EQ(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
}

TEST(AllocationRecord, OnePeerTwiceIsRefused) {
  auto allocation = MakeAllocation();
  for (Permission& permission : allocation->permissions.all()) permission.address = kPeer.address;
  EXPECT_EQ(DecodeAllocation(EncodeAllocation(*allocation)), nullptr);
}

TEST(AllocationRecord, ComesBackAsItWas) {
  const auto allocation = MakeAllocation();
  const auto back = DecodeAllocation(EncodeAllocation(*allocation));
  ASSERT_NE(back, nullptr);
  EXPECT_EQ(EncodeAllocation(*back), EncodeAllocation(*allocation));
  EXPECT_EQ(back->id, allocation->id);
  EXPECT_EQ(back->client.five_tuple, allocation->client.five_tuple);
  EXPECT_EQ(back->client.handle, allocation->client.handle);
  EXPECT_EQ(back->username, allocation->username);
  EXPECT_EQ(back->owner.subject, "alice");
  EXPECT_EQ(back->owner.tenant, "acme");
  ASSERT_NE(back->token, nullptr);
  EXPECT_EQ(back->token->key, allocation->token->key);
  EXPECT_EQ(back->token->token->lifetime, allocation->token->token->lifetime);
  EXPECT_EQ(back->mobility->ticket, allocation->mobility->ticket);
  EXPECT_EQ(back->FindRelay(base::AddressFamily::kIpv6)->expires_at, Time(1001));
  EXPECT_EQ(back->FindRelay(base::AddressFamily::kIpv6)->handle, kNoRelay);
  EXPECT_EQ(back->permissions.size(), 2u);
  EXPECT_NE(back->channels.FindByNumber({0x4fff}, Time(1)), nullptr);
}

TEST(AllocationRecord, WithHardlyAnythingItComesBack) {
  Allocation allocation;
  allocation.id = 1;
  allocation.AddRelay({{5}, {{kRelayV6, 50000}}, {kRelayV6, 50000}, Time(10), Time(1000)});
  EXPECT_NE(DecodeAllocation(EncodeAllocation(allocation)), nullptr);
}

TEST(ReservationRecord, ComesBackAsItWasAndNotCut) {
  const HeldReservationRecord held{
      {1, 2, 3, 4, 5, 6, 7, 8},
      {{{kRelayV4, 50001}}, {9}, {"alice", "acme", kClient.address, false}, Time(30)}};
  const auto octets = EncodeReservation(held);
  const auto back = DecodeReservation(octets);
  ASSERT_TRUE(back);
  EXPECT_EQ(back->token, held.token);
  EXPECT_EQ(back->reservation.address, held.reservation.address);
  EXPECT_EQ(back->reservation.owner.tenant, "acme");
  EXPECT_EQ(back->reservation.relay, kNoRelay);
  for (std::size_t bytes = 0; bytes < octets.size(); ++bytes)
    EXPECT_FALSE(DecodeReservation(base::Bytes(octets).first(bytes)));
}

}  // namespace turn::allocation_record_test
