#include "server/metrics/fleet_metrics.h"

#include <string>

namespace relay {
namespace {

std::vector<Sample> Only(std::uint64_t value) { return {Sample{{}, static_cast<double>(value)}}; }

MetricRow Row(std::string_view name, MetricType type, std::string_view help, std::string_view hint,
              SnapshotReader reader) {
  return {.name = name,
          .type = type,
          .unit = "",
          .help = help,
          .hint = hint,
          .labels = {},
          .source = reader};
}

}  // namespace

std::vector<MetricRow> FleetRows() {
  MetricRow registries =
      Row("fleet_registry_up", MetricType::kGauge,
          "1 while a registry of the fleet answers, else 0; by its place in the configuration, "
          "one's own first. Absent for a node that is alone",
          "Calls go on without it, but nodes that come and revocations of others are not heard of.",
          [](const MetricsSnapshot& snapshot) {
            std::vector<Sample> samples;
            samples.reserve(snapshot.fleet.registries_up.size());
            for (const bool is_up : snapshot.fleet.registries_up)
              samples.push_back({{std::to_string(samples.size())}, is_up ? 1.0 : 0.0});
            return samples;
          });
  registries.labels = {{"registry", {}}};
  return {
      registries,
      Row("fleet_nodes", MetricType::kGauge,
          "Nodes of the fleet that have been heard of lately, this one included",
          "Fewer than there should be: a node is down, or cannot reach its registry.",
          [](const MetricsSnapshot& snapshot) { return Only(snapshot.fleet.nodes); }),
      Row("fleet_revocations", MetricType::kGauge, "Revocations in force",
          "Should be about the same on every node of a region.",
          [](const MetricsSnapshot& snapshot) { return Only(snapshot.fleet.revocations); }),
      Row("fleet_revocations_pending", MetricType::kGauge,
          "Revocations in force that some registry has not got yet",
          "Above 0 for longer than an outage of the registry: it refuses them, see /readyz.",
          [](const MetricsSnapshot& snapshot) { return Only(snapshot.fleet.revocations_pending); }),
      Row("fleet_revocations_ignored_total", MetricType::kCounter,
          "Entries of the feed that are no revocations, or that there was no room for",
          "Somebody else writes to the registry, or far too much is revoked.",
          [](const MetricsSnapshot& snapshot) { return Only(snapshot.fleet.revocations_ignored); }),
      Row("fleet_usage_records_dropped_total", MetricType::kCounter,
          "Usage records for billing that were lost because the registry was away for too long",
          "Each is a minute of a tenant on this node that will not be billed.",
          [](const MetricsSnapshot& snapshot) {
            return Only(snapshot.fleet.usage_records_dropped);
          }),
  };
}

}  // namespace relay
