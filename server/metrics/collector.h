#pragma once

#include <span>
#include <string>

#include "server/metrics/metric_catalog.h"
#include "server/metrics/process_counters.h"
#include "server/metrics/shard_counters.h"

namespace relay {

// What one scrape is made of. Views for the duration of the call.
struct MetricsSources {
  std::span<const ShardCounters* const> shards;
  const ProcessCounters& process;
  const MetricsSnapshot& snapshot;
};

// The scrape's body in Prometheus' text format 0.0.4: every family of the catalog, every series
// from the start. The cost depends on the number of series and shards, not on that of allocations.
// Any thread.
std::string RenderMetrics(const MetricsSources& sources);

inline constexpr const char* kMetricsContentType = "text/plain; version=0.0.4; charset=utf-8";

}  // namespace relay
