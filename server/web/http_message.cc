#include "server/web/http_message.h"

#include <strings.h>

#include <algorithm>

namespace relay {

std::string_view HttpRequest::path() const {
  return std::string_view(target).substr(0, target.find_first_of("?#"));
}

std::optional<std::string_view> HttpRequest::FindHeader(std::string_view name) const {
  for (const auto& [key, value] : headers) {
    if (key.size() == name.size() && strncasecmp(key.data(), name.data(), name.size()) == 0)
      return value;
  }
  return std::nullopt;
}

HttpResponse TextResponse(int status, std::string body) {
  return {status,
          {{"Content-Type", "text/plain; charset=utf-8"}, {"Cache-Control", "no-store"}},
          std::move(body)};
}

HttpResponse JsonResponse(int status, std::string body) {
  return {status,
          {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}},
          std::move(body)};
}

HttpResponse MethodNotAllowed(std::string allowed) {
  HttpResponse response = TextResponse(405, "method not allowed\n");
  response.headers.emplace_back("Allow", std::move(allowed));
  return response;
}

}  // namespace relay
