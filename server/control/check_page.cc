#include "server/control/check_page.h"

#include <algorithm>
#include <boost/json.hpp>
#include <utility>

#include "auth/credential_issuer.h"
#include "auth/timed_credential.h"
#include "protocol/base/crypto.h"
#include "server/control/check_request.h"
#include "server/web/check_assets.h"
#include "server/web/qr_code.h"

namespace relay {
namespace {

namespace json = boost::json;

constexpr std::string_view kPath = "/check";
constexpr std::string_view kSessionPath = "/check/session";
constexpr std::string_view kRoomsPath = "/check/rooms";
// Everything comes from here, nothing is framed, nothing is submitted, no text becomes markup.
constexpr std::string_view kContentSecurityPolicy =
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'";

void Protect(HttpResponse& response) {
  response.headers.insert(
      response.headers.end(),
      {{"Content-Security-Policy", std::string(kContentSecurityPolicy)},
       {"X-Content-Type-Options", "nosniff"},
       {"Referrer-Policy", "no-referrer"},
       {"Cross-Origin-Opener-Policy", "same-origin"},
       {"Cross-Origin-Resource-Policy", "same-origin"},
       {"Permissions-Policy", "camera=(), microphone=(), geolocation=(), display-capture=()"}});
}

HttpResponse RetryLater(int status) {
  HttpResponse response = TextResponse(status, "too much at once; try again in a while\n");
  response.headers.emplace_back("Retry-After", "5");
  return response;
}

HttpResponse AnswerAsset(const HttpRequest& request, const CheckAsset& asset) {
  if (request.method != "GET" && request.method != "HEAD") return MethodNotAllowed("GET, HEAD");
  return {200,
          {{"Content-Type", std::string(asset.content_type)}, {"Cache-Control", "no-store"}},
          std::string(asset.content)};
}

// Another site's script is told nothing, and a form gets nowhere.
std::optional<HttpResponse> RefusePost(const HttpRequest& request) {
  if (request.method != "POST") return MethodNotAllowed("POST");
  if (!IsFromOwnPage(request)) return TextResponse(403, "only for the page itself\n");
  return std::nullopt;
}

void AppendWay(std::string_view id, std::string_view scheme, std::string_view host,
               std::optional<std::uint16_t> port, std::string_view transport, json::array& ways) {
  json::object way{{"id", id}};
  if (port) {
    way["url"] = std::string(scheme) + ":" + std::string(host) + ":" + std::to_string(*port) +
                 "?transport=" + std::string(transport);
    way["port"] = *port;
  }
  ways.push_back(std::move(way));
}

json::array RulesOf(const CheckPageSettings& settings) {
  json::array rules;
  for (const CheckPageSettings::Rule& rule : settings.rules) {
    rules.push_back({{"protocol", rule.protocol},
                     {"ports", rule.ports},
                     {"needed", rule.is_needed},
                     {"purpose", rule.purpose}});
  }
  return rules;
}

}  // namespace

CheckPage::CheckPage(base::RandomSource& random) : random_(random), rooms_(random) {
  random_.Fill(source_key_);
}

std::optional<HttpResponse> CheckPage::Answer(const HttpRequest& request,
                                              const CheckPageSettings& settings,
                                              const base::Now& now) {
  const std::string_view path = request.path();
  if (!settings.is_enabled || !path.starts_with(kPath)) return std::nullopt;
  const std::span<const CheckAsset> assets = CheckAssets();
  const auto asset = std::ranges::find(assets, path, &CheckAsset::path);
  const std::string room_prefix = std::string(kRoomsPath) + "/";
  const bool is_known = asset != assets.end() || path == kSessionPath || path == kRoomsPath ||
                        path.starts_with(room_prefix);
  if (!is_known) return std::nullopt;

  HttpResponse response;
  if (!requests_.Allow(request.client.address, kRequestRate, kRequestBurst, now.monotonic)) {
    response = RetryLater(429);
  } else if (asset != assets.end()) {
    response = AnswerAsset(request, *asset);
  } else if (path == kSessionPath) {
    response = OpenSession(request, settings, now);
  } else if (path == kRoomsPath) {
    response = OpenRoom(request, now.monotonic);
  } else {
    response = EnterRoom(request, path.substr(room_prefix.size()), now.monotonic);
  }
  Protect(response);
  return response;
}

HttpResponse CheckPage::OpenSession(const HttpRequest& request, const CheckPageSettings& settings,
                                    const base::Now& now) {
  if (auto refusal = RefusePost(request)) return *std::move(refusal);
  const std::optional<RequestHost> reached = HostOf(request);
  if (!reached) return TextResponse(400, "the Host header is none\n");
  if (!sessions_.Allow(request.client.address, kSessionRate, kSessionBurst, now.monotonic))
    return RetryLater(429);

  std::array<std::uint8_t, 12> jti;
  random_.Fill(jti);
  const auth::CredentialIssuer issuer(settings.secret);
  const auto issued = issuer.Issue(settings.secret.id + "." + SubjectOf(request.client.address) +
                                       ":" + base::Base64UrlEncode(jti),
                                   kCredentialLifetime, now.wall);
  if (!issued.ok()) return TextResponse(500, "no credentials can be made\n");

  const std::string& host = settings.host.empty() ? reached->name : settings.host;
  json::array ways;
  AppendWay("udp", "turn", host, settings.udp_port, "udp", ways);
  AppendWay("tcp", "turn", host, settings.tcp_port, "tcp", ways);
  AppendWay("tls", "turns", host, settings.tls_port, "tcp", ways);
  json::array stun;
  for (const std::uint16_t port : settings.stun_ports)
    stun.emplace_back("stun:" + host + ":" + std::to_string(port));
  json::array traces;
  for (const ProxyTrace& trace : FindProxyTraces(request))
    traces.push_back({{"name", trace.name}, {"value", trace.value}});
  const json::object body{{"username", issued.value().username},
                          {"credential", issued.value().password},
                          {"ttl", kCredentialLifetime.count()},
                          {"host", host},
                          {"ways", std::move(ways)},
                          {"stun", std::move(stun)},
                          {"client", request.client.address.ToString()},
                          {"proxyTraces", std::move(traces)},
                          {"tls", NameOf(JudgeTlsClient(request))},
                          {"rules", RulesOf(settings)},
                          {"destinations", json::value_from(settings.destinations)}};
  return JsonResponse(201, json::serialize(body));
}

HttpResponse CheckPage::OpenRoom(const HttpRequest& request, base::MonotonicTime now) {
  if (auto refusal = RefusePost(request)) return *std::move(refusal);
  const std::optional<RequestHost> reached = HostOf(request);
  if (!reached) return TextResponse(400, "the Host header is none\n");
  const auto seats = rooms_.Open(request.client.address, now);
  if (!seats) return RetryLater(503);
  const std::string link =
      "https://" + reached->authority + std::string(kPath) + "#join=" + seats->back();
  json::object body{{"seat", seats->front()},
                    {"link", link},
                    {"seconds", std::chrono::seconds(CheckRooms::kLifetime).count()}};
  if (const auto rows = EncodeQr(link)) body["qr"] = json::value_from(*rows);
  return JsonResponse(201, json::serialize(body));
}

HttpResponse CheckPage::EnterRoom(const HttpRequest& request, std::string_view seat,
                                  base::MonotonicTime now) {
  if (request.method == "GET") {
    const std::vector<std::string>* messages = rooms_.Read(seat, now);
    if (messages == nullptr) return TextResponse(404, "there is no such room, or no more\n");
    return JsonResponse(200, json::serialize(json::value_from(*messages)));
  }
  if (request.method != "POST") return MethodNotAllowed("GET, POST");
  if (auto refusal = RefusePost(request)) return *std::move(refusal);
  switch (rooms_.Post(seat, request.body, now)) {
    case CheckRooms::Posted::kDone:
      return {204, {{"Cache-Control", "no-store"}}, {}};
    case CheckRooms::Posted::kUnknown:
      return TextResponse(404, "there is no such room, or no more\n");
    case CheckRooms::Posted::kTooMuch:
      break;
  }
  return TextResponse(413, "too large, or too many\n");
}

// "~check.9f2c...": quotas are charged to a source, whose address the name does not tell.
std::string CheckPage::SubjectOf(const base::IpAddress& source) const {
  const std::string block = SourceOf(source).ToString();
  const auto digest = base::HmacSha256(source_key_, {base::AsBytes(block)});
  return std::string(auth::kTestersTenant) + "." + base::HexEncode(base::Bytes(digest).first(16));
}

}  // namespace relay
