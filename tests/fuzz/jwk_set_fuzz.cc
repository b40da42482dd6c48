#include <cstddef>
#include <cstdint>
#include <string_view>

#include "auth/https_url.h"
#include "auth/jwk_set.h"
#include "auth/oidc_discovery.h"
#include "protocol/base/check.h"

// Any octets as what an issuer serves: keys that come out of it are few and public, and where they
// are is under the suffix.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  if (const auto set = auth::JwkSet::Parse(text)) CHECK(set->size() <= auth::JwkSet::kMaxKeys);
  const auto uri = auth::ReadJwksUri(text, "https://a.id.example.com", auth::IssuerKind::kOfSuffix);
  if (!uri) return 0;
  const auto url = auth::ParseHttpsUrl(*uri);
  CHECK(url && url->port.empty() && url->host.ends_with("id.example.com"));
  return 0;
}
