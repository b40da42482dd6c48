#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "server/web/http_message.h"

namespace relay {

// A refusal as RFC 9457 has it: application/problem+json with status, title and, where there is
// something to say, detail. Never stored by anybody on the way.
HttpResponse Problem(int status, std::string_view detail = {});

// The same with Retry-After, in whole seconds, at least one.
HttpResponse RetryProblem(int status, std::chrono::nanoseconds delay, std::string_view detail = {});

// 401 with WWW-Authenticate (RFC 6750 section 3): without an error for those who sent no token.
HttpResponse UnauthorizedProblem(std::string_view error = {}, std::string_view detail = {});

}  // namespace relay
