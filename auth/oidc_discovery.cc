#include "auth/oidc_discovery.h"

#include <algorithm>

#include "auth/strict_json.h"

namespace auth {
namespace {

constexpr std::string_view kHttps = "https://";
constexpr std::size_t kMaxUrlBytes = 2048;

bool IsPlainHttpsUrl(std::string_view url) {
  return url.starts_with(kHttps) && url.size() > kHttps.size() && url.size() <= kMaxUrlBytes &&
         std::ranges::all_of(url, [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

std::string DiscoveryUrl(std::string_view issuer) {
  if (issuer.ends_with('/')) issuer.remove_suffix(1);
  return std::string(issuer) + "/.well-known/openid-configuration";
}

std::optional<std::string> ReadJwksUri(std::string_view document, std::string_view issuer) {
  const auto object = ParseStrictObject(document);
  if (!object) return std::nullopt;
  const auto* named = FindText(*object, "issuer");
  const auto* uri = FindText(*object, "jwks_uri");
  if (named == nullptr || std::string_view(*named) != issuer || uri == nullptr ||
      !IsPlainHttpsUrl(*uri)) {
    return std::nullopt;
  }
  return std::string(*uri);
}

}  // namespace auth
