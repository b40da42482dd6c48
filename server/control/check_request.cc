#include "server/control/check_request.h"

#include <algorithm>
#include <array>

namespace relay {
namespace {

constexpr std::size_t kMaxHostBytes = 255;
constexpr std::size_t kMaxTraceBytes = 120;

constexpr std::array<std::string_view, 12> kProxyHeaders = {"Via",
                                                            "Forwarded",
                                                            "X-Forwarded-For",
                                                            "X-BlueCoat-Via",
                                                            "X-IMForwards",
                                                            "X-Proxy-ID",
                                                            "Proxy-Connection",
                                                            "X-Client-IP",
                                                            "Client-IP",
                                                            "X-Authenticated-User",
                                                            "X-Zscaler-Client",
                                                            "X-SWEB-Client"};

bool IsHostCharacter(char character) {
  return (character >= 'a' && character <= 'z') || (character >= 'A' && character <= 'Z') ||
         (character >= '0' && character <= '9') || character == '.' || character == '-' ||
         character == ':' || character == '[' || character == ']';
}

std::string Printable(std::string_view text) {
  std::string printable(text.substr(0, kMaxTraceBytes));
  for (char& character : printable) {
    if (character < ' ' || character > '~') character = '?';
  }
  return printable;
}

}  // namespace

std::optional<RequestHost> HostOf(const HttpRequest& request) {
  const auto host = request.FindHeader("Host");
  if (!host || host->empty() || host->size() > kMaxHostBytes ||
      !std::ranges::all_of(*host, IsHostCharacter))
    return std::nullopt;
  const std::size_t bracket = host->rfind(']');
  const std::size_t colon = host->rfind(':');
  const bool has_port = colon != host->npos && (bracket == host->npos || colon > bracket);
  RequestHost found{std::string(*host),
                    std::string(host->substr(0, has_port ? colon : host->npos))};
  if (found.name.empty()) return std::nullopt;
  return found;
}

bool IsFromOwnPage(const HttpRequest& request) {
  const auto site = request.FindHeader("Sec-Fetch-Site");
  if (site && *site != "same-origin") return false;
  const auto origin = request.FindHeader("Origin");
  const auto host = request.FindHeader("Host");
  if (origin && (!host || *origin != "https://" + std::string(*host))) return false;
  return site.has_value() || origin.has_value();
}

std::vector<ProxyTrace> FindProxyTraces(const HttpRequest& request) {
  std::vector<ProxyTrace> traces;
  for (const std::string_view name : kProxyHeaders) {
    if (const auto value = request.FindHeader(name))
      traces.push_back({std::string(name), Printable(*value)});
  }
  return traces;
}

TlsClient JudgeTlsClient(const HttpRequest& request) {
  const auto browser = request.FindHeader("User-Agent");
  if (!request.has_tls_grease || !browser) return TlsClient::kUnknown;
  // Those made of Chromium, and none but the well-known ones, all offer a reserved cipher suite
  // (RFC 8701). Libraries of proxies do not.
  if (browser->find("Chrome/") == browser->npos) return TlsClient::kUnknown;
  return *request.has_tls_grease ? TlsClient::kAsNamed : TlsClient::kSomeElse;
}

std::string_view NameOf(TlsClient client) {
  switch (client) {
    case TlsClient::kAsNamed:
      return "as-named";
    case TlsClient::kSomeElse:
      return "someone-else";
    case TlsClient::kUnknown:
      break;
  }
  return "unknown";
}

}  // namespace relay
