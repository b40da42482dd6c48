#include "server/net/stranger_queue.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <utility>
#include <vector>

namespace relay::stranger_queue_test {

turn::Client From(std::uint16_t port) {
  const auto address = base::IpAddress::Parse("192.0.2.1").value();
  return {{{address, port}, {address, 3478}, base::Transport::kUdp}, {}};
}

class StrangerQueueTest : public testing::Test {
 protected:
  void Add(std::uint16_t port, std::vector<std::uint8_t> octets) {
    queue_.Add({port, From(port), {.traffic_class = 0, .hop_limit = 7}, octets});
  }
  // The port and the first octet of what is taken; 0, 0: nothing.
  using Taken = std::pair<int, int>;
  static Taken Describe(const StrangerQueue::Datagram* taken) {
    if (taken == nullptr) return {0, 0};
    return {taken->client.five_tuple.client.port, taken->octets[0]};
  }
  Taken Take() { return Describe(queue_.Take()); }
  Taken TakeOf(std::uint16_t port) { return Describe(queue_.TakeOf(From(port).five_tuple)); }

  StrangerQueue queue_;
};

TEST_F(StrangerQueueTest, GivesTheOldestFirstWithACopyOfItsOctets) {
  std::vector<std::uint8_t> octets{1, 2, 3};
  queue_.Add({5, From(1), {.traffic_class = 0, .hop_limit = 7}, octets});
  octets = {9, 9, 9};
  Add(2, {});
  ASSERT_EQ(queue_.size(), 2U);
  const StrangerQueue::Datagram* const first = queue_.Take();
  EXPECT_EQ(first->listener, 5U);
  EXPECT_EQ(first->client.five_tuple, From(1).five_tuple);
  EXPECT_EQ(first->fields.hop_limit, 7);
  EXPECT_EQ(std::vector(first->octets.begin(), first->octets.end()),
            (std::vector<std::uint8_t>{1, 2, 3}));
  EXPECT_TRUE(queue_.Take()->octets.empty());
  EXPECT_TRUE(queue_.empty());
  EXPECT_EQ(queue_.Take(), nullptr);
}

TEST_F(StrangerQueueTest, GivesThoseOfOneClientBeforeItsTurnAndInTheirOrder) {
  Add(1, {11});
  Add(2, {21});
  Add(1, {12});
  Add(2, {22});
  Add(3, {31});
  EXPECT_EQ(TakeOf(2), Taken(2, 21));
  EXPECT_EQ(TakeOf(4), Taken(0, 0));
  EXPECT_EQ(Take(), Taken(1, 11));
  EXPECT_EQ(TakeOf(2), Taken(2, 22));
  EXPECT_EQ(TakeOf(2), Taken(0, 0));
  EXPECT_EQ(queue_.size(), 2U);
  EXPECT_EQ(Take(), Taken(1, 12));
  EXPECT_EQ(Take(), Taken(3, 31));
  EXPECT_EQ(Take(), Taken(0, 0));
  EXPECT_TRUE(queue_.empty());
}

TEST_F(StrangerQueueTest, WhatWasTakenBeforeItsTurnKeepsItsPlaceUntilItsTurnComes) {
  for (std::size_t i = 0; i < StrangerQueue::kDatagrams; ++i) Add(1, {1});
  for (std::size_t i = 0; i < StrangerQueue::kDatagrams; ++i) EXPECT_EQ(TakeOf(1), Taken(1, 1));
  EXPECT_TRUE(queue_.empty());
  EXPECT_TRUE(queue_.full());
  EXPECT_EQ(Take(), Taken(0, 0));
  EXPECT_FALSE(queue_.full());
  Add(2, {2});
  EXPECT_EQ(Take(), Taken(2, 2));
}

TEST_F(StrangerQueueTest, TakesUpItsPlacesAgain) {
  for (std::size_t i = 0; i < StrangerQueue::kDatagrams; ++i) {
    ASSERT_FALSE(queue_.full());
    Add(static_cast<std::uint16_t>(i), std::vector<std::uint8_t>(i, 1));
  }
  ASSERT_TRUE(queue_.full());
  for (std::uint16_t i = 0; i < 3; ++i) {
    EXPECT_EQ(queue_.Take()->octets.size(), i);
    Add(static_cast<std::uint16_t>(1000 + i),
        std::vector<std::uint8_t>(StrangerQueue::kMostOctets, 2));
  }
  EXPECT_TRUE(queue_.full());
  for (std::size_t i = 3; i < StrangerQueue::kDatagrams; ++i)
    EXPECT_EQ(queue_.Take()->octets.size(), i);
  for (std::uint16_t i = 0; i < 3; ++i) {
    const StrangerQueue::Datagram& late = *queue_.Take();
    EXPECT_EQ(late.client.five_tuple.client.port, 1000 + i);
    EXPECT_EQ(late.octets.size(), StrangerQueue::kMostOctets);
    EXPECT_EQ(late.octets[StrangerQueue::kMostOctets - 1], 2);
  }
}

}  // namespace relay::stranger_queue_test
