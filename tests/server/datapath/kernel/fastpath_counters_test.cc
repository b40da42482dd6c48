#include "server/datapath/kernel/fastpath_counters.h"

#include <gtest/gtest.h>

#include <memory>

#include "protocol/turn/event.h"

namespace relay::fastpath_counters_test {

TEST(FastpathCounters, EveryOutcomeHasAPlace) {
  fastpath_totals totals{};
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < FASTPATH_OUTCOMES; ++i) sum += totals.outcomes[i] = i + 1;
  const auto counters = std::make_unique<ShardCounters>();
  CopyCounters(totals, *counters);
  std::uint64_t found = 0;
  for (const Counter& each : counters->kernel_pass) found += each.Read();
  for (const Counter& each : counters->dropped_packets) found += each.Read();
  EXPECT_EQ(found, sum);
  EXPECT_EQ(counters->kernel_pass[LabelIndex(KernelPass::kOverMtu)].Read(),
            totals.outcomes[FASTPATH_PASS_OVER_MTU]);
  EXPECT_EQ(counters->dropped_packets[LabelIndex(turn::DropReason::kHopLimit)].Read(),
            totals.outcomes[FASTPATH_DROP_HOP_LIMIT]);
}

TEST(FastpathCounters, TotalsReplaceEarlierOnes) {
  fastpath_totals totals{};
  totals.relayed[FASTPATH_CLIENT_TO_PEER] = {.packets = 3, .bytes = 300};
  totals.relayed[FASTPATH_PEER_TO_CLIENT] = {.packets = 5, .bytes = 500};
  const auto counters = std::make_unique<ShardCounters>();
  CopyCounters(totals, *counters);
  totals.relayed[FASTPATH_CLIENT_TO_PEER].packets = 4;
  CopyCounters(totals, *counters);
  const auto packets = [&](Direction direction) {
    return counters->relayed_packets[LabelIndex(direction)][LabelIndex(RelayPath::kKernel)].Read();
  };
  EXPECT_EQ(packets(Direction::kClientToPeer), 4U);
  EXPECT_EQ(packets(Direction::kPeerToClient), 5U);
  EXPECT_EQ(
      counters->relayed_bytes[LabelIndex(Direction::kPeerToClient)][LabelIndex(RelayPath::kKernel)]
          .Read(),
      500U);
}

}  // namespace relay::fastpath_counters_test
