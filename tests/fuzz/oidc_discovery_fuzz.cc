#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "auth/https_url.h"
#include "auth/oidc_discovery.h"
#include "protocol/base/check.h"

namespace {

constexpr std::string_view kIssuer = "https://a.id.example.com";

// What is the same however it is read: the parts of a URL make the URL.
void CheckUrl(std::string_view text) {
  const auto url = auth::ParseHttpsUrl(text);
  if (!url) return;
  CHECK(text.size() <= auth::kMaxUrlBytes && !url->host.empty());
  std::string again = std::string(auth::kHttps) + std::string(url->host);
  if (!url->port.empty()) again += ":" + std::string(url->port);
  again += url->path;
  CHECK(again == text);
  CHECK(url->host.find_first_of("@/\\%?# ") == std::string_view::npos);
}

}  // namespace

// Any octets as an issuer's discovery document: where its keys are is a plain https URL, and for an
// issuer of a suffix one beside it. The same octets are a URL as well.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckUrl(text);
  const auto listed = auth::ReadJwksUri(text, kIssuer, auth::IssuerKind::kListed);
  const auto of_suffix = auth::ReadJwksUri(text, kIssuer, auth::IssuerKind::kOfSuffix);
  if (listed) {
    CHECK(listed->starts_with(auth::kHttps) && listed->size() <= auth::kMaxUrlBytes);
    CHECK(listed->find_first_of(" \t\r\n") == std::string::npos);
    CheckUrl(*listed);
  }
  if (!of_suffix) return 0;
  CHECK(of_suffix == listed);
  const auto url = auth::ParseHttpsUrl(*of_suffix);
  CHECK(url && url->port.empty());
  CHECK(url->host == "id.example.com" || url->host.ends_with(".id.example.com"));
  // It is this issuer's document, and nobody else's.
  CHECK(!auth::ReadJwksUri(text, "https://b.id.example.com", auth::IssuerKind::kListed));
  return 0;
}
