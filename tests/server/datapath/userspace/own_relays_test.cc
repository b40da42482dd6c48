#include "server/datapath/userspace/own_relays.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>

namespace relay::own_relays_test {

const base::Endpoint kAddress{*base::IpAddress::Parse("192.0.2.1"), 50000};

TEST(OwnRelaysTest, AnAddressThatNobodyHasIsNotFound) {
  const OwnRelays relays;
  EXPECT_FALSE(relays.Find(kAddress));
}

TEST(OwnRelaysTest, WhoLeavesIsGoneAndWhoComesAfterIsFound) {
  OwnRelays relays;
  relays.Add(kAddress, {.socket = 7});
  EXPECT_EQ(relays.Find(kAddress)->socket, 7);
  relays.Remove(kAddress, 7);
  EXPECT_FALSE(relays.Find(kAddress));
  relays.Add(kAddress, {.socket = 8});
  // Another shard took it over before this one said that it was gone.
  relays.Remove(kAddress, 7);
  EXPECT_EQ(relays.Find(kAddress)->socket, 8);
}

TEST(OwnRelaysTest, EachRelayIsReadByTheShardThatHasIt) {
  OwnRelays relays;
  std::atomic<bool> first = false;
  std::atomic<bool> second = false;
  const base::Endpoint other{kAddress.address, static_cast<std::uint16_t>(kAddress.port + 1)};
  relays.Add(kAddress, {.socket = 7, .is_in_round = &first});
  relays.Add(other, {.socket = 8, .is_in_round = &second});
  EXPECT_EQ(relays.Find(other)->is_in_round, &second);
  relays.Add(kAddress, {.socket = 9, .is_in_round = &second});
  EXPECT_EQ(relays.Find(kAddress)->is_in_round, &second);
}

}  // namespace relay::own_relays_test
