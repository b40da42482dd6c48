#include "protocol/turn/move_table.h"

#include <gtest/gtest.h>

namespace turn::move_table_test {

Client ClientAt(std::uint16_t port) {
  return {{{base::IpAddress::FromV4({20, 1, 1, 1}), port},
           {base::IpAddress::FromV4({192, 0, 2, 1}), 3478},
           base::Transport::kUdp},
          {7}};
}

TEST(MoveTable, AMoveIsFoundByThe5TupleItGoesTo) {
  MoveTable table;
  EXPECT_TRUE(table.empty());
  table.Insert(ClientAt(1), 11, {2});
  const Move* const move = table.Find(ClientAt(1).five_tuple);
  ASSERT_NE(move, nullptr);
  EXPECT_EQ(move->allocation_id, 11u);
  EXPECT_EQ(move->owner, ShardIndex{2});
  EXPECT_EQ(move->client.handle, ClientHandle{7});
  EXPECT_EQ(table.Find(ClientAt(2).five_tuple), nullptr);
  table.Erase(ClientAt(1).five_tuple);
  EXPECT_EQ(table.Find(ClientAt(1).five_tuple), nullptr);
  EXPECT_TRUE(table.empty());
}

TEST(Move, KeepsALimitedNumberOfMessages) {
  Move move(ClientAt(1), 11, {});
  const std::vector<std::uint8_t> octets = {1};
  std::size_t kept = 0;
  while (move.Keep(std::nullopt, octets)) ++kept;
  EXPECT_EQ(kept, 32u);
  EXPECT_EQ(move.TakeWaiting().size(), 32u);
  EXPECT_TRUE(move.Keep(std::nullopt, octets));
}

TEST(Move, KeepsALimitedNumberOfOctets) {
  Move move(ClientAt(1), 11, {});
  EXPECT_FALSE(move.Keep(std::nullopt, std::vector<std::uint8_t>(65537)));
  EXPECT_TRUE(move.Keep(std::nullopt, std::vector<std::uint8_t>(65536)));
  EXPECT_FALSE(move.Keep(std::nullopt, std::vector<std::uint8_t>(1)));
  EXPECT_EQ(move.TakeWaiting().size(), 1u);
  EXPECT_TRUE(move.Keep(std::nullopt, std::vector<std::uint8_t>(65536)));
}

TEST(Move, GivesBackWhatItKeptInOrder) {
  Move move(ClientAt(1), 11, {});
  EXPECT_TRUE(move.Keep(std::nullopt, std::vector<std::uint8_t>{1}));
  EXPECT_TRUE(move.Keep(stun::ChannelNumber{0x4000}, std::vector<std::uint8_t>{2}));
  const std::vector<WaitingMessage> waiting = move.TakeWaiting();
  ASSERT_EQ(waiting.size(), 2u);
  EXPECT_EQ(waiting[0].octets, std::vector<std::uint8_t>{1});
  EXPECT_FALSE(waiting[0].channel.has_value());
  EXPECT_EQ(waiting[1].octets, std::vector<std::uint8_t>{2});
  EXPECT_EQ(waiting[1].channel, stun::ChannelNumber{0x4000});
}

}  // namespace turn::move_table_test
