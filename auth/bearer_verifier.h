#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "auth/bearer_identity.h"
#include "auth/jwk_set.h"
#include "auth/signature_algorithm.h"
#include "protocol/base/time.h"

namespace auth {

// Whose bearer tokens are taken, and what they have to say.
struct IssuerRule {
  std::string issuer;         // exactly this one, or empty:
  std::string issuer_suffix;  // "https://", one label, ".", this, and nothing else
  std::string audience;
  std::vector<SignatureAlgorithm> algorithms;
  std::string tenant_claim;  // empty: the tenant is the first label of the issuer's host
  std::string mint_scope = "turn:credentials";
  std::string admin_scope = "turn:admin";

  friend bool operator==(const IssuerRule&, const IssuerRule&) = default;
};

// A token that nothing is wrong with but that nobody has yet looked at its signature: until then
// all of it may be made up.
struct UncheckedBearer {
  std::string compact;
  std::string issuer;
  std::optional<std::string> kid;
  SignatureAlgorithm algorithm;
  bool is_listed = false;  // the issuer is named itself, and not by a suffix
  BearerIdentity claimed;
};

// Judges bearer tokens: JWTs (RFC 7519) signed in JWS compact form, with the care of RFC 8725. It
// never follows what a token says about where its key is. Immutable; thread-safe.
class BearerVerifier {
 public:
  static constexpr std::size_t kMaxTokenBytes = 8 * 1024;
  static constexpr std::chrono::seconds kSkew{60};
  static constexpr std::size_t kMaxSubjectBytes = 256;

  explicit BearerVerifier(std::vector<IssuerRule> rules) : rules_(std::move(rules)) {}

  // Everything that needs no key, so that none is fetched for a token that is bad anyway. `token`
  // is any octets from the network.
  std::variant<UncheckedBearer, BearerError> Read(std::string_view token, base::WallTime now) const;

  // Whether tokens of this issuer are taken; whether it is named itself, and not by a suffix.
  bool IsKnown(std::string_view issuer) const { return FindRule(issuer) != nullptr; }
  bool IsListed(std::string_view issuer) const;

  // Whose it is, with the keys of its issuer, for which it may have waited.
  static std::variant<BearerIdentity, BearerError> Verify(const UncheckedBearer& bearer,
                                                          const JwkSet& keys, base::WallTime now);

 private:
  const IssuerRule* FindRule(std::string_view issuer) const;

  std::vector<IssuerRule> rules_;
};

}  // namespace auth
