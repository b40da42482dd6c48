#include "protocol/turn/relay_port_pool.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

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

// What the pool promises, kept as plainly as it can be.
class Model {
 public:
  using Request = RelayPortPool::Request;
  static constexpr base::MonotonicTime kRested = base::MonotonicTime::min();

  void Add(std::uint16_t port) { free_[port] = kRested; }
  bool IsFree(int port) const { return free_.contains(static_cast<std::uint16_t>(port)); }
  // When what the request would take from here has rested; nullopt: it cannot.
  std::optional<base::MonotonicTime> RestsUntil(std::uint16_t port, Request request) const {
    if (!IsFree(port) || (request != Request::kAny && port % 2 != 0)) return std::nullopt;
    if (request != Request::kEvenPair) return free_.at(port);
    if (!IsFree(port + 1)) return std::nullopt;
    return std::max(free_.at(port), free_.at(static_cast<std::uint16_t>(port + 1)));
  }
  // The same of the port that is best to take.
  std::optional<base::MonotonicTime> Best(Request request) const {
    std::optional<base::MonotonicTime> best;
    for (const auto& [port, unused] : free_) {
      const auto rests_until = RestsUntil(port, request);
      if (rests_until && (!best || *rests_until < *best)) best = rests_until;
    }
    return best;
  }
  void Take(std::uint16_t port) {
    free_.erase(port);
    taken_.push_back(port);
  }
  void Return(std::uint16_t port, base::MonotonicTime rests_until) {
    free_[port] = rests_until;
    std::erase(taken_, port);
  }
  void WakeUp(base::MonotonicTime now) {
    for (auto& [port, rests_until] : free_) {
      if (rests_until <= now) rests_until = kRested;
    }
  }
  const std::vector<std::uint16_t>& taken() const { return taken_; }

 private:
  std::map<std::uint16_t, base::MonotonicTime> free_;
  std::vector<std::uint16_t> taken_;
};

TEST_F(RelayPortPoolTest, TURN_06_TakesWhatTheRulesSayWhateverHasHappened) {
  for (const std::uint16_t min : {std::uint16_t{50000}, std::uint16_t{50001}}) {
    const std::uint16_t max = 50030;
    RelayPortPool pool = Make(min, max, {50007, 50012});
    Model model;
    for (std::uint16_t port = min; port <= max; ++port) {
      if (port != 50007 && port != 50012) model.Add(port);
    }
    for (int step = 0; step < 50'000; ++step) {
      now_ += std::chrono::milliseconds(random_.Below(400));
      model.WakeUp(now_);
      const std::uint32_t what = random_.Below(10);
      if (what < 5) {
        const auto request = static_cast<Request>(random_.Below(3));
        const auto best = model.Best(request);
        const auto port = pool.Take(request, random_, now_);
        ASSERT_EQ(port.has_value(), best.has_value());
        if (!port) continue;
        ASSERT_EQ(model.RestsUntil(*port, request), best) << *port;
        model.Take(*port);
        if (request == Request::kEvenPair) model.Take(static_cast<std::uint16_t>(*port + 1));
      } else if (what < 6) {
        const auto port = static_cast<std::uint16_t>(min - 1u + random_.Below(33));
        const bool is_free = model.IsFree(port);
        ASSERT_EQ(pool.Claim(port), is_free) << port;
        if (is_free) model.Take(port);
      } else if (!model.taken().empty()) {
        const std::size_t count = model.taken().size();
        const std::uint16_t port = model.taken()[random_.Below(static_cast<std::uint32_t>(count))];
        const bool is_foreign = what == 9;
        is_foreign ? pool.ReturnForeign(port, now_) : pool.Return(port, now_);
        model.Return(port, now_ + (is_foreign ? RelayPortPool::kForeignQuarantine
                                              : RelayPortPool::kQuarantine));
      }
      ASSERT_EQ(pool.in_use(), model.taken().size());
    }
  }
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
