#include "auth/oidc_discovery.h"

#include <algorithm>

#include "auth/https_url.h"
#include "auth/strict_json.h"

namespace auth {
namespace {

bool IsPlainHttpsUrl(std::string_view url) {
  return url.starts_with(kHttps) && url.size() > kHttps.size() && url.size() <= kMaxUrlBytes &&
         std::ranges::all_of(url, [](char c) { return c > ' ' && c < '\x7f'; });
}

// Whether the URL is on port 443 of a host under the domain that the issuer is a label of.
bool IsBesideIssuer(std::string_view url, std::string_view issuer) {
  const auto keys = ParseHttpsUrl(url);
  const auto own = ParseHttpsUrl(issuer);
  if (!keys || !own || !keys->port.empty()) return false;
  const std::size_t dot = own->host.find('.');
  if (dot == std::string_view::npos || !keys->host.ends_with(own->host.substr(dot + 1)))
    return false;
  const std::size_t before = keys->host.size() - (own->host.size() - dot - 1);
  return before == 0 || keys->host[before - 1] == '.';
}

}  // namespace

std::string DiscoveryUrl(std::string_view issuer) {
  if (issuer.ends_with('/')) issuer.remove_suffix(1);
  return std::string(issuer) + "/.well-known/openid-configuration";
}

std::optional<std::string> ReadJwksUri(std::string_view document, std::string_view issuer,
                                       IssuerKind kind) {
  const auto object = ParseStrictObject(document);
  if (!object) return std::nullopt;
  const auto* named = FindText(*object, "issuer");
  const auto* uri = FindText(*object, "jwks_uri");
  if (named == nullptr || std::string_view(*named) != issuer || uri == nullptr ||
      !IsPlainHttpsUrl(*uri)) {
    return std::nullopt;
  }
  if (kind == IssuerKind::kOfSuffix && !IsBesideIssuer(*uri, issuer)) return std::nullopt;
  return std::string(*uri);
}

}  // namespace auth
