#include "auth/bearer_verifier.h"

#include <algorithm>
#include <boost/json.hpp>
#include <cmath>
#include <set>

#include "auth/compact_jws.h"
#include "auth/https_url.h"
#include "auth/strict_json.h"
#include "protocol/base/crypto.h"

namespace auth {
namespace {

namespace json = boost::json;
using std::chrono::seconds;

constexpr double kMaxTime = 253402300799.0;  // the end of the year 9999
// A system_clock counts nanoseconds in 64 bits, which end in the year 2262; with room for the skew.
constexpr seconds kLastSecond =
    std::chrono::duration_cast<seconds>(base::WallTime::max().time_since_epoch()) -
    2 * BearerVerifier::kSkew;

// One part of a CompactJws as the object that it encodes.
std::optional<json::object> DecodePart(std::string_view part) {
  const auto octets = DecodeBase64Url(part);
  if (!octets) return std::nullopt;
  return ParseStrictObject(base::AsText(*octets));
}

// nullopt: it is not of this suffix.
std::optional<std::string_view> LabelBefore(std::string_view issuer, std::string_view suffix) {
  if (!issuer.starts_with(kHttps)) return std::nullopt;
  issuer.remove_prefix(kHttps.size());
  if (issuer.size() <= suffix.size() + 1 || !issuer.ends_with(suffix)) return std::nullopt;
  issuer.remove_suffix(suffix.size());
  if (issuer.back() != '.') return std::nullopt;
  issuer.remove_suffix(1);
  if (!IsHostLabel(issuer)) return std::nullopt;
  return issuer;
}

// The first label of the issuer's host.
std::string_view HostLabel(std::string_view issuer) {
  if (issuer.starts_with(kHttps)) issuer.remove_prefix(kHttps.size());
  return issuer.substr(0, issuer.find_first_of(".:/"));
}

// RFC 7519 section 4.1.3: one text or a list of them.
bool NamesAudience(const json::value* claim, std::string_view audience) {
  if (claim == nullptr) return false;
  const json::value wanted(audience);
  if (claim->is_string()) return *claim == wanted;
  const json::array* list = claim->if_array();
  return list != nullptr && std::ranges::find(*list, wanted) != list->end();
}

enum class Presence : std::uint8_t { kMissing, kGood, kBad };

// A NumericDate (RFC 7519 section 2): seconds, with or without a fraction. What a clock does not
// reach is as far as it reaches.
Presence ReadTime(const json::object& claims, std::string_view name, base::WallTime& out) {
  const json::value* value = claims.if_contains(name);
  if (value == nullptr) return Presence::kMissing;
  if (!value->is_number()) return Presence::kBad;
  const double number = value->to_number<double>();
  if (!std::isfinite(number) || number < 0 || number > kMaxTime) return Presence::kBad;
  out = base::WallTime(std::min(seconds(static_cast<std::int64_t>(number)), kLastSecond));
  return Presence::kGood;
}

std::set<std::string, std::less<>> ScopesOf(const json::object& claims) {
  std::set<std::string, std::less<>> scopes;
  const auto add_words = [&](std::string_view text) {
    while (!text.empty()) {
      const std::size_t end = std::min(text.find(' '), text.size());
      if (end > 0) scopes.emplace(text.substr(0, end));
      text.remove_prefix(std::min(end + 1, text.size()));
    }
  };
  for (const char* name : {"scope", "scp"}) {
    const json::value* value = claims.if_contains(name);
    if (value == nullptr) continue;
    if (value->is_string()) add_words(value->as_string());
    if (!value->is_array()) continue;
    for (const json::value& one : value->as_array()) {
      if (one.is_string()) scopes.emplace(one.as_string());
    }
  }
  return scopes;
}

// nullopt: there is none that a user name could hold, or claim and issuer disagree.
std::optional<std::string> TenantOf(const IssuerRule& rule, std::string_view issuer,
                                    const json::object& claims) {
  std::string_view tenant = HostLabel(issuer);
  if (!rule.tenant_claim.empty()) {
    const json::string* claim = FindText(claims, rule.tenant_claim);
    if (claim == nullptr) return std::nullopt;
    if (!rule.issuer_suffix.empty() && tenant != std::string_view(*claim)) return std::nullopt;
    tenant = *claim;
  }
  if (!IsHostLabel(tenant)) return std::nullopt;
  return std::string(tenant);
}

// What the claims say of their holder, as far as the rule of their issuer and the time allow it.
std::variant<BearerIdentity, BearerError> ReadClaims(const IssuerRule& rule,
                                                     const std::string& issuer,
                                                     const json::object& claims,
                                                     base::WallTime now) {
  if (!NamesAudience(claims.if_contains("aud"), rule.audience)) return BearerError::kAudience;

  base::WallTime expires_at;
  base::WallTime not_before;
  base::WallTime issued_at;
  const Presence expiry = ReadTime(claims, "exp", expires_at);
  const Presence beginning = ReadTime(claims, "nbf", not_before);
  const Presence issuing = ReadTime(claims, "iat", issued_at);
  if (expiry != Presence::kGood || beginning == Presence::kBad || issuing == Presence::kBad)
    return BearerError::kMalformed;
  if (expires_at + BearerVerifier::kSkew <= now) return BearerError::kExpired;
  if ((beginning == Presence::kGood && not_before > now + BearerVerifier::kSkew) ||
      (issuing == Presence::kGood && issued_at > now + BearerVerifier::kSkew)) {
    return BearerError::kNotYetValid;
  }

  const json::string* subject = FindText(claims, "sub");
  auto tenant = TenantOf(rule, issuer, claims);
  if (subject == nullptr || subject->empty() ||
      subject->size() > BearerVerifier::kMaxSubjectBytes || !tenant) {
    return BearerError::kMalformed;
  }
  const auto scopes = ScopesOf(claims);
  return BearerIdentity{issuer,
                        std::string(*subject),
                        *std::move(tenant),
                        scopes.contains(rule.mint_scope),
                        scopes.contains(rule.admin_scope),
                        expires_at};
}

}  // namespace

const IssuerRule* BearerVerifier::FindRule(std::string_view issuer) const {
  const auto exact = std::ranges::find_if(rules_, [&](const IssuerRule& rule) {
    return !rule.issuer.empty() && rule.issuer == issuer;
  });
  if (exact != rules_.end()) return &*exact;
  const auto suffixed = std::ranges::find_if(rules_, [&](const IssuerRule& rule) {
    return !rule.issuer_suffix.empty() && LabelBefore(issuer, rule.issuer_suffix);
  });
  return suffixed == rules_.end() ? nullptr : &*suffixed;
}

bool BearerVerifier::IsListed(std::string_view issuer) const {
  const IssuerRule* rule = FindRule(issuer);
  return rule != nullptr && !rule->issuer.empty();
}

std::variant<UncheckedBearer, BearerError> BearerVerifier::Read(std::string_view token,
                                                                base::WallTime now) const {
  const auto parts = token.size() > kMaxTokenBytes ? std::nullopt : SplitCompactJws(token);
  const auto header = parts ? DecodePart(parts->header) : std::nullopt;
  const auto claims = parts ? DecodePart(parts->payload) : std::nullopt;
  if (!header || !claims) return BearerError::kMalformed;

  // RFC 8725 sections 3.1, 3.10 and 3.11; no extension is understood, so none may be critical.
  for (const char* name : {"jku", "jwk", "x5u", "x5c", "crit", "b64", "zip"}) {
    if (header->contains(name)) return BearerError::kHeader;
  }
  const json::string* algorithm = FindText(*header, "alg");
  const json::string* issuer = FindText(*claims, "iss");
  if (algorithm == nullptr || issuer == nullptr) return BearerError::kMalformed;
  UncheckedBearer bearer{std::string(token), std::string(*issuer), std::nullopt, {}, false, {}};
  if (const json::value* kid = header->if_contains("kid")) {
    if (!kid->is_string()) return BearerError::kMalformed;
    bearer.kid = std::string(kid->as_string());
  }
  const IssuerRule* rule = FindRule(bearer.issuer);
  if (rule == nullptr) return BearerError::kIssuer;
  const auto named = ParseSignatureAlgorithm(std::string_view(*algorithm));
  if (!named || std::ranges::find(rule->algorithms, *named) == rule->algorithms.end())
    return BearerError::kAlgorithm;
  bearer.algorithm = *named;
  bearer.is_listed = !rule->issuer.empty();
  auto claimed = ReadClaims(*rule, bearer.issuer, *claims, now);
  if (const auto* error = std::get_if<BearerError>(&claimed)) return *error;
  bearer.claimed = std::get<BearerIdentity>(std::move(claimed));
  return bearer;
}

std::variant<BearerIdentity, BearerError> BearerVerifier::Verify(const UncheckedBearer& bearer,
                                                                 const JwkSet& keys,
                                                                 base::WallTime now) {
  const std::optional<std::string_view> kid = bearer.kid;
  if (!keys.HasKeyFor(kid, bearer.algorithm)) {
    return kid && keys.HasKid(*kid) ? BearerError::kAlgorithm : BearerError::kUnknownKey;
  }
  if (!keys.IsSignedBy(kid, bearer.algorithm, bearer.compact)) return BearerError::kSignature;
  if (bearer.claimed.expires_at + kSkew <= now) return BearerError::kExpired;
  return bearer.claimed;
}

}  // namespace auth
