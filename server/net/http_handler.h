#pragma once

#include <functional>

#include "server/web/http_message.h"

namespace relay {

// Who answers the HTTP requests that arrive at an edge listener. Called on a shard's thread; must
// not wait. `reply` is to be called once, on any thread, at any time while the shards live; the
// connection may be gone by then, which is nobody's problem.
using HttpReply = std::function<void(HttpResponse)>;
using HttpHandler = std::function<void(HttpRequest, HttpReply reply)>;

}  // namespace relay
