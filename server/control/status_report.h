#pragma once

#include <array>
#include <chrono>
#include <optional>
#include <string>

#include "server/control/relay_control.h"

namespace relay {

// Everything that a status report says, at one moment.
struct StatusInput {
  std::string version;
  base::MonotonicTime now;
  std::optional<std::chrono::nanoseconds> drain_remaining;  // nullopt: not draining
  RelaySnapshot relay;
  std::vector<const ShardCounters*> shards;
};

// The sums over shards that a status report is made of.
struct StatusTotals {
  explicit StatusTotals(const std::vector<const ShardCounters*>& shards);

  std::array<CellsBy<std::int64_t, kFamilyLabels>, kTransportLabels.size()> allocations{};
  std::int64_t permissions = 0;
  std::int64_t channels = 0;
  CellsBy<std::int64_t, kTransportLabels> connections{};
  CellsBy<std::uint64_t, kOutcomeLabels> requests{};  // over all methods
  std::array<CellsBy<std::uint64_t, kPathLabels>, kDirectionLabels.size()> packets{};
  std::array<CellsBy<std::uint64_t, kPathLabels>, kDirectionLabels.size()> bytes{};
  CellsBy<std::uint64_t, kDropReasonLabels> drops{};
  std::uint64_t receive_drops = 0;

  std::int64_t AllAllocations() const;
};

// For a person. Rates are those since the report before this one, so a reporter is kept between
// reports.
class StatusReporter {
 public:
  std::string RenderText(const StatusInput& input);
  // For a program: one JSON object, with totals and no rates.
  std::string RenderJson(const StatusInput& input) const;

 private:
  struct Previous {
    base::MonotonicTime time;
    StatusTotals totals;
  };
  std::optional<Previous> previous_;
};

}  // namespace relay
