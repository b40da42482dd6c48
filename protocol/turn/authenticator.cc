#include "protocol/turn/authenticator.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <utility>

#include "protocol/base/crypto.h"
#include "protocol/stun/attributes.h"
#include "protocol/stun/integrity.h"

namespace turn {
namespace {

using stun::AttributeType;
using stun::ErrorCode;
using stun::PasswordAlgorithm;

constexpr std::size_t kMaxUsernameBytes = 763;  // RFC 8489 section 14.3
constexpr std::size_t kUserhashBytes = 32;      // section 14.4
constexpr std::size_t kMaxCandidates = 8;       // a name stands for one user, or one per secret

constexpr std::string_view kNonceCookie = "obMatJos2";

// Whether a nonce says that PASSWORD-ALGORITHMS went along with it (section 9.2). Only nonces of
// our own are judged by it: a foreign one is refused later, whatever it says.
bool OffersPasswordAlgorithms(std::string_view nonce) {
  if (!nonce.starts_with(kNonceCookie) || nonce.size() < kNonceCookie.size() + 4) return false;
  // The leftmost of the 24 bits is the upper half of the base64 alphabet.
  const char first = nonce[kNonceCookie.size()];
  return (first >= 'g' && first <= 'z') || (first >= '0' && first <= '9') || first == '+' ||
         first == '/';
}

NonceIssuer::Features FeaturesOf(const Policy& policy) {
  return {policy.password_algorithms, policy.username_anonymity};
}

bool VerifyIntegrity(const stun::MessageView& message, bool has_sha256, base::Bytes key) {
  return has_sha256 ? stun::VerifyMessageIntegritySha256(message, key)
                    : stun::VerifyMessageIntegrity(message, key);
}

// The work of a wrong password, for a user that does not exist (AUTH-12).
void VerifyAgainstNobody(const stun::MessageView& message, bool has_sha256,
                         PasswordAlgorithm algorithm) {
  static constexpr std::array<std::uint8_t, 32> kNobody{};
  const std::size_t key_bytes = algorithm == PasswordAlgorithm::kSha256 ? 32 : 16;
  const bool verified = VerifyIntegrity(message, has_sha256, base::Bytes(kNobody).first(key_bytes));
  static_cast<void>(verified);
}

bool IsDelete(const stun::MessageView& message) {
  if (message.method() != stun::Method::kRefresh) return false;
  const std::optional<stun::Attribute> lifetime = message.Find(AttributeType::kLifetime);
  return lifetime && stun::DecodeU32(lifetime->value) == 0u;
}

// Whether the time of the credential is over; that of an access token may also not have come yet.
bool IsOutOfTime(const Credential& credential, base::WallTime now) {
  if (credential.token) return credential.token->Remaining(now) <= base::WallTime::duration::zero();
  return credential.expires_at && *credential.expires_at <= now;
}

// Whether a user name whose date is past may still act: its owner may always end its allocation,
// and with grace also keep it for a while (clients fetch credentials once and then call for hours).
bool IsExcused(const stun::MessageView& message, const Credential& credential,
               const Allocation* allocation, const Policy& policy, base::WallTime now) {
  if (credential.token || message.method() == stun::Method::kAllocate) return false;
  if (allocation == nullptr || !allocation->BelongsTo(credential)) return false;
  if (IsDelete(message)) return true;
  if (credential.relays_only) return false;
  return policy.expired_refresh == Policy::ExpiredRefresh::kGrace &&
         now < *credential.expires_at + policy.expired_refresh_max;
}

}  // namespace

struct Authenticator::Claim {
  std::optional<stun::Attribute> username;
  std::optional<stun::Attribute> userhash;
  std::optional<stun::Attribute> token;  // only where tokens are taken
  std::string_view realm;
  PasswordAlgorithm algorithm = PasswordAlgorithm::kMd5;
};

Authenticator::Authenticator(const NonceKey& nonce_key, base::MonotonicTime start,
                             base::RandomSource& random)
    : nonces_(nonce_key, start), random_(random) {}

std::string Authenticator::IssueNonce(const base::FiveTuple& five_tuple, const Policy& policy,
                                      base::MonotonicTime now) const {
  return nonces_.Issue(five_tuple.client, FeaturesOf(policy), random_, now);
}

std::variant<AuthenticatedUser, AuthenticationRefusal> Authenticator::Authenticate(
    const stun::MessageView& message, const base::FiveTuple& five_tuple,
    const Allocation* allocation, const Policy& policy, const CredentialSource& credentials,
    const base::Now& now, const std::optional<base::Endpoint>& also_of) {
  using Refusal = AuthenticationRefusal;

  // Presence of integrity, then of what belongs to it.
  const bool has_sha256 = message.Has(AttributeType::kMessageIntegritySha256);
  if (!has_sha256 && !message.Has(AttributeType::kMessageIntegrity))
    return Refusal{ErrorCode::kUnauthenticated, AuthFailure::kMissing, true};

  Claim claim{
      message.Find(AttributeType::kUsername), message.Find(AttributeType::kUserhash), {}, {}};
  const std::optional<stun::Attribute> realm = message.Find(AttributeType::kRealm);
  const std::optional<stun::Attribute> nonce = message.Find(AttributeType::kNonce);
  if ((!claim.username && !claim.userhash) || !realm || !nonce)
    return Refusal{ErrorCode::kBadRequest, AuthFailure::kMalformed, false};
  if (claim.username && claim.username->value.size() > kMaxUsernameBytes)
    return Refusal{ErrorCode::kBadRequest, AuthFailure::kMalformed, false};
  const std::optional<stun::Attribute> token = message.Find(AttributeType::kAccessToken);
  const bool is_token_unexpected = token && credentials.token_server_name().empty();
  if (!is_token_unexpected) claim.token = token;
  claim.realm = base::AsText(realm->value);
  const std::string_view nonce_text = base::AsText(nonce->value);

  // Password algorithms: what was offered must come back unchanged (bid-down protection).
  bool answer_with_sha256 = false;
  if (OffersPasswordAlgorithms(nonce_text)) {
    const std::optional<stun::Attribute> offered = message.Find(AttributeType::kPasswordAlgorithms);
    const std::optional<stun::Attribute> chosen = message.Find(AttributeType::kPasswordAlgorithm);
    if (offered || chosen) {
      if (!offered || !chosen)
        return Refusal{ErrorCode::kBadRequest, AuthFailure::kMalformed, false};
      if (!std::ranges::equal(offered->value, kOfferedPasswordAlgorithms))
        return Refusal{ErrorCode::kBadRequest, AuthFailure::kBidDown, false};
      const std::optional<stun::PasswordAlgorithmEntry> entry =
          stun::DecodePasswordAlgorithm(chosen->value);
      if (!entry || !entry->parameters.empty() || entry->number == 0 || entry->number > 2)
        return Refusal{ErrorCode::kBadRequest, AuthFailure::kMalformed, false};
      claim.algorithm = static_cast<PasswordAlgorithm>(entry->number);
      answer_with_sha256 = true;
    }
  }

  // The user, and the integrity under that user's key. Who came with a token that was not asked for
  // hears that instead (RFC 7635 section 7).
  const auto refuse_identity = [&](AuthFailure reason) {
    return is_token_unexpected ? Refusal{ErrorCode::kUnknownAttribute, reason, false}
                               : Refusal{ErrorCode::kUnauthenticated, reason, true};
  };
  FindCandidates(claim, allocation, policy, credentials);
  if (candidates_.empty()) {
    VerifyAgainstNobody(message, has_sha256, claim.algorithm);
    return refuse_identity(claim.token ? AuthFailure::kBadToken : AuthFailure::kUnknownUser);
  }
  if (claim.token && !has_sha256) AcceptShortenedKey();
  const auto tried_end = candidates_.begin() +
                         static_cast<std::ptrdiff_t>(std::min(candidates_.size(), kMaxCandidates));
  const auto proven = std::find_if(candidates_.begin(), tried_end, [&](const Credential& each) {
    return VerifyIntegrity(message, has_sha256, each.key);
  });
  if (proven == tried_end) return refuse_identity(AuthFailure::kWrongIntegrity);
  if (proven->token) answer_with_sha256 = has_sha256;

  // The nonce.
  const auto is_fresh = [&](const base::Endpoint& client) {
    return nonces_.Check(nonce_text, client, FeaturesOf(policy), policy.nonce_lifetime,
                         now.monotonic) == NonceIssuer::Verdict::kFresh;
  };
  if (!is_fresh(five_tuple.client) && !(also_of && is_fresh(*also_of)))
    return Refusal{ErrorCode::kStaleNonce, AuthFailure::kStaleNonce, true};

  // The date that the user name or the token carries.
  if (IsOutOfTime(*proven, now.wall) && !IsExcused(message, *proven, allocation, policy, now.wall))
    return Refusal{ErrorCode::kUnauthenticated, AuthFailure::kExpired, true};

  return AuthenticatedUser{std::move(*proven), answer_with_sha256};
}

// RFC 7635 section 5 has the whole mac_key for a key. Clients made with coturn's library (4.6) sign
// MESSAGE-INTEGRITY with its first 16 octets, as many as keys made of passwords have.
void Authenticator::AcceptShortenedKey() {
  constexpr std::size_t kShortenedBytes = 16;
  Credential shortened = candidates_.front();
  if (shortened.key.size() <= kShortenedBytes) return;
  shortened.key.resize(kShortenedBytes);
  candidates_.push_back(std::move(shortened));
}

void Authenticator::FindCandidates(const Claim& claim, const Allocation* allocation,
                                   const Policy& policy, const CredentialSource& credentials) {
  candidates_.clear();
  if (claim.realm != policy.realm) return;

  if (claim.token) {
    if (!claim.username) return;
    auto credential =
        credentials.OpenAccessToken(base::AsText(claim.username->value), claim.token->value);
    if (credential) candidates_.push_back(*std::move(credential));
    return;
  }

  std::optional<base::Sha256Digest> userhash;
  if (claim.userhash) {
    if (claim.userhash->value.size() != kUserhashBytes) return;
    userhash.emplace();
    std::ranges::copy(claim.userhash->value, userhash->begin());
  }
  const auto hashes_to_claim = [&](std::string_view username) {
    return base::ConstantTimeEqual(stun::Userhash(username, policy.realm), *userhash);
  };

  if (claim.username) {
    const std::string_view username = base::AsText(claim.username->value);
    if (userhash && !hashes_to_claim(username)) return;
    // Tokens come with Allocate and Refresh only (RFC 7635 section 9); their keys stay in force.
    if (allocation != nullptr && allocation->token && allocation->token->username == username)
      candidates_.push_back(*allocation->token);
    credentials.FindByUsername(username, claim.algorithm, candidates_);
    return;
  }
  credentials.FindByUserhash(*userhash, claim.algorithm, candidates_);
  // Names that are made up by timestamp can only be found among those already seen.
  if (candidates_.empty() && allocation != nullptr && hashes_to_claim(allocation->username))
    credentials.FindByUsername(allocation->username, claim.algorithm, candidates_);
}

}  // namespace turn
