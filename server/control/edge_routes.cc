#include "server/control/edge_routes.h"

#include <string_view>

namespace relay {
namespace {

constexpr std::size_t kAmplification = 5;

std::size_t HeaderBytes(const HttpHeaders& headers) {
  std::size_t size = 0;
  for (const auto& [name, value] : headers) size += name.size() + value.size() + 4;  // ": \r\n"
  return size;
}

// At least as many octets as were sent; HTTP/1.1, and exactly one blank between words.
std::size_t RequestBytes(const HttpRequest& request) {
  constexpr std::size_t kRest = std::string_view("  HTTP/1.1\r\n\r\n").size();
  return request.method.size() + request.target.size() + kRest + HeaderBytes(request.headers) +
         request.body.size();
}

// At most as many octets as will be sent, with what the front adds.
std::size_t ResponseBytes(const HttpResponse& response) {
  constexpr std::size_t kFront = std::string_view(
                                     "HTTP/1.1 415 Unsupported Media Type\r\n"
                                     "Date: Thu, 26 Nov 2026 20:00:00 GMT\r\n"
                                     "Content-Length: 10000\r\n"
                                     "\r\n")
                                     .size();
  return kFront + HeaderBytes(response.headers) + response.body.size();
}

}  // namespace

HttpResponse AnswerEdge(const HttpRequest& request) {
  if (request.path() != "/livez") return {404, {}, {}};
  if (request.method != "GET" && request.method != "HEAD")
    return {405, {{"Allow", "GET, HEAD"}}, {}};
  return {200, {}, "ok\n"};
}

HttpResponse ShortenForStrangers(const HttpRequest& request, HttpResponse response) {
  constexpr int kFirstRefusal = 400;
  if (response.status < kFirstRefusal ||
      ResponseBytes(response) <= kAmplification * RequestBytes(request)) {
    return response;
  }
  response.body.clear();
  std::erase_if(response.headers, [](const auto& header) {
    return header.first == "Content-Type" || header.first == "Cache-Control";
  });
  if (ResponseBytes(response) <= kAmplification * RequestBytes(request)) return response;
  return {404, {}, {}};
}

}  // namespace relay
