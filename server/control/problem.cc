#include "server/control/problem.h"

#include <algorithm>

#include "server/log/log_text.h"

namespace relay {
namespace {

// The phrases of RFC 9110 and RFC 6585 for what the API answers.
std::string_view TitleOf(int status) {
  switch (status) {
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 413:
      return "Content Too Large";
    case 415:
      return "Unsupported Media Type";
    case 422:
      return "Unprocessable Content";
    case 429:
      return "Too Many Requests";
    default:
      return "Service Unavailable";
  }
}

}  // namespace

HttpResponse Problem(int status, std::string_view detail) {
  std::string body = "{\"status\":" + std::to_string(status) + ",\"title\":";
  AppendJsonString(body, TitleOf(status));
  if (!detail.empty()) {
    body += ",\"detail\":";
    AppendJsonString(body, detail);
  }
  return {status,
          {{"Content-Type", "application/problem+json"}, {"Cache-Control", "no-store"}},
          body + "}\n"};
}

HttpResponse RetryProblem(int status, std::chrono::nanoseconds delay, std::string_view detail) {
  HttpResponse response = Problem(status, detail);
  const auto seconds = std::max(std::chrono::ceil<std::chrono::seconds>(delay).count(),
                                std::chrono::seconds::rep{1});
  response.headers.emplace_back("Retry-After", std::to_string(seconds));
  return response;
}

HttpResponse UnauthorizedProblem(std::string_view error, std::string_view detail) {
  HttpResponse response = Problem(401, detail);
  std::string challenge = "Bearer";
  if (!error.empty()) challenge += " error=\"" + std::string(error) + "\"";
  response.headers.emplace_back("WWW-Authenticate", std::move(challenge));
  return response;
}

}  // namespace relay
