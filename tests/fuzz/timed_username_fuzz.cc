#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "auth/credential_issuer.h"
#include "auth/credential_verifier.h"
#include "auth/opaque_string.h"
#include "auth/subject_hash.h"
#include "auth/timed_credential.h"
#include "protocol/base/check.h"

namespace {

constexpr std::chrono::seconds kTtl{3600};
const base::WallTime kNow{std::chrono::seconds(1'795'000'000)};

bool LiesIn(std::string_view part, std::string_view whole) {
  return part.empty() ||
         (part.data() >= whole.data() && part.data() + part.size() <= whole.data() + whole.size());
}

// What a name says stands in it, in this order and form.
void CheckName(std::string_view name) {
  const auto parsed = auth::ParseTimedUsername(name);
  if (!parsed) return;
  CHECK(parsed->expires_at.time_since_epoch().count() >= 0);
  CHECK(!parsed->subject.empty() && LiesIn(parsed->subject, name));
  CHECK(parsed->tenant.empty() == parsed->kid.empty());
  CHECK(parsed->tenant.empty() == parsed->jti.empty());
  if (parsed->tenant.empty()) return;
  CHECK(LiesIn(parsed->tenant, name) && LiesIn(parsed->kid, name) && LiesIn(parsed->jti, name));
  CHECK(parsed->subject.starts_with(std::string(parsed->tenant) + "."));
  const std::string rest = std::string(parsed->kid) + "." + std::string(parsed->subject) + ":" +
                           std::string(parsed->jti);
  CHECK(name.ends_with(":" + rest));
}

// Nobody gets in by a name alone, and everybody who is found is charged to somebody.
void CheckVerifier(std::string_view name) {
  static const auth::CredentialVerifier verifier(
      "example.org", {},
      auth::KeyRing({{.id = "k1", .secret = "one"}, {.id = "k2", .secret = "two"}}));
  std::vector<turn::Credential> found;
  verifier.FindByUsername(name, stun::PasswordAlgorithm::kMd5, found);
  CHECK(found.size() <= 2);
  for (const turn::Credential& each : found) {
    CHECK(each.username == name && !each.subject.empty() && each.expires_at.has_value());
    CHECK(each.key.size() == 16);
    CHECK(auth::ParseTimedUsername(name).has_value());
  }
}

// A credential for a subject of any octets is one name, which says what went into it.
void CheckIssuer(std::string_view subject, std::string_view tenant) {
  static const auth::CredentialIssuer issuer({.id = "k1", .secret = "one"});
  if (const auto plain = issuer.Issue(subject, kTtl, kNow); plain.ok()) {
    const auto parsed = auth::ParseTimedUsername(plain.value().username);
    CHECK(parsed && parsed->expires_at == kNow + kTtl);
    CHECK(plain.value().username.size() <= 508);
    CHECK(auth::TimedPassword("one", plain.value().username) == plain.value().password);
  }
  const std::string hash = auth::SubjectHash("key", tenant, subject);
  CHECK(hash.size() == 22 && hash.find_first_of(".:") == std::string::npos);
  const auto made = issuer.Issue(auth::CredentialHolder{tenant, hash, "1795000000-x"}, kTtl, kNow);
  if (!made.ok()) return;
  const auto parsed = auth::ParseTimedUsername(made.value().username);
  CHECK(parsed && parsed->tenant == tenant && parsed->kid == "k1");
  CHECK(parsed->subject == std::string(tenant) + "." + hash && parsed->jti == "1795000000-x");
  CHECK(parsed->issued_at == kNow);
}

}  // namespace

// Any octets as a user name from the network, and, cut at the first newline, as the subject and the
// tenant that a bearer token named.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  CheckName(text);
  CheckVerifier(text);
  const std::size_t cut = std::min(text.find('\n'), size);
  CheckIssuer(text.substr(0, cut), cut == size ? "acme" : text.substr(cut + 1));
  if (const auto prepared = auth::PrepareOpaqueString(text); prepared.ok()) {
    CHECK(auth::IsValidUtf8(text) && auth::IsValidUtf8(prepared.value()));
    CHECK(auth::PrepareOpaqueString(prepared.value()).value() == prepared.value());
  }
  return 0;
}
