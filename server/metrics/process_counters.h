#pragma once

#include <array>
#include <chrono>

#include "server/metrics/metric_labels.h"
#include "server/metrics/shard_counters.h"

namespace relay {

inline constexpr std::array<std::chrono::milliseconds, 9> kHttpRequestDurationBounds = {
    std::chrono::milliseconds(1),   std::chrono::milliseconds(5),
    std::chrono::milliseconds(10),  std::chrono::milliseconds(25),
    std::chrono::milliseconds(50),  std::chrono::milliseconds(100),
    std::chrono::milliseconds(500), std::chrono::milliseconds(1000),
    std::chrono::milliseconds(5000)};

// What the process counts beside its shards. The control thread is the only writer.
struct ProcessCounters {
  CellsBy<Counter, kSuccessLabels> config_reloads;
  Gauge last_reload_failed;  // 0 or 1
  CellsBy<Counter, kIssueOutcomeLabels> credentials_issued;
  CellsBy<Counter, kBearerFailureLabels> bearer_failures;
  CellsBy<Counter, kSuccessLabels> jwks_refreshes;
  DurationHistogram<kHttpRequestDurationBounds.size()> http_request_duration;

  void CountReload(bool is_success) {
    const auto outcome = is_success ? ReloadOutcome::kSuccess : ReloadOutcome::kFailure;
    config_reloads[LabelIndex(outcome)].Add();
    last_reload_failed.Set(is_success ? 0 : 1);
  }
  void ObserveHttpRequest(std::chrono::nanoseconds duration) {
    http_request_duration.Observe(kHttpRequestDurationBounds, duration);
  }
};

}  // namespace relay
