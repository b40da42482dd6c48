#include "protocol/turn/relay_port_pool.h"

#include <gtest/gtest.h>

#include <map>
#include <set>

#include "tests/support/seeded_random.h"

namespace turn::relay_port_pool_test {

using std::chrono::seconds;
using Request = RelayPortPool::Request;

class RelayPortPoolTest : public ::testing::Test {
 protected:
  static RelayPortPool Make(std::uint16_t min, std::uint16_t max,
                            std::vector<std::uint16_t> excluded = {}) {
    return RelayPortPool(min, max, excluded);
  }
  std::set<std::uint16_t> TakeAll(RelayPortPool& pool, Request request = Request::kAny) {
    std::set<std::uint16_t> taken;
    while (const auto port = pool.Take(request, random_, now_))
      EXPECT_TRUE(taken.insert(*port).second);
    return taken;
  }

  test_support::SeededRandom random_{7};
  base::MonotonicTime now_{seconds(1000)};
};

TEST_F(RelayPortPoolTest, TURN_06_EveryPortHasOneOwner) {
  RelayPortPool pool = Make(50000, 50999);
  EXPECT_EQ(TakeAll(pool).size(), 1000u);
  EXPECT_EQ(pool.in_use(), 1000u);
}

TEST_F(RelayPortPoolTest, TheTopOfTheRangeIsIncludedAndNothingIsAbove) {
  RelayPortPool pool = Make(65534, 65535);
  EXPECT_EQ(TakeAll(pool), (std::set<std::uint16_t>{65534, 65535}));
}

TEST_F(RelayPortPoolTest, ExcludedPortsAreNeverGiven) {
  RelayPortPool pool = Make(50000, 50009, {50000, 50001, 40000});
  EXPECT_EQ(pool.size(), 8u);
  const std::set<std::uint16_t> taken = TakeAll(pool);
  EXPECT_FALSE(taken.contains(50000));
  EXPECT_EQ(taken.size(), 8u);
}

TEST_F(RelayPortPoolTest, TURN_17_EvenRequestsTakeEvenPortsOnly) {
  RelayPortPool pool = Make(50001, 50010);
  EXPECT_EQ(TakeAll(pool, Request::kEven),
            (std::set<std::uint16_t>{50002, 50004, 50006, 50008, 50010}));
  EXPECT_EQ(pool.in_use(), 5u);
}

TEST_F(RelayPortPoolTest, TURN_18_PairsAreTakenWhole) {
  RelayPortPool pool = Make(50001, 50010);
  EXPECT_EQ(TakeAll(pool, Request::kEvenPair),
            (std::set<std::uint16_t>{50002, 50004, 50006, 50008}));
  EXPECT_EQ(pool.in_use(), 8u);
  EXPECT_EQ(TakeAll(pool), (std::set<std::uint16_t>{50001, 50010}));
}

TEST_F(RelayPortPoolTest, TURN_20_APairNeedsBothPorts) {
  RelayPortPool pool = Make(50000, 50001, {50001});
  EXPECT_EQ(pool.Take(Request::kEvenPair, random_, now_), std::nullopt);
  EXPECT_EQ(pool.Take(Request::kEven, random_, now_), 50000);
}

TEST_F(RelayPortPoolTest, AReturnedPortRestsWhileOthersAreFree) {
  RelayPortPool pool = Make(50000, 50001);
  const std::uint16_t first = *pool.Take(Request::kAny, random_, now_);
  pool.Return(first, now_);
  for (int i = 0; i < 20; ++i) {
    const std::uint16_t next = *pool.Take(Request::kAny, random_, now_);
    EXPECT_NE(next, first);
    pool.Return(next, now_ - RelayPortPool::kQuarantine);
  }
}

TEST_F(RelayPortPoolTest, RestIsAPreferenceAndTheLongestRestedComesFirst) {
  RelayPortPool pool = Make(50000, 50002);
  TakeAll(pool);
  pool.ReturnForeign(50000, now_);
  pool.Return(50001, now_ + seconds(1));
  pool.Return(50002, now_);
  EXPECT_EQ(pool.Take(Request::kAny, random_, now_), 50002);
  EXPECT_EQ(pool.Take(Request::kAny, random_, now_), 50001);
  EXPECT_EQ(pool.Take(Request::kAny, random_, now_), 50000);
  EXPECT_EQ(pool.Take(Request::kAny, random_, now_), std::nullopt);
}

TEST_F(RelayPortPoolTest, TURN_30_C5_TheChoiceIsUniform) {
  constexpr std::size_t kPorts = 1000;
  constexpr std::size_t kDraws = 100'000;
  RelayPortPool pool = Make(50000, 50999);
  std::map<std::uint16_t, int> counts;
  for (std::size_t i = 0; i < kDraws; ++i) {
    const std::uint16_t port = *pool.Take(Request::kAny, random_, now_);
    ++counts[port];
    pool.Return(port, now_ - RelayPortPool::kQuarantine);
  }
  const double expected = static_cast<double>(kDraws) / kPorts;
  double chi_square = 0;
  for (std::uint16_t port = 50000; port <= 50999; ++port) {
    const double off = counts[port] - expected;
    chi_square += off * off / expected;
  }
  // 999 degrees of freedom: mean 999, standard deviation 44.7; five of them either way.
  EXPECT_LT(chi_square, 999 + 5 * 44.7);
  EXPECT_GT(chi_square, 999 - 5 * 44.7);
}

TEST_F(RelayPortPoolTest, TURN_30_ANearlyFullPoolStillDrawsAtRandom) {
  RelayPortPool pool = Make(50000, 50999);
  TakeAll(pool);
  std::map<std::uint16_t, int> counts;
  for (int i = 0; i < 300; ++i) {
    for (const int port : {50100, 50101, 50900}) {
      if (pool.in_use() == 1000) pool.Return(static_cast<std::uint16_t>(port), now_ - seconds(60));
    }
    for (const int port : {50101, 50900}) {
      if (i == 0) pool.Return(static_cast<std::uint16_t>(port), now_ - seconds(60));
    }
    const std::uint16_t port = *pool.Take(Request::kAny, random_, now_);
    ++counts[port];
    pool.Return(port, now_ - seconds(60));
  }
  EXPECT_EQ(counts.size(), 3u);
  for (const auto& [port, count] : counts) EXPECT_GT(count, 40) << port;
}

TEST_F(RelayPortPoolTest, D11_AHundredThousandEvenPortCyclesLeaveThePoolWhole) {
  RelayPortPool pool = Make(50000, 50999);
  for (int i = 0; i < 100'000; ++i) {
    const bool is_pair = i % 2 == 0;
    const std::uint16_t port =
        *pool.Take(is_pair ? Request::kEvenPair : Request::kEven, random_, now_);
    EXPECT_EQ(port % 2, 0);
    pool.Return(port, now_);
    if (is_pair) pool.Return(static_cast<std::uint16_t>(port + 1), now_);
    now_ += std::chrono::milliseconds(20);
  }
  EXPECT_EQ(pool.in_use(), 0u);
  EXPECT_EQ(TakeAll(pool).size(), 1000u);
}

}  // namespace turn::relay_port_pool_test
