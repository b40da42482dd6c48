#include "server/control/check_rooms.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "tests/support/seeded_random.h"

namespace relay::check_rooms_test {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::IsNull;
using testing::NotNull;
using testing::Pointee;

base::IpAddress Source(std::uint32_t number) {
  return base::IpAddress::FromV4({20, static_cast<std::uint8_t>(number >> 16),
                                  static_cast<std::uint8_t>(number >> 8),
                                  static_cast<std::uint8_t>(number)});
}

class CheckRoomsTest : public testing::Test {
 protected:
  std::array<std::string, 2> Open() { return *rooms.Open(Source(1), now); }

  test_support::SeededRandom random{1};
  CheckRooms rooms{random};
  base::MonotonicTime now{std::chrono::seconds(1000)};
};

TEST_F(CheckRoomsTest, AnUnknownSeatIsNobodys) {
  const auto seats = Open();
  for (const std::string& seat :
       {std::string(), seats[0] + "A", seats[0].substr(1), std::string("x")}) {
    EXPECT_EQ(rooms.Post(seat, "hello", now), CheckRooms::Posted::kUnknown);
    EXPECT_THAT(rooms.Read(seat, now), IsNull());
  }
}

TEST_F(CheckRoomsTest, WhatOneSeatLeavesOnlyTheOtherReads) {
  const auto seats = Open();
  const auto others = Open();
  EXPECT_EQ(rooms.Post(seats[0], "one", now), CheckRooms::Posted::kDone);
  EXPECT_EQ(rooms.Post(seats[0], "two", now), CheckRooms::Posted::kDone);
  EXPECT_EQ(rooms.Post(seats[1], "back", now), CheckRooms::Posted::kDone);
  EXPECT_THAT(rooms.Read(seats[1], now), Pointee(ElementsAre("one", "two")));
  EXPECT_THAT(rooms.Read(seats[0], now), Pointee(ElementsAre("back")));
  EXPECT_THAT(rooms.Read(others[0], now), Pointee(IsEmpty()));
}

TEST_F(CheckRoomsTest, IdsAreLongAndEachIsAnother) {
  std::set<std::string> ids;
  for (std::uint32_t i = 0; i < 20; ++i) {
    const auto seats = *rooms.Open(Source(i), now);
    for (const std::string& id : seats) {
      EXPECT_EQ(id.size(), 22U) << "128 bits";
      ids.insert(id);
    }
  }
  EXPECT_EQ(ids.size(), 40U);
}

TEST_F(CheckRoomsTest, MessagesAreBoundedInSizeAndNumber) {
  const auto seats = Open();
  EXPECT_EQ(rooms.Post(seats[0], std::string(CheckRooms::kMessageBytes + 1, 'x'), now),
            CheckRooms::Posted::kTooMuch);
  for (std::size_t i = 0; i < CheckRooms::kMessages; ++i) {
    EXPECT_EQ(rooms.Post(seats[0], std::string(CheckRooms::kMessageBytes, 'x'), now),
              CheckRooms::Posted::kDone);
  }
  EXPECT_EQ(rooms.Post(seats[0], "x", now), CheckRooms::Posted::kTooMuch);
  EXPECT_EQ(rooms.Post(seats[1], "x", now), CheckRooms::Posted::kDone);
}

TEST_F(CheckRoomsTest, RoomsEnd) {
  const auto seats = Open();
  ASSERT_EQ(rooms.Post(seats[0], "hello", now), CheckRooms::Posted::kDone);
  now += CheckRooms::kLifetime - std::chrono::seconds(1);
  EXPECT_THAT(rooms.Read(seats[1], now), NotNull());
  now += std::chrono::seconds(1);
  EXPECT_THAT(rooms.Read(seats[1], now), IsNull());
  EXPECT_EQ(rooms.size(), 0U);
}

TEST_F(CheckRoomsTest, OneSourceHasFewRooms) {
  for (std::size_t i = 0; i < CheckRooms::kRoomsOfSource; ++i)
    EXPECT_TRUE(rooms.Open(Source(7), now).has_value());
  EXPECT_FALSE(rooms.Open(Source(7), now).has_value());
  EXPECT_TRUE(rooms.Open(Source(8), now).has_value());
  now += CheckRooms::kLifetime;
  EXPECT_TRUE(rooms.Open(Source(7), now).has_value());
}

TEST_F(CheckRoomsTest, ASubnetOfIpv6IsOneSource) {
  for (std::size_t i = 0; i < CheckRooms::kRoomsOfSource; ++i) {
    const std::string address = "2600:1:2:3::" + std::to_string(i + 1);
    EXPECT_TRUE(rooms.Open(*base::IpAddress::Parse(address), now).has_value());
  }
  EXPECT_FALSE(rooms.Open(*base::IpAddress::Parse("2600:1:2:3:ffff::1"), now).has_value());
  EXPECT_TRUE(rooms.Open(*base::IpAddress::Parse("2600:1:2:4::1"), now).has_value());
}

TEST_F(CheckRoomsTest, AllSourcesTogetherHaveALimit) {
  std::uint32_t number = 0;
  while (rooms.size() < CheckRooms::kRooms) ASSERT_TRUE(rooms.Open(Source(number++), now));
  EXPECT_FALSE(rooms.Open(Source(number), now).has_value());
}

}  // namespace relay::check_rooms_test
