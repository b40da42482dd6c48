#include "protocol/turn/mobility_ticket.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <ranges>
#include <vector>

#include "tests/support/seeded_random.h"

namespace turn::mobility_ticket_test {

constexpr MobileId kId{0x01020304};

class MobilityTicketsTest : public ::testing::Test {
 protected:
  test_support::SeededRandom random_{1};
  MobilityTickets tickets_{NonceKey{{1}}};
};

TEST_F(MobilityTicketsTest, MOB_06_WhatIsNoTicketIsNotOpened) {
  const SealedTicket sealed = tickets_.Seal(kId, random_);
  EXPECT_EQ(tickets_.Open({}), std::nullopt);
  for (std::size_t bytes = 0; bytes < sealed.size(); ++bytes)
    EXPECT_EQ(tickets_.Open(base::Bytes(sealed).first(bytes)), std::nullopt);
  std::vector<std::uint8_t> longer(sealed.begin(), sealed.end());
  longer.push_back(0);
  EXPECT_EQ(tickets_.Open(longer), std::nullopt);
  EXPECT_EQ(tickets_.Open(std::vector<std::uint8_t>(600)), std::nullopt);
}

TEST_F(MobilityTicketsTest, MOB_06_EveryBitCounts) {
  const SealedTicket sealed = tickets_.Seal(kId, random_);
  for (std::size_t bit = 0; bit < 8 * sealed.size(); ++bit) {
    SealedTicket changed = sealed;
    changed[bit / 8] ^= static_cast<std::uint8_t>(1u << (bit % 8));
    EXPECT_EQ(tickets_.Open(changed), std::nullopt) << "bit " << bit;
  }
}

TEST_F(MobilityTicketsTest, MOB_06_AnotherProcessDoesNotOpenIt) {
  const SealedTicket sealed = tickets_.Seal(kId, random_);
  EXPECT_EQ(MobilityTickets(NonceKey{{2}}).Open(sealed), std::nullopt);
}

TEST_F(MobilityTicketsTest, EveryShardOpensIt) {
  const SealedTicket sealed = tickets_.Seal(kId, random_);
  EXPECT_EQ(MobilityTickets(NonceKey{{1}}).Open(sealed), kId);
}

TEST_F(MobilityTicketsTest, MOB_12_TwoOfOneContentHaveNothingInCommon) {
  // Of 32 octets that are chosen at random, two equal ones at one place are no surprise; eight are.
  for (int i = 0; i < 100; ++i) {
    const SealedTicket first = tickets_.Seal(kId, random_);
    const SealedTicket second = tickets_.Seal(kId, random_);
    const auto equal = std::ranges::count_if(std::views::iota(0u, first.size()),
                                             [&](auto at) { return first[at] == second[at]; });
    EXPECT_LT(equal, 8);
  }
}

TEST_F(MobilityTicketsTest, ItCanPassForText) {
  for (std::uint32_t i = 0; i < 10'000; ++i) {
    const SealedTicket sealed = tickets_.Seal({i}, random_);
    ASSERT_LE(sealed.size(), 32u);
    ASSERT_EQ(std::ranges::count(sealed, 0), 0);
    ASSERT_EQ(tickets_.Open(sealed), MobileId{i});
  }
}

}  // namespace turn::mobility_ticket_test
