#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/web/http_message.h"

// What a request of the connectivity page says about where it comes from and what it came through.
namespace relay {

// The Host header, if it is one.
struct RequestHost {
  std::string authority;  // "turn.example.org:8443"
  std::string name;       // without the port; an IPv6 address in brackets
};
std::optional<RequestHost> HostOf(const HttpRequest& request);

// Whether a browser says that a page of this very origin asks. What is no browser may say so, too,
// but then nobody's browser was misused.
bool IsFromOwnPage(const HttpRequest& request);

// A header that browsers do not send and proxies add, made of printable ASCII.
struct ProxyTrace {
  std::string name;
  std::string value;  // at most 120 octets
};
// Where there is one, somebody between reads what TLS should keep to itself, or stands in front of
// this server as its reverse proxy.
std::vector<ProxyTrace> FindProxyTraces(const HttpRequest& request);

// Whether the one that speaks TLS with this server is the browser that the User-Agent header names.
enum class TlsClient : std::uint8_t {
  kAsNamed,   // nothing speaks against it
  kSomeElse,  // its ClientHello is none of such a browser
  kUnknown,   // a browser of which nothing is known, or TLS ended in front of this server
};
TlsClient JudgeTlsClient(const HttpRequest& request);
// "as-named", "someone-else", "unknown".
std::string_view NameOf(TlsClient client);

}  // namespace relay
