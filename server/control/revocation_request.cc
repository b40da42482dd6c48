#include "server/control/revocation_request.h"

#include <algorithm>
#include <boost/json.hpp>
#include <string>
#include <utility>

#include "auth/timed_credential.h"

namespace relay {
namespace {

namespace json = boost::json;
using Kind = auth::Revocation::Kind;

constexpr std::size_t kMaxUsernameOctets = 508;  // RFC 8489 section 14.3
constexpr std::size_t kMaxTextOctets = 512;

// Whether the administrator answers for every tenant, and not only for his own.
bool IsOfOperator(const auth::BearerIdentity& administrator, const CredentialSettings& settings) {
  return std::ranges::find(settings.named_issuers, administrator.issuer) !=
         settings.named_issuers.end();
}

struct Members {
  std::string subject;
  std::string tenant;
  std::string kid;
  std::string jti;
};

std::variant<Members, BadBody> ParseMembers(std::string_view body) {
  json::error_code error;
  const json::value document = json::parse({body.data(), body.size()}, error);
  const json::object* const object = error ? nullptr : document.if_object();
  if (object == nullptr) return BadBody{"the body is not a JSON object"};
  Members members;
  for (const auto& [key, value] : *object) {
    std::string* place = nullptr;
    if (key == "subject") place = &members.subject;
    if (key == "tenant") place = &members.tenant;
    if (key == "kid") place = &members.kid;
    if (key == "jti") place = &members.jti;
    const json::string* const text = value.if_string();
    if (place == nullptr) return BadBody{"there is a member other than subject, tenant, kid, jti"};
    if (text == nullptr || text->empty() || text->size() > kMaxTextOctets) {
      return BadBody{"a member is not a text of 1 to " + std::to_string(kMaxTextOctets) +
                     " octets"};
    }
    place->assign(text->data(), text->size());
  }
  const int whole = (members.subject.empty() ? 0 : 1) + (members.kid.empty() ? 0 : 1) +
                    (members.jti.empty() ? 0 : 1);
  if (whole > 1 || (whole == 0 && members.tenant.empty()) ||
      (!members.tenant.empty() && whole == 1 && members.subject.empty())) {
    return BadBody{"exactly one of subject, tenant, kid and jti is needed"};
  }
  return members;
}

}  // namespace

RevocationAnswer ParseRevocation(std::string_view body, const auth::BearerIdentity& administrator,
                                 const CredentialSettings& settings, base::WallTime now) {
  auto parsed = ParseMembers(body);
  if (auto* const bad = std::get_if<BadBody>(&parsed)) return std::move(*bad);
  const Members& members = std::get<Members>(parsed);
  const std::string& tenant = members.tenant.empty() ? administrator.tenant : members.tenant;
  const bool is_own = members.kid.empty() && members.jti.empty() && tenant == administrator.tenant;
  if (!is_own && !IsOfOperator(administrator, settings)) return NotAllowed{};

  const base::WallTime forget_at = now + settings.max_ttl + settings.refresh_grace;
  std::vector<auth::Revocation> revocations;
  const auto add = [&](Kind kind, std::string value) {
    auth::Revocation made{kind, std::move(value), now, forget_at};
    if (std::ranges::find(revocations, made) == revocations.end()) {
      revocations.push_back(std::move(made));
    }
  };
  if (!members.kid.empty()) add(Kind::kKid, members.kid);
  if (!members.jti.empty()) add(Kind::kJti, members.jti);
  if (members.subject.empty() && !members.tenant.empty()) add(Kind::kTenant, members.tenant);
  if (!members.subject.empty()) {
    for (const auth::SharedSecret& secret : settings.secrets.secrets()) {
      add(Kind::kSubject, tenant + "." + settings.SubjectHash(secret, tenant, members.subject));
    }
  }
  return revocations;
}

RevocationAnswer RevocationOfUsername(std::string_view username,
                                      const auth::BearerIdentity& administrator,
                                      const CredentialSettings& settings, base::WallTime now) {
  const auto parsed = auth::ParseTimedUsername(username);
  if (!parsed || username.size() > kMaxUsernameOctets) {
    return BadBody{"this is not the user name of a credential"};
  }
  if (parsed->tenant != administrator.tenant && !IsOfOperator(administrator, settings)) {
    return NotAllowed{};
  }
  const base::WallTime expires_at =
      std::min(parsed->expires_at, base::WallTime::max() - settings.refresh_grace);
  return std::vector<auth::Revocation>{
      {Kind::kUsername, std::string(username), now, expires_at + settings.refresh_grace}};
}

}  // namespace relay
