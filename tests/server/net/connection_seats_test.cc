#include "server/net/connection_seats.h"

#include <gtest/gtest.h>

namespace relay::connection_seats_test {

class ConnectionSeatsTest : public testing::Test {
 protected:
  std::int64_t Open(base::Transport transport) const {
    return static_cast<std::int64_t>(counters_.connections[LabelIndex(transport)].Read());
  }

  const base::IpAddress source_ = *base::IpAddress::Parse("192.0.2.1");
  ConnectionCensus census_{2};
  ShardCounters counters_;
  ConnectionSeats seats_{census_, counters_, 8 * ConnectionSeats::kClearBytes};
};

TEST_F(ConnectionSeatsTest, CountsByWhatAConnectionTurnsOutToBe) {
  seats_.Take(1, base::Transport::kTcp);
  EXPECT_TRUE(seats_.Has(1));
  EXPECT_EQ(Open(base::Transport::kTcp), 1);
  seats_.Change(1, base::Transport::kTls);
  EXPECT_EQ(Open(base::Transport::kTcp), 0);
  EXPECT_EQ(Open(base::Transport::kTls), 1);
  seats_.Vacate(1);
  EXPECT_FALSE(seats_.Has(1));
  EXPECT_EQ(Open(base::Transport::kTls), 0);
}

TEST_F(ConnectionSeatsTest, ASourceHasItsLimitUntilItLeaves) {
  for (const std::uint32_t handle : {1U, 2U, 3U}) seats_.Take(handle, base::Transport::kTcp);
  EXPECT_TRUE(seats_.Admit(1, source_));
  EXPECT_TRUE(seats_.Admit(2, source_));
  EXPECT_FALSE(seats_.Admit(3, source_));
  seats_.Vacate(3);  // it never had a place in the census, and gives none back
  seats_.Take(4, base::Transport::kTcp);
  EXPECT_FALSE(seats_.Admit(4, source_));
  seats_.Vacate(1);
  EXPECT_TRUE(seats_.Admit(4, source_));
}

TEST_F(ConnectionSeatsTest, GivesAllPlacesBackInTheEnd) {
  {
    ConnectionSeats others{census_, counters_, 0};
    for (const std::uint32_t handle : {1U, 2U}) {
      others.Take(handle, base::Transport::kTcp);
      EXPECT_TRUE(others.Admit(handle, source_));
    }
  }
  seats_.Take(1, base::Transport::kTcp);
  EXPECT_TRUE(seats_.Admit(1, source_));
}

TEST_F(ConnectionSeatsTest, StrangersAreOverTheLimitTogether) {
  for (std::uint32_t handle = 1; handle <= 8; ++handle) seats_.Take(handle, base::Transport::kTcp);
  EXPECT_FALSE(seats_.IsOverLimit());
  EXPECT_FALSE(seats_.IsEased());
  seats_.Charge(3, ConnectionSeats::kClearBytes + 1);
  EXPECT_TRUE(seats_.IsOverLimit());
  seats_.Vacate(3);
  EXPECT_FALSE(seats_.IsOverLimit());
  EXPECT_TRUE(seats_.IsEased());
}

TEST_F(ConnectionSeatsTest, WhoHasAnAllocationIsNoStranger) {
  for (std::uint32_t handle = 1; handle <= 9; ++handle) seats_.Take(handle, base::Transport::kTcp);
  EXPECT_TRUE(seats_.IsOverLimit());
  seats_.SetStranger(1, false);
  seats_.SetStranger(1, false);
  EXPECT_FALSE(seats_.IsOverLimit());
  seats_.Charge(1, 1'000'000);
  EXPECT_FALSE(seats_.IsOverLimit());
  seats_.SetStranger(1, true);
  EXPECT_TRUE(seats_.IsOverLimit());
  seats_.SetStranger(1, false);
  seats_.Vacate(1);
  EXPECT_FALSE(seats_.IsOverLimit());
}

}  // namespace relay::connection_seats_test
