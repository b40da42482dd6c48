#include "server/datapath/shared_buckets.h"

#include <gtest/gtest.h>

#include "server/datapath/userspace/rate_meter.h"

namespace relay::shared_buckets_test {

using std::chrono::milliseconds;
using std::chrono::seconds;

const base::MonotonicTime kStart{seconds(1000)};
constexpr turn::UserNumber kAlice{1};
constexpr turn::UserNumber kBob{2};
constexpr std::size_t kModest = LEAKY_MODEST_BYTES_PER_SECOND;

class SharedBucketsTest : public testing::Test {
 protected:
  bool Admit(RateMeter& meter, turn::UserNumber user, std::size_t bytes,
             base::MonotonicTime now = kStart, Direction direction = Direction::kClientToPeer) {
    return meter.Admit(own_, bytes, now, buckets_->Of(user, direction, limits_));
  }
  // So much that nothing more of it is modest.
  void SpendModest(RateMeter& meter, turn::UserNumber user, base::MonotonicTime now = kStart) {
    ASSERT_TRUE(Admit(meter, user, kModest, now));
  }

  RateLimits own_;
  SharedLimits limits_;
  std::shared_ptr<SharedBuckets> buckets_ = SharedBuckets::Make(8);
  RateMeter one_;
  RateMeter other_;
};

TEST_F(SharedBucketsTest, TURN_26_AllocationsOfOneUserHaveOneBucket) {
  limits_.user.bytes_per_second = 1000;
  EXPECT_FALSE(Admit(one_, kAlice, 1001));
  EXPECT_TRUE(Admit(one_, kAlice, 600));
  EXPECT_FALSE(Admit(other_, kAlice, 401));
  EXPECT_TRUE(Admit(other_, kAlice, 400));
  EXPECT_TRUE(Admit(other_, kAlice, 1000, kStart, Direction::kPeerToClient)) << "another bucket";
  RateMeter of_bob;
  EXPECT_TRUE(Admit(of_bob, kBob, 1000)) << "another user";
  EXPECT_FALSE(Admit(one_, kAlice, 101, kStart + milliseconds(100)));
  EXPECT_TRUE(Admit(one_, kAlice, 100, kStart + milliseconds(100)));
}

TEST_F(SharedBucketsTest, TURN_26_AllUsersTogetherHaveOne) {
  limits_.total.bytes_per_second = 1000;
  EXPECT_TRUE(Admit(one_, kAlice, 600));
  EXPECT_FALSE(Admit(other_, kBob, 401));
  EXPECT_TRUE(Admit(other_, kBob, 400));
}

TEST_F(SharedBucketsTest, WhatOneLimitRefusesIsChargedToNone) {
  limits_.user.bytes_per_second = 1000;
  limits_.total.bytes_per_second = 1500;
  own_.bytes_per_second = 800;
  EXPECT_FALSE(Admit(one_, kAlice, 801)) << "its own";
  EXPECT_TRUE(Admit(one_, kAlice, 800));
  EXPECT_FALSE(Admit(other_, kAlice, 201)) << "the user's";
  EXPECT_TRUE(Admit(other_, kAlice, 200));
  RateMeter of_bob;
  EXPECT_FALSE(Admit(of_bob, kBob, 501)) << "that of all";
  EXPECT_TRUE(Admit(of_bob, kBob, 500));
}

TEST_F(SharedBucketsTest, AFloodLeavesHalfToTheModest) {
  limits_.total.bytes_per_second = 4 * kModest;
  SpendModest(one_, kAlice);
  EXPECT_FALSE(Admit(one_, kAlice, kModest + 1)) << "half of it, its modest part included";
  EXPECT_TRUE(Admit(one_, kAlice, kModest));
  EXPECT_FALSE(Admit(one_, kAlice, 1));
  SpendModest(other_, kBob);
  RateMeter third;
  SpendModest(third, kBob);
  RateMeter fourth;
  EXPECT_FALSE(Admit(fourth, kBob, 1)) << "too many modest ones are too many";
}

TEST_F(SharedBucketsTest, AFloodKeepsItsModestPart) {
  limits_.total.bytes_per_second = 4 * kModest;
  SpendModest(one_, kAlice);
  ASSERT_TRUE(Admit(one_, kAlice, kModest));
  // What was refused in between has not been charged to it.
  for (int i = 0; i < 1000; ++i) EXPECT_FALSE(Admit(one_, kAlice, 1000));
  EXPECT_TRUE(Admit(one_, kAlice, kModest / 10, kStart + milliseconds(100)));
}

TEST_F(SharedBucketsTest, TURN_26_PacketsOfOneUserHaveOneBucket) {
  limits_.user.packets_per_second = 10;
  for (int i = 0; i < 5; ++i) {
    EXPECT_TRUE(Admit(one_, kAlice, 1200));
    EXPECT_TRUE(Admit(other_, kAlice, 1));
  }
  EXPECT_FALSE(Admit(one_, kAlice, 1));
  EXPECT_FALSE(Admit(other_, kAlice, 1));
  EXPECT_TRUE(Admit(other_, kAlice, 1, kStart, Direction::kPeerToClient)) << "another bucket";
  RateMeter of_bob;
  EXPECT_TRUE(Admit(of_bob, kBob, 1)) << "another user";
  EXPECT_FALSE(Admit(one_, kAlice, 1, kStart + milliseconds(99)));
  EXPECT_TRUE(Admit(one_, kAlice, 1, kStart + milliseconds(100)));
}

TEST_F(SharedBucketsTest, TURN_26_PacketsOfAllUsersTogetherHaveOne) {
  limits_.total.packets_per_second = 2;
  EXPECT_TRUE(Admit(one_, kAlice, 1));
  EXPECT_TRUE(Admit(other_, kBob, 1));
  EXPECT_FALSE(Admit(one_, kAlice, 1));
  EXPECT_FALSE(Admit(other_, kBob, 1));
}

TEST_F(SharedBucketsTest, AFloodOfSmallPacketsLeavesHalfToTheModest) {
  constexpr int kModestPackets = kModest / LEAKY_MODEST_LEAST_BYTES;
  limits_.total.packets_per_second = 4 * kModestPackets;
  int admitted = 0;
  for (int i = 0; i < 8 * kModestPackets; ++i) admitted += Admit(one_, kAlice, 1) ? 1 : 0;
  EXPECT_EQ(admitted, 2 * kModestPackets) << "half of it, its modest part included";
  for (int i = 0; i < kModestPackets; ++i) EXPECT_TRUE(Admit(other_, kBob, 1));
  EXPECT_FALSE(Admit(other_, kBob, 1)) << "no longer modest, and the other half is not its own";
}

TEST_F(SharedBucketsTest, WithoutLimitsNothingIsCharged) {
  for (int i = 0; i < 1000; ++i) EXPECT_TRUE(Admit(one_, kAlice, 65535));
  limits_.total.bytes_per_second = 1000;
  EXPECT_TRUE(Admit(one_, kAlice, 1000));
}

TEST_F(SharedBucketsTest, MoreUsersThanPlacesShareThem) {
  limits_.user.bytes_per_second = 1000;
  EXPECT_TRUE(Admit(one_, {8}, 1000));
  EXPECT_FALSE(Admit(other_, {16}, 1));
  EXPECT_TRUE(Admit(other_, {0}, 0)) << "nobody's is no reason to fall";
}

}  // namespace relay::shared_buckets_test
