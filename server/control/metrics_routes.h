#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "protocol/base/time.h"
#include "server/control/relay_control.h"
#include "server/fleet/fleet.h"
#include "server/metrics/process_counters.h"
#include "server/web/http_message.h"

namespace relay {

// What the control plane knows of the node beside its relay.
struct NodeState {
  std::string version;
  bool is_draining = false;
  bool is_ready = true;
  std::size_t stale_issuers = 0;  // whose keys are used beyond their time
  std::optional<base::WallTime> token_keys_fetched = std::nullopt;
  std::optional<FleetStatus> fleet = std::nullopt;
};

// GET /metrics: one scrape.
HttpResponse AnswerMetrics(const RelayControl& relay, const ProcessCounters& process,
                           const NodeState& node);

}  // namespace relay
