#include "auth/credential_verifier.h"

#include <algorithm>
#include <utility>

#include "auth/timed_credential.h"
#include "protocol/stun/integrity.h"

namespace auth {
namespace {

constexpr std::size_t kMaxUsernameOctets = 763;  // RFC 5389 section 15.3; RFC 8489 has 508

template <typename Digest>
std::vector<std::uint8_t> ToVector(const Digest& digest) {
  return {digest.begin(), digest.end()};
}

void AppendStatic(const StaticUser& user, stun::PasswordAlgorithm algorithm,
                  std::vector<turn::Credential>& out) {
  turn::Credential credential{user.username, user.username, "", {}, std::nullopt};
  switch (algorithm) {
    case stun::PasswordAlgorithm::kMd5:
      if (!user.md5_key) return;
      credential.key = ToVector(*user.md5_key);
      break;
    case stun::PasswordAlgorithm::kSha256:
      if (!user.sha256_key) return;
      credential.key = ToVector(*user.sha256_key);
      break;
  }
  out.push_back(std::move(credential));
}

}  // namespace

CredentialVerifier::CredentialVerifier(std::string realm, const std::vector<StaticUser>& users,
                                       KeyRing key_ring, AccessTokenSettings access_tokens)
    : realm_(std::move(realm)),
      key_ring_(std::move(key_ring)),
      access_tokens_(std::move(access_tokens)) {
  for (const StaticUser& user : users) {
    const auto [place, is_new] = users_.try_emplace(user.username, user);
    if (!is_new) continue;
    by_userhash_[stun::Userhash(place->first, realm_)] = &place->second;
  }
}

void CredentialVerifier::FindByUsername(std::string_view username,
                                        stun::PasswordAlgorithm algorithm,
                                        std::vector<turn::Credential>& out) const {
  if (username.size() > kMaxUsernameOctets) return;
  if (const auto found = users_.find(username); found != users_.end()) {
    AppendStatic(found->second, algorithm, out);
  }
  AppendTimed(username, algorithm, out);
}

void CredentialVerifier::FindByUserhash(const base::Sha256Digest& userhash,
                                        stun::PasswordAlgorithm algorithm,
                                        std::vector<turn::Credential>& out) const {
  if (const auto found = by_userhash_.find(userhash); found != by_userhash_.end()) {
    AppendStatic(*found->second, algorithm, out);
  }
}

std::string_view CredentialVerifier::token_server_name() const {
  return access_tokens_.keys.empty() ? std::string_view() : access_tokens_.server_name;
}

std::optional<turn::Credential> CredentialVerifier::OpenAccessToken(std::string_view kid,
                                                                    base::Bytes token) const {
  const auto key = std::ranges::find(access_tokens_.keys, kid, &AccessTokenKey::kid);
  if (key == access_tokens_.keys.end()) return std::nullopt;
  auto opened = auth::OpenAccessToken(token, key->key, access_tokens_.server_name);
  if (!opened) return std::nullopt;
  turn::Credential credential;
  credential.username = key->kid;
  credential.subject = base::HexEncode(base::Sha256({opened->mac_key}));
  credential.tenant = key->kid;
  credential.key = std::move(opened->mac_key);
  credential.token = opened->validity;
  return credential;
}

void CredentialVerifier::AppendTimed(std::string_view username, stun::PasswordAlgorithm algorithm,
                                     std::vector<turn::Credential>& out) const {
  const auto parsed = ParseTimedUsername(username);
  if (!parsed) return;
  const auto append = [&](const SharedSecret& secret) {
    const std::string password = TimedPassword(secret.secret, username);
    turn::Credential credential{std::string(username),
                                std::string(parsed->subject),
                                std::string(parsed->tenant),
                                {},
                                parsed->expires_at};
    credential.relays_only = parsed->tenant == kTestersTenant;
    credential.key = algorithm == stun::PasswordAlgorithm::kSha256
                         ? ToVector(stun::LongTermKeySha256(username, realm_, password))
                         : ToVector(stun::LongTermKeyMd5(username, realm_, password));
    out.push_back(std::move(credential));
  };
  if (const SharedSecret* named = parsed->kid.empty() ? nullptr : key_ring_.Find(parsed->kid)) {
    append(*named);
    return;
  }
  for (const SharedSecret& secret : key_ring_.secrets()) append(secret);
}

}  // namespace auth
