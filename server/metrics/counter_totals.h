#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "server/metrics/shard_counters.h"

namespace relay {

// The counters of several shards as one row of numbers, for a process that goes on counting where
// another one has stopped. Gauges are no part of it: what they say is there or not. Any thread.
std::vector<std::uint64_t> ReadCounterTotals(std::span<const ShardCounters* const> counters);

// The owner of `counters` sets them to such a row. False: it has another length; then nothing has
// changed.
[[nodiscard]] bool SetCounterTotals(std::span<const std::uint64_t> totals, ShardCounters& counters);

// What the numbers of a row stand for, in short: two programs that agree on it can read each
// other's.
std::uint64_t CounterLayout();

}  // namespace relay
