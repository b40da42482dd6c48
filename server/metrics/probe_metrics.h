#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

// What `doctor --watch` exports of the ways to servers that it relays by: a table of its own, as it
// is a process of its own.
namespace relay {

enum class ProbeOutcome : std::uint8_t { kSuccess, kLoss, kFailure };
inline constexpr std::array<std::string_view, 3> kProbeOutcomeLabels{"success", "loss", "failure"};

// One way, as its last probe found it.
struct ProbeSeries {
  std::string node;
  std::string transport;
  bool is_up = false;
  double loss_ratio = 0;
  // nullopt: no packet came back.
  std::optional<double> round_trip_seconds;
  std::optional<double> jitter_seconds;
  std::array<std::uint64_t, kProbeOutcomeLabels.size()> runs{};
};

struct ProbeMetricRow {
  std::string_view name;  // without the prefix
  std::string_view type;  // "gauge" or "counter"
  std::string_view unit;  // "" for a plain number
  std::string_view help;
  std::string_view hint;  // what it tells an operator
};
inline constexpr std::size_t kProbeMetrics = 5;
const std::array<ProbeMetricRow, kProbeMetrics>& ProbeMetricCatalog();

// In Prometheus' text format.
std::string RenderProbeMetrics(const std::vector<ProbeSeries>& ways);

}  // namespace relay
