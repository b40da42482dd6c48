#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/base/ip_address.h"

// Requests and responses as values, so that a router can serve any front and a test needs no
// socket.
namespace relay {

using HttpHeaders = std::vector<std::pair<std::string, std::string>>;

struct HttpRequest {
  std::string method;  // "GET"
  std::string target;  // as sent: "/path?query"
  HttpHeaders headers;
  std::string body;
  base::Endpoint client;
  // Whether the ClientHello offered a reserved cipher suite (RFC 8701); nullopt: no TLS ended here.
  std::optional<bool> has_tls_grease = std::nullopt;

  // The target up to the query.
  std::string_view path() const;
  // The first header of that name, in any case; nullopt: none.
  std::optional<std::string_view> FindHeader(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  HttpHeaders headers;  // without Content-Length, Date and Connection, which the front adds
  std::string body;
};

// Takes the answer to a request, once. The thread that answers calls it.
using HttpReply = std::function<void(HttpResponse)>;

HttpResponse TextResponse(int status, std::string body);
HttpResponse JsonResponse(int status, std::string body);
// 405 with its Allow header, for example "GET, HEAD" (RFC 9110 section 15.5.6).
HttpResponse MethodNotAllowed(std::string allowed);

}  // namespace relay
