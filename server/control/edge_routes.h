#pragma once

#include "server/web/http_message.h"

namespace relay {

// The routes of edge listeners, which face the Internet, besides those of the credential API: GET
// and HEAD /livez, and 404 for everything else, also for what the metrics listener has. Strangers
// get few words: with its headers no answer is longer than five times the shortest request that
// gets it.
HttpResponse AnswerEdge(const HttpRequest& request);

// A refusal as it may leave an edge listener: if it would be longer than five times the request,
// without its body and what else a client can do without, and if that is not enough, a bare 404.
HttpResponse ShortenForStrangers(const HttpRequest& request, HttpResponse response);

}  // namespace relay
