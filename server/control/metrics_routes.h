#pragma once

#include <string>

#include "server/control/relay_control.h"
#include "server/metrics/process_counters.h"
#include "server/web/http_message.h"

namespace relay {

// GET /metrics: one scrape.
HttpResponse AnswerMetrics(const RelayControl& relay, const ProcessCounters& process,
                           const std::string& version, bool is_draining);

}  // namespace relay
