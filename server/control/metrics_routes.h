#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "server/control/relay_control.h"
#include "server/fleet/fleet.h"
#include "server/metrics/process_counters.h"
#include "server/web/http_message.h"

namespace relay {

// GET /metrics: one scrape. `stale_issuers`: whose keys are used beyond their time.
HttpResponse AnswerMetrics(const RelayControl& relay, const ProcessCounters& process,
                           const std::string& version, bool is_draining, std::size_t stale_issuers,
                           const std::optional<FleetStatus>& fleet = std::nullopt);

}  // namespace relay
