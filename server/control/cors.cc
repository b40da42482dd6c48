#include "server/control/cors.h"

#include <algorithm>

namespace relay {
namespace {

bool IsAllowed(const HttpRequest& request, const std::vector<std::string>& allowed_origins) {
  const auto origin = request.FindHeader("Origin");
  return origin && std::ranges::find(allowed_origins, *origin) != allowed_origins.end();
}

}  // namespace

void AddCorsHeaders(const HttpRequest& request, const std::vector<std::string>& allowed_origins,
                    HttpResponse& response) {
  if (!request.FindHeader("Origin") || allowed_origins.empty()) return;
  response.headers.emplace_back("Vary", "Origin");
  if (!IsAllowed(request, allowed_origins)) return;
  response.headers.emplace_back("Access-Control-Allow-Origin", *request.FindHeader("Origin"));
  response.headers.emplace_back("Access-Control-Expose-Headers", "Retry-After, WWW-Authenticate");
}

HttpResponse AnswerOptions(const HttpRequest& request,
                           const std::vector<std::string>& allowed_origins,
                           std::string_view methods) {
  HttpResponse response{204, {{"Allow", std::string(methods)}}, {}};
  if (request.FindHeader("Access-Control-Request-Method") && IsAllowed(request, allowed_origins)) {
    response.headers.emplace_back("Access-Control-Allow-Methods", methods);
    response.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type");
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  AddCorsHeaders(request, allowed_origins, response);
  return response;
}

}  // namespace relay
