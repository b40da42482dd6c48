#include "server/datapath/userspace/own_relays.h"

#include <gtest/gtest.h>

namespace relay {
namespace {

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

}  // namespace
}  // namespace relay
