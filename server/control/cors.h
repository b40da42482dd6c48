#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/web/http_message.h"

namespace relay {

// Lets the pages of the allowed origins read the answer. Origins are compared octet by octet.
void AddCorsHeaders(const HttpRequest& request, const std::vector<std::string>& allowed_origins,
                    HttpResponse& response);

// 204 for OPTIONS, with what a page of an allowed origin may send (Fetch standard, "CORS
// protocol"). `methods` are those of the path: "POST, OPTIONS".
HttpResponse AnswerOptions(const HttpRequest& request,
                           const std::vector<std::string>& allowed_origins,
                           std::string_view methods);

}  // namespace relay
