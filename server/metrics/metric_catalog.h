#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/time.h"
#include "server/metrics/process_counters.h"
#include "server/metrics/process_usage.h"
#include "server/metrics/shard_counters.h"

// The one table of every metric: its name, meaning, labels, and where its numbers come from. The
// scrape and docs/metrics.md are both made from it, so a new metric is a row here and nothing else.
namespace relay {

// What a scrape shows beside the counters. Features that do not exist leave their optional or list
// empty, and then have no series.
struct MetricsSnapshot {
  struct Certificate {
    std::string name;  // what it was configured as
    base::WallTime not_after;
  };

  struct Fleet {
    std::vector<bool> registries_up = {};  // one's own first
    std::size_t nodes = 0;
    std::size_t revocations = 0;
    std::size_t revocations_pending = 0;
    std::uint64_t revocations_ignored = 0;
    std::uint64_t usage_records_dropped = 0;
  };

  std::string version;
  bool is_draining = false;
  bool is_ready = true;
  std::size_t relay_ports_in_use = 0;
  std::size_t relay_ports_limit = 0;
  std::size_t stale_issuers = 0;
  std::optional<base::WallTime> token_keys_fetched = std::nullopt;  // of the oldest in use
  bool is_kernel_datapath_wanted = false;
  std::optional<std::string> kernel_datapath_mode = std::nullopt;
  std::vector<Certificate> certificates = {};
  Fleet fleet = {};
  ProcessUsage process = {};
};

// A histogram summed over shards; `buckets` are not cumulative and one longer than `bounds`.
struct HistogramTotals {
  std::span<const std::chrono::milliseconds> bounds;
  std::vector<std::uint64_t> buckets;
  std::uint64_t sum_microseconds = 0;
};

struct Sample {
  std::vector<std::string> label_values;
  double value;
};

// Where a family's numbers come from. `first` and `second` are positions in the row's label lists,
// 0 where it has none.
using ShardReader = double (*)(const ShardCounters&, std::size_t first, std::size_t second);
using ShardHistogramReader = void (*)(const ShardCounters&, HistogramTotals&);
using ProcessReader = double (*)(const ProcessCounters&, std::size_t first);
using ProcessHistogramReader = void (*)(const ProcessCounters&, HistogramTotals&);
using SnapshotReader = std::vector<Sample> (*)(const MetricsSnapshot&);
using MetricSource = std::variant<ShardReader, ShardHistogramReader, ProcessReader,
                                  ProcessHistogramReader, SnapshotReader>;

enum class MetricType : std::uint8_t { kCounter, kGauge, kHistogram };

struct MetricLabel {
  std::string_view name;
  std::span<const std::string_view> values;  // empty: not a fixed set, see the help
};

struct MetricRow {
  std::string_view name;  // without the prefix
  MetricType type;
  std::string_view unit;  // "" for a plain number
  std::string_view help;
  std::string_view hint;  // what it tells an operator
  std::vector<MetricLabel> labels;
  MetricSource source;
  bool has_prefix = true;  // process_* has none
};

std::span<const MetricRow> MetricCatalog();

// "senso_turn_" and the name, or the name alone.
std::string FullName(const MetricRow& row);

// "counter", "gauge", "histogram".
std::string_view ToString(MetricType type);

}  // namespace relay
