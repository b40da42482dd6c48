#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "auth/revocation_book.h"
#include "protocol/base/check.h"
#include "server/control/check_request.h"
#include "server/control/mint_request.h"
#include "server/control/rest_request.h"
#include "server/control/revocation_request.h"
#include "server/web/form.h"

namespace {

using relay::BadBody;
using relay::NotAllowed;

const base::WallTime kNow{std::chrono::seconds(1'795'000'000)};

relay::CredentialSettings Settings() {
  relay::CredentialSettings settings;
  settings.secrets = auth::KeyRing({{.id = "k1", .secret = "one"}, {.id = "k2", .secret = "two"}});
  settings.named_issuers = {"https://operator.example.org"};
  return settings;
}

auth::BearerIdentity Administrator(std::string issuer) {
  return {std::move(issuer), "root", "acme", false, true, kNow + std::chrono::hours(1)};
}

void CheckMint(std::string_view body) {
  const auto parsed = relay::ParseMintRequest(body);
  if (const auto* bad = std::get_if<BadBody>(&parsed)) {
    CHECK(!bad->detail.empty());
    return;
  }
  const auto& wanted = std::get<relay::MintRequest>(parsed);
  if (wanted.ttl) CHECK(wanted.ttl->count() >= 1 && wanted.ttl->count() <= UINT32_MAX);
  CHECK(wanted.custom_identifier.size() <= 64 && wanted.region.region.size() <= 64);
  CHECK(!wanted.region.is_required || !wanted.region.region.empty());
  CHECK(wanted.ice_transport_policy == "all" || wanted.ice_transport_policy == "relay");
}

// Whoever is no operator revokes nothing but what is his tenant's.
void CheckRevocations(const relay::RevocationAnswer& of_tenant,
                      const relay::RevocationAnswer& of_operator) {
  CHECK(!std::holds_alternative<NotAllowed>(of_operator));
  CHECK(std::holds_alternative<BadBody>(of_tenant) == std::holds_alternative<BadBody>(of_operator));
  const auto* made = std::get_if<std::vector<auth::Revocation>>(&of_tenant);
  if (made != nullptr) {
    CHECK(*made == std::get<std::vector<auth::Revocation>>(of_operator));
    for (const auth::Revocation& each : *made) {
      using Kind = auth::Revocation::Kind;
      CHECK(each.kind != Kind::kKid && each.kind != Kind::kJti);
      if (each.kind == Kind::kTenant) CHECK(each.value == "acme");
      if (each.kind == Kind::kSubject) CHECK(each.value.starts_with("acme."));
      if (each.kind == Kind::kUsername) CHECK(each.value.find(".acme.") != std::string::npos);
    }
  }
  if (const auto* all = std::get_if<std::vector<auth::Revocation>>(&of_operator)) {
    CHECK(!all->empty() && all->size() <= 2);
    for (const auth::Revocation& each : *all) {
      CHECK(!each.value.empty() && each.value.size() <= auth::RevocationBook::kMaxValueOctets);
      CHECK(each.revoked_at == kNow);
    }
  }
}

std::string PercentEncode(std::string_view text) {
  constexpr std::string_view kDigits = "0123456789ABCDEF";
  std::string out;
  for (const char each : text) {
    const auto octet = static_cast<unsigned char>(each);
    out += '%';
    out += kDigits[octet >> 4];
    out += kDigits[octet & 15];
  }
  return out;
}

// Fields that are written again are the same fields.
void CheckForm(std::string_view text) {
  const relay::FormFields fields = relay::ParseForm(text);
  std::string again;
  for (const auto& [name, value] : fields) {
    CHECK(!name.empty());
    again += PercentEncode(name) + "=" + PercentEncode(value) + "&";
  }
  CHECK(relay::ParseForm(again) == fields);
  CHECK(relay::PercentDecode(PercentEncode(text), false) == text);
}

void CheckRest(std::string_view text) {
  static const std::vector<relay::Config::ApiKey> keys = {{"wonder", "nextcloud"}, {"x", "jitsi"}};
  const std::size_t cut = std::min(text.find('\n'), text.size());
  relay::HttpRequest request;
  request.method = cut == text.size() ? "GET" : "POST";
  request.target = "/?" + std::string(text.substr(0, cut));
  if (cut != text.size()) request.body = text.substr(cut + 1);
  CHECK(request.path() == "/" || text.find('?') != std::string_view::npos);
  const auto parsed = relay::ParseRestRequest(request, keys);
  if (const auto* wanted = std::get_if<relay::RestRequest>(&parsed)) {
    CHECK(wanted->tenant == "nextcloud" || wanted->tenant == "jitsi");
    CHECK(wanted->username.size() <= 512);
    if (wanted->ttl) CHECK(wanted->ttl->count() >= 1);
  }
  CHECK(!std::holds_alternative<relay::RestRequest>(relay::ParseRestRequest(request, {})));
}

// The lines as headers of a request of the connectivity page.
void CheckHeaders(std::string_view text) {
  relay::HttpRequest request{.method = "POST", .target = "/check/x"};
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    const std::size_t colon = std::min(line.find(':'), line.size());
    request.headers.emplace_back(line.substr(0, colon),
                                 line.substr(std::min(line.size(), colon + 1)));
  }
  if (const auto host = relay::HostOf(request)) {
    CHECK(!host->name.empty() && host->authority.starts_with(host->name));
    CHECK(host->authority.find_first_of(" \t\r\n/@\"<>") == std::string::npos);
  }
  relay::IsFromOwnPage(request);
  relay::JudgeTlsClient(request);
  for (const relay::ProxyTrace& trace : relay::FindProxyTraces(request)) {
    CHECK(trace.value.size() <= 120);
    CHECK(std::ranges::all_of(trace.value, [](char each) { return each >= ' ' && each < 0x7f; }));
  }
}

}  // namespace

// Any octets as each of the bodies and queries that the credential API takes.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const relay::CredentialSettings settings = Settings();
  static const auth::BearerIdentity of_tenant = Administrator("https://acme.id.example.org");
  static const auth::BearerIdentity of_operator = Administrator("https://operator.example.org");
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckMint(text);
  CheckRevocations(relay::ParseRevocation(text, of_tenant, settings, kNow),
                   relay::ParseRevocation(text, of_operator, settings, kNow));
  CheckRevocations(relay::RevocationOfUsername(text, of_tenant, settings, kNow),
                   relay::RevocationOfUsername(text, of_operator, settings, kNow));
  CheckForm(text);
  CheckRest(text);
  CheckHeaders(text);
  return 0;
}
