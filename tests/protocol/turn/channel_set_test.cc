#include "protocol/turn/channel_set.h"

#include <gtest/gtest.h>

namespace turn::channel_set_test {

using std::chrono::seconds;

const base::MonotonicTime kNow{seconds(1000)};
PeerAddress Peer(std::uint16_t port) { return {{*base::IpAddress::Parse("20.9.9.9"), port}}; }

TEST(ChannelSet, ABindingIsFoundByPeerAndByNumberUntilItExpires) {
  ChannelSet set;
  EXPECT_TRUE(set.Install({Peer(1), {0x4000}, false, kNow + seconds(1)}));
  EXPECT_EQ(set.FindByPeer(Peer(1), kNow)->number, stun::ChannelNumber{0x4000});
  EXPECT_EQ(set.FindByNumber({0x4000}, kNow)->peer, Peer(1));
  EXPECT_EQ(set.FindByPeer(Peer(2), kNow), nullptr);
  EXPECT_EQ(set.FindByNumber({0x4001}, kNow), nullptr);
  EXPECT_EQ(set.FindByPeer(Peer(1), kNow + seconds(1)), nullptr);
  EXPECT_EQ(set.FindByNumber({0x4000}, kNow + seconds(1)), nullptr);
}

TEST(ChannelSet, InstallingAgainReplaces) {
  ChannelSet set;
  set.Install({Peer(1), {0x4000}, false, kNow + seconds(1)});
  EXPECT_FALSE(set.Install({Peer(1), {0x4000}, false, kNow + seconds(9)}));
  EXPECT_EQ(set.size(), 1u);
  EXPECT_EQ(set.EarliestExpiry(), kNow + seconds(9));
}

TEST(ChannelSet, RemoveIfSaysHowMany) {
  ChannelSet set;
  for (std::uint16_t i = 0; i < 50; ++i)
    set.Install({Peer(static_cast<std::uint16_t>(i * 37 % 50 + 1)),
                 {static_cast<std::uint16_t>(0x4000 + i)},
                 false,
                 kNow + seconds(i)});
  EXPECT_EQ(set.RemoveIf([](const ChannelBinding& each) { return each.expires_at <= kNow; }), 1u);
  EXPECT_EQ(set.size(), 49u);
  EXPECT_EQ(set.EarliestExpiry(), kNow + seconds(1));
}

}  // namespace turn::channel_set_test
