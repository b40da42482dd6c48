#include "server/net/stand_still.h"

#include <gtest/gtest.h>

#include <chrono>
#include <memory>
#include <thread>
#include <vector>

namespace relay::stand_still_test {

using Verdict = StandStill::Verdict;

base::MonotonicTime In(std::chrono::nanoseconds duration) {
  return base::ReadClocks().monotonic + duration;
}

ShardImage ImageOf(std::uint64_t id) {
  ShardImage image;
  image.allocations.push_back({id, {}, {}, {}});
  return image;
}

TEST(StandStill, WithoutAllShardsThereIsNothingToGive) {
  StandStill still(2);
  std::thread shard([&] { EXPECT_EQ(still.Join(0, {}), Verdict::kGoOn); });
  EXPECT_FALSE(still.WaitForAll(In(std::chrono::milliseconds(20))));
  still.Decide(Verdict::kGoOn);
  shard.join();
  // The other one comes late, and hears the same.
  EXPECT_EQ(still.Join(1, {}), Verdict::kGoOn);
}

TEST(StandStill, WhoIsLeftAloneGoesOn) {
  auto still = std::make_shared<StandStill>(1);
  std::thread shard([&] { EXPECT_EQ(still->Join(0, {}), Verdict::kGoOn); });
  { const HeldStill held(still); }
  shard.join();
}

TEST(StandStill, WhatIsLetGoIsToldLast) {
  auto still = std::make_shared<StandStill>(2);
  std::vector<std::thread> shards;
  for (std::size_t i = 0; i < 2; ++i) {
    shards.emplace_back([&still, i] {
      ASSERT_EQ(still->Join(i, ImageOf(10 + i)), Verdict::kLetGo);
      still->Leave({{10 + i, {}}});
    });
  }
  ASSERT_TRUE(still->WaitForAll(In(std::chrono::seconds(20))));
  HeldStill held(still);
  EXPECT_EQ(held.images()[1]->allocations[0].id, 11u);
  EXPECT_EQ(held.LetGo(In(std::chrono::seconds(20))).size(), 2u);
  for (std::thread& each : shards) each.join();
}

TEST(StandStill, AShardThatDoesNotSayWhatItKnewLastIsNotWaitedForWithoutEnd) {
  auto still = std::make_shared<StandStill>(1);
  std::thread shard([&] { EXPECT_EQ(still->Join(0, {}), Verdict::kLetGo); });
  ASSERT_TRUE(still->WaitForAll(In(std::chrono::seconds(20))));
  EXPECT_TRUE(HeldStill(still).LetGo(In(std::chrono::milliseconds(10))).empty());
  shard.join();
}

}  // namespace relay::stand_still_test
