#pragma once

#include "server/web/http_message.h"

namespace relay {

// The routes of edge listeners, which face the Internet: GET and HEAD /livez, and 404 for
// everything else, also for what the metrics listener has. Strangers get few words: with its
// headers no answer is longer than five times the shortest request that gets it.
HttpResponse AnswerEdge(const HttpRequest& request);

}  // namespace relay
