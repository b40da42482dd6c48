#include "server/control/credential_routes.h"

#include <strings.h>

#include <array>
#include <chrono>
#include <string>
#include <utility>

#include "protocol/base/crypto.h"
#include "server/control/cors.h"
#include "server/control/nodes_document.h"
#include "server/control/problem.h"
#include "server/control/rest_request.h"
#include "server/web/form.h"

namespace relay {
namespace {

constexpr std::size_t kMaxBodyBytes = 16 * 1024;
constexpr std::size_t kMaxLimitedKeys = 65536;  // of each kind
constexpr std::chrono::seconds kRetryLater{5};
constexpr std::string_view kUsernamePrefix = "/v1/credentials/";
constexpr std::string_view kUsernameSuffix = "/revoke";

bool EqualIgnoringCase(std::string_view one, std::string_view other) {
  return one.size() == other.size() && strncasecmp(one.data(), other.data(), one.size()) == 0;
}

// The token of "Bearer token" (RFC 6750 section 2.1); nullopt: there is none.
std::optional<std::string_view> BearerToken(const HttpRequest& request) {
  constexpr std::string_view kScheme = "Bearer ";
  const auto header = request.FindHeader("Authorization");
  if (!header || !EqualIgnoringCase(header->substr(0, kScheme.size()), kScheme)) {
    return std::nullopt;
  }
  const std::size_t begin = header->find_first_not_of(' ', kScheme.size());
  if (begin == header->npos) return std::nullopt;
  return header->substr(begin);
}

// The media type without its parameters; empty: none is named.
std::string_view MediaType(const HttpRequest& request) {
  const std::string_view header = request.FindHeader("Content-Type").value_or("");
  const std::string_view type = header.substr(0, header.find(';'));
  return type.substr(0, type.find_last_not_of(" \t") + 1);
}

bool HasBodyOf(const HttpRequest& request, std::string_view media_type) {
  return EqualIgnoringCase(MediaType(request), media_type);
}

// For the log; never for the client, who learns only that the token is not good.
std::string_view ReasonOf(auth::BearerError error) {
  constexpr std::array<std::string_view, auth::kBearerErrors> kReasons = {
      "malformed", "algorithm", "header",  "issuer",        "unknown_key",
      "signature", "audience",  "expired", "not_yet_valid", "keys_unavailable"};
  return kReasons[static_cast<std::size_t>(error)];
}

bool Allows(std::string_view methods, std::string_view method) {
  while (!methods.empty()) {
    const std::string_view one = methods.substr(0, methods.find(", "));
    if (one == method) return true;
    methods.remove_prefix(std::min(methods.size(), one.size() + 2));
  }
  return false;
}

HttpResponse Refuse(AuditLine& audit, std::string_view reason, HttpResponse response) {
  audit.reason = reason;
  return response;
}

}  // namespace

CredentialRoutes::CredentialRoutes(CredentialSettings settings, const Parts& parts)
    : parts_(parts),
      settings_(std::make_shared<const CredentialSettings>(std::move(settings))),
      subjects_(kMaxLimitedKeys),
      sources_(kMaxLimitedKeys),
      tenants_(kMaxLimitedKeys),
      alive_(std::make_shared<char>()) {}

void CredentialRoutes::SetSettings(CredentialSettings settings) {
  settings_ = std::make_shared<const CredentialSettings>(std::move(settings));
}

const CredentialRoutes::Route* CredentialRoutes::Find(std::string_view path) const {
  using Routes = CredentialRoutes;
  static constexpr Route kMint{"POST, OPTIONS", "mint", &Routes::HandleMint, true};
  static constexpr Route kRest{"GET, POST, OPTIONS", "rest", &Routes::HandleRest, true};
  static constexpr Route kRevocations{"POST, OPTIONS", "revoke", &Routes::HandleRevocations, false};
  static constexpr Route kRevokeUsername{"POST, OPTIONS", "revoke", &Routes::HandleRevokeUsername,
                                         false};
  static constexpr Route kNodes{"GET, OPTIONS", "nodes", &Routes::HandleNodes, false};
  if (path == "/v1/ice-servers") return &kMint;
  if (path == "/v1/revocations") return &kRevocations;
  if (path == "/v1/nodes") return &kNodes;
  if (path == "/" && !settings_->api_keys.empty()) return &kRest;
  const bool is_of_username = path.size() > kUsernamePrefix.size() + kUsernameSuffix.size() &&
                              path.starts_with(kUsernamePrefix) && path.ends_with(kUsernameSuffix);
  return is_of_username ? &kRevokeUsername : nullptr;
}

bool CredentialRoutes::Knows(std::string_view path) const { return Find(path) != nullptr; }

void CredentialRoutes::Answer(const HttpRequest& request, const HttpReply& reply) {
  const Route* const route = Find(request.path());
  auto exchange = std::make_shared<Exchange>();
  exchange->request = request;
  exchange->settings = settings_;
  exchange->audit.client = request.client.address;
  if (route != nullptr) exchange->audit.action = route->action;
  const bool is_preflight = request.method == "OPTIONS";
  const bool is_mint = route != nullptr && route->is_mint && !is_preflight;
  exchange->reply = [this, reply, is_mint, is_preflight,
                     weak = std::weak_ptr(exchange)](HttpResponse response) {
    const ExchangeHandle answered = weak.lock();
    if (is_mint) {
      parts_.counters.credentials_issued[IssueOutcomeIndex(response.status)].Add();
    }
    if (!is_preflight) {
      LogDecision(answered->audit, response.status);
      AddCorsHeaders(answered->request, answered->settings->allowed_origins, response);
    }
    reply(std::move(response));
  };
  if (route == nullptr) return exchange->reply(Problem(404));
  if (is_preflight) {
    return exchange->reply(AnswerOptions(request, settings_->allowed_origins, route->methods));
  }
  if (!Allows(route->methods, request.method)) {
    HttpResponse response = Problem(405);
    response.headers.emplace_back("Allow", route->methods);
    return exchange->reply(Refuse(exchange->audit, "method", std::move(response)));
  }
  if (request.body.size() > kMaxBodyBytes) {
    return exchange->reply(Refuse(exchange->audit, "too_large", Problem(413)));
  }
  // Before anything that costs: whoever guesses tokens or keys is slowed down as well.
  if (const auto delay = sources_.Take(SourceKey(request.client.address),
                                       settings_->mints_per_source, parts_.clock().monotonic)) {
    return exchange->reply(Refuse(exchange->audit, "source_rate", RetryProblem(429, *delay)));
  }
  (this->*route->handler)(exchange);
}

void CredentialRoutes::Authenticate(const ExchangeHandle& exchange,
                                    bool auth::BearerIdentity::*right,
                                    std::function<void(const auth::BearerIdentity&)> then) {
  const auto token = BearerToken(exchange->request);
  if (!token) return exchange->reply(Refuse(exchange->audit, "no_token", UnauthorizedProblem()));
  parts_.bearer.Check(*token, [exchange, right, then = std::move(then),
                               weak = std::weak_ptr(alive_)](const BearerCheck::Answer& answer) {
    if (weak.expired()) return;
    if (const auto* const error = std::get_if<auth::BearerError>(&answer)) {
      const bool is_ours = *error == auth::BearerError::kKeysUnavailable;
      return exchange->reply(
          Refuse(exchange->audit, ReasonOf(*error),
                 is_ours ? RetryProblem(503, kRetryLater, "the keys of the issuer cannot be had")
                         : UnauthorizedProblem("invalid_token")));
    }
    const auto& identity = std::get<auth::BearerIdentity>(answer);
    exchange->audit.issuer = identity.issuer;
    exchange->audit.tenant = identity.tenant;
    if (!(identity.*right)) {
      HttpResponse response = Problem(403, "the token has not the scope for this");
      response.headers.emplace_back("WWW-Authenticate", "Bearer error=\"insufficient_scope\"");
      return exchange->reply(Refuse(exchange->audit, "scope", std::move(response)));
    }
    then(identity);
  });
}

void CredentialRoutes::HandleMint(const ExchangeHandle& exchange) {
  Authenticate(exchange, &auth::BearerIdentity::may_mint,
               [this, exchange](const auth::BearerIdentity& holder) { MintFor(exchange, holder); });
}

void CredentialRoutes::MintFor(const ExchangeHandle& exchange, const auth::BearerIdentity& holder) {
  const HttpRequest& request = exchange->request;
  AuditLine& audit = exchange->audit;
  if (!request.body.empty() && !HasBodyOf(request, "application/json")) {
    return exchange->reply(
        Refuse(audit, "media_type", Problem(415, "the body has to be application/json")));
  }
  auto parsed = ParseMintRequest(request.body);
  if (const auto* const bad = std::get_if<BadBody>(&parsed)) {
    return exchange->reply(Refuse(audit, "body", Problem(422, bad->detail)));
  }
  const auto& wanted = std::get<MintRequest>(parsed);
  audit.custom_identifier = wanted.custom_identifier;
  const std::string jti = NewJti();
  exchange->reply(
      Issue(*exchange, wanted, {holder.tenant, holder.subject, jti, holder.expires_at}, false));
}

void CredentialRoutes::HandleRest(const ExchangeHandle& exchange) {
  const HttpRequest& request = exchange->request;
  AuditLine& audit = exchange->audit;
  if (!request.body.empty() && !HasBodyOf(request, "application/x-www-form-urlencoded")) {
    return exchange->reply(Refuse(
        audit, "media_type", Problem(415, "the body has to be application/x-www-form-urlencoded")));
  }
  const auto parsed = ParseRestRequest(request, exchange->settings->api_keys);
  if (std::holds_alternative<UnknownKey>(parsed)) {
    return exchange->reply(Refuse(audit, "api_key", UnauthorizedProblem()));
  }
  if (const auto* const bad = std::get_if<BadBody>(&parsed)) {
    return exchange->reply(Refuse(audit, "fields", Problem(422, bad->detail)));
  }
  const auto& wanted = std::get<RestRequest>(parsed);
  audit.tenant = wanted.tenant;
  const std::string jti = NewJti();
  // Applications that name nobody would otherwise be one user, with the quota of one.
  const std::string& subject = wanted.username.empty() ? jti : wanted.username;
  MintRequest mint;
  mint.ttl = wanted.ttl;
  exchange->reply(Issue(*exchange, mint, {wanted.tenant, subject, jti, {}}, true));
}

HttpResponse CredentialRoutes::Issue(Exchange& exchange, const MintRequest& request,
                                     const MintHolder& holder, bool is_rest) {
  const CredentialSettings& settings = *exchange.settings;
  const base::Now now = parts_.clock();
  AuditLine& audit = exchange.audit;
  const auto subject_key = std::string(holder.tenant) + '\0' + std::string(holder.subject);
  const auto digest = base::Sha256({base::AsBytes(subject_key)});
  if (const auto delay = tenants_.Take(holder.tenant, settings.mints_per_tenant, now.monotonic)) {
    return Refuse(audit, "tenant_rate", RetryProblem(429, *delay));
  }
  if (const auto delay =
          subjects_.Take(base::AsText(digest), settings.mints_per_subject, now.monotonic)) {
    return Refuse(audit, "subject_rate", RetryProblem(429, *delay));
  }
  const auto result = Mint(settings, parts_.fleet.nodes(), request, holder, now.wall);
  if (const auto* const failure = std::get_if<MintFailure>(&result)) {
    switch (*failure) {
      case MintFailure::kNoNode:
        return Refuse(audit, "no_node", RetryProblem(503, kRetryLater, "no relay can be had"));
      case MintFailure::kRegion:
        return Refuse(audit, "region", Problem(422, "no relay of this region can be had"));
      case MintFailure::kNoSecret:
        return Refuse(audit, "no_secret",
                      RetryProblem(503, kRetryLater, "no secret for the relays is configured"));
      case MintFailure::kRightOver:
        return Refuse(audit, "expired", UnauthorizedProblem("invalid_token"));
      case MintFailure::kHolder:
        return Refuse(audit, "tenant", Problem(403, "the tenant's name cannot be used"));
    }
  }
  const auto& minted = std::get<Minted>(result);
  audit.subject_hash = minted.subject_hash;
  audit.jti = holder.jti;
  audit.ttl_seconds = minted.ttl.count();
  audit.region = minted.region;
  if (is_rest) return JsonResponse(200, RestDocument(minted));
  return JsonResponse(201, IceServersDocument(minted, request.ice_transport_policy));
}

void CredentialRoutes::HandleRevocations(const ExchangeHandle& exchange) {
  Authenticate(
      exchange, &auth::BearerIdentity::may_administer,
      [this, exchange](const auth::BearerIdentity& administrator) {
        if (!HasBodyOf(exchange->request, "application/json")) {
          return exchange->reply(Refuse(exchange->audit, "media_type",
                                        Problem(415, "the body has to be application/json")));
        }
        Revoke(exchange, ParseRevocation(exchange->request.body, administrator, *exchange->settings,
                                         parts_.clock().wall));
      });
}

void CredentialRoutes::HandleRevokeUsername(const ExchangeHandle& exchange) {
  Authenticate(exchange, &auth::BearerIdentity::may_administer,
               [this, exchange](const auth::BearerIdentity& administrator) {
                 std::string_view username = exchange->request.path();
                 username.remove_prefix(kUsernamePrefix.size());
                 username.remove_suffix(kUsernameSuffix.size());
                 const auto decoded = PercentDecode(username, false);
                 Revoke(exchange, RevocationOfUsername(decoded.value_or(""), administrator,
                                                       *exchange->settings, parts_.clock().wall));
               });
}

void CredentialRoutes::Revoke(const ExchangeHandle& exchange, RevocationAnswer answer) {
  if (const auto* const bad = std::get_if<BadBody>(&answer)) {
    return exchange->reply(Refuse(exchange->audit, "body", Problem(422, bad->detail)));
  }
  if (std::holds_alternative<NotAllowed>(answer)) {
    return exchange->reply(
        Refuse(exchange->audit, "foreign",
               Problem(403,
                       "an administrator of one tenant revokes only what is the tenant's, "
                       "and single credentials by their user name")));
  }
  struct Progress {
    std::size_t left;
    bool has_failed = false;
  };
  const auto revocations = std::get<std::vector<auth::Revocation>>(std::move(answer));
  if (revocations.empty()) {  // of a subject, and nothing has been signed
    return exchange->reply(HttpResponse{204, {{"Cache-Control", "no-store"}}, {}});
  }
  const auto progress = std::make_shared<Progress>(Progress{revocations.size()});
  for (const auth::Revocation& revocation : revocations) {
    parts_.fleet.Revoke(revocation, [exchange, progress,
                                     weak = std::weak_ptr(alive_)](const base::Result<void>& done) {
      if (weak.expired()) return;
      progress->has_failed = progress->has_failed || !done.ok();
      if (--progress->left > 0) return;
      exchange->reply(progress->has_failed
                          ? Refuse(exchange->audit, "registry", RetryProblem(503, kRetryLater))
                          : HttpResponse{204, {{"Cache-Control", "no-store"}}, {}});
    });
  }
}

void CredentialRoutes::HandleNodes(const ExchangeHandle& exchange) {
  Authenticate(exchange, &auth::BearerIdentity::may_administer,
               [this, exchange](const auth::BearerIdentity&) {
                 exchange->reply(JsonResponse(200, NodesDocument(parts_.fleet.nodes())));
               });
}

// "seconds-random": with the time of issue in it, those that are issued after a revocation of their
// subject or tenant are good (auth/timed_credential.h).
std::string CredentialRoutes::NewJti() {
  std::array<std::uint8_t, 12> octets;
  parts_.random.Fill(octets);
  const auto now = std::chrono::floor<std::chrono::seconds>(parts_.clock().wall);
  return std::to_string(now.time_since_epoch().count()) + "-" + base::Base64UrlEncode(octets);
}

}  // namespace relay
