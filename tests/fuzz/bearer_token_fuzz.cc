#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>

#include "auth/bearer_verifier.h"
#include "protocol/base/check.h"
#include "protocol/base/crypto.h"

namespace {

auth::BearerVerifier Verifier() {
  auth::IssuerRule rule;
  rule.issuer_suffix = "id.example.com";
  rule.audience = "turn";
  rule.algorithms = {auth::SignatureAlgorithm::kRs256, auth::SignatureAlgorithm::kPs256,
                     auth::SignatureAlgorithm::kEs256};
  return auth::BearerVerifier({rule});
}

// The point that the curve P-256 begins with: a key that nobody has signed with here.
const auth::JwkSet& Keys() {
  static const auth::JwkSet keys = *auth::JwkSet::Parse(
      R"({"keys":[{"kty":"EC","crv":"P-256","x":"axfR8uEsQkf4vOblY6RA8ncDfYEt6zOg9KE5RdiYwpY",)"
      R"("y":"T-NC4v4af5uO5-tKfA-eFivOM1drMV7Oy7ZAaDe_UfU"}]})");
  CHECK(keys.size() == 1);
  return keys;
}

void Check(std::string_view token) {
  static const auth::BearerVerifier verifier = Verifier();
  const base::WallTime now{std::chrono::seconds(1'790'000'000)};
  const auto read = verifier.Read(token, now);
  const auto* unchecked = std::get_if<auth::UncheckedBearer>(&read);
  if (unchecked == nullptr) return;
  CHECK(token.size() <= auth::BearerVerifier::kMaxTokenBytes);
  CHECK(verifier.IsKnown(unchecked->issuer));
  const auto verified = auth::BearerVerifier::Verify(*unchecked, Keys(), now);
  CHECK(std::holds_alternative<auth::BearerError>(verified));
}

}  // namespace

// Any octets as a bearer token, and, since no fuzzer finds base64, as the header, the claims and
// the signature of one: nothing gets in without a key.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  Check(text);
  const std::size_t first = text.find('\n');
  if (first == text.npos) return 0;
  const std::size_t second = text.find('\n', first + 1);
  const auto encode = [](std::string_view part) {
    return base::Base64UrlEncode(base::AsBytes(part));
  };
  const std::string_view signature = second == text.npos ? "" : text.substr(second + 1);
  Check(encode(text.substr(0, first)) + "." +
        encode(text.substr(first + 1, second == text.npos ? second : second - first - 1)) + "." +
        encode(signature));
  return 0;
}
