#include "server/control/metrics_routes.h"

#include "server/metrics/collector.h"

namespace relay {

HttpResponse AnswerMetrics(const RelayControl& relay, const ProcessCounters& process,
                           const NodeState& node) {
  const RelaySnapshot state = relay.ReadSnapshot();
  std::vector<MetricsSnapshot::Certificate> certificates;
  certificates.reserve(state.certificates.size());
  for (const RelaySnapshot::Certificate& certificate : state.certificates) {
    certificates.push_back({certificate.name, certificate.not_after});
  }
  MetricsSnapshot snapshot{.version = node.version,
                           .is_draining = node.is_draining,
                           .is_ready = node.is_ready,
                           .relay_ports_in_use = state.ports_in_use,
                           .relay_ports_limit = state.ports_limit,
                           .stale_issuers = node.stale_issuers,
                           .token_keys_fetched = node.token_keys_fetched,
                           .is_kernel_datapath_wanted = state.is_kernel_datapath_wanted,
                           .kernel_datapath_mode = state.kernel_datapath_mode,
                           .certificates = std::move(certificates),
                           .process = ReadProcessUsage()};
  if (const auto& fleet = node.fleet) {
    snapshot.fleet = {.registries_up = fleet->registries_up,
                      .nodes = fleet->nodes,
                      .revocations = fleet->revocations,
                      .revocations_pending = fleet->revocations_pending,
                      .revocations_ignored = fleet->revocations_ignored,
                      .usage_records_dropped = fleet->usage_records_dropped};
  }
  const std::vector<const ShardCounters*> shards = relay.counters();
  return {200, {{"Content-Type", kMetricsContentType}}, RenderMetrics({shards, process, snapshot})};
}

}  // namespace relay
