#pragma once

#include <string>

#include "server/control/relay_control.h"
#include "server/http/http_message.h"
#include "server/metrics/process_counters.h"

namespace relay {

// GET /metrics: one scrape.
HttpResponse AnswerMetrics(const RelayControl& relay, const ProcessCounters& process,
                           const std::string& version, bool is_draining);

}  // namespace relay
