#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "protocol/base/five_tuple.h"
#include "protocol/base/random.h"
#include "protocol/base/time.h"
#include "protocol/stun/error_code.h"
#include "protocol/stun/message_view.h"
#include "protocol/turn/allocation.h"
#include "protocol/turn/credential_source.h"
#include "protocol/turn/event.h"
#include "protocol/turn/nonce.h"
#include "protocol/turn/policy.h"

namespace turn {

// The value of PASSWORD-ALGORITHMS (RFC 8489 section 14.11): SHA-256 first, then MD5, neither with
// parameters.
inline constexpr std::array<std::uint8_t, 8> kOfferedPasswordAlgorithms = {0, 2, 0, 0, 0, 1, 0, 0};

// Who sent a request, proven by the long-term credential mechanism or by an access token.
struct AuthenticatedUser {
  Credential credential;
  // The response carries MESSAGE-INTEGRITY-SHA256; otherwise MESSAGE-INTEGRITY, as RFC 5389 clients
  // expect. With an access token, whichever the request carries.
  bool answer_with_sha256 = false;
};

struct AuthenticationRefusal {
  stun::ErrorCode code;  // 400, 401, 420 or 438
  AuthFailure reason;
  bool with_challenge;  // REALM and a fresh NONCE go along
};

// The long-term credential mechanism (RFC 8489 section 9.2.4) in the order of its steps, with
// access tokens (RFC 7635 section 7) and the dates of user names. It keeps nothing about clients:
// nonces prove themselves.
class Authenticator {
 public:
  // `random` must outlive the object.
  Authenticator(const NonceKey& nonce_key, base::MonotonicTime start, base::RandomSource& random);

  // A nonce that was issued to `also_of` is as good as one that was issued to the client.
  // `allocation` is the live one on the request's 5-tuple, or nullptr.
  std::variant<AuthenticatedUser, AuthenticationRefusal> Authenticate(
      const stun::MessageView& message, const base::FiveTuple& five_tuple,
      const Allocation* allocation, const Policy& policy, const CredentialSource& credentials,
      const base::Now& now, const std::optional<base::Endpoint>& also_of = std::nullopt);

  // A nonce that is valid from now on.
  std::string IssueNonce(const base::FiveTuple& five_tuple, const Policy& policy,
                         base::MonotonicTime now) const;

 private:
  struct Claim;  // what the request says about its sender

  // Fills `candidates_` with the credentials that the claimed name may stand for.
  void FindCandidates(const Claim& claim, const Allocation* allocation, const Policy& policy,
                      const CredentialSource& credentials);

  // The candidate is an access token: its key as some clients take it is as good.
  void AcceptShortenedKey();

  NonceIssuer nonces_;
  base::RandomSource& random_;
  std::vector<Credential> candidates_;  // kept for its memory
};

}  // namespace turn
