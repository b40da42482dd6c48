#pragma once

#include "server/datapath/kernel/fastpath_abi.h"
#include "server/metrics/shard_counters.h"

namespace relay {

// What the program has counted, in the words of the metrics. The writer of `counters` only.
void CopyCounters(const fastpath_totals& totals, ShardCounters& counters);

}  // namespace relay
