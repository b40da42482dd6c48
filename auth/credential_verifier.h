#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auth/access_token.h"
#include "auth/key_ring.h"
#include "auth/static_user.h"
#include "protocol/turn/credential_source.h"

namespace auth {

// Fixed users, TURN REST names and access tokens side by side. A name that a fixed user has is that
// user and, if it has the form of a TURN REST name, one candidate for each secret as well. Never
// knows a password. An immutable snapshot; thread-safe.
class CredentialVerifier final : public turn::CredentialSource {
 public:
  // `realm` is the one that the users' keys were derived for. Of two users with one name the first
  // counts.
  CredentialVerifier(std::string realm, const std::vector<StaticUser>& users, KeyRing key_ring,
                     AccessTokenSettings access_tokens = {});
  CredentialVerifier(const CredentialVerifier&) = delete;
  CredentialVerifier& operator=(const CredentialVerifier&) = delete;

  void FindByUsername(std::string_view username, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override;
  // Finds fixed users only.
  void FindByUserhash(const base::Sha256Digest& userhash, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override;
  std::string_view token_server_name() const override;
  // The subject is a digest of the mac_key, and the tenant is the kid: so each token has the quota
  // of a user, and all tokens of one key that of a tenant.
  std::optional<turn::Credential> OpenAccessToken(std::string_view kid,
                                                  base::Bytes token) const override;

  // Whether anybody can be authenticated at all.
  bool is_empty() const {
    return users_.empty() && key_ring_.secrets().empty() && access_tokens_.keys.empty();
  }

 private:
  void AppendTimed(std::string_view username, stun::PasswordAlgorithm algorithm,
                   std::vector<turn::Credential>& out) const;

  std::string realm_;
  KeyRing key_ring_;
  AccessTokenSettings access_tokens_;
  std::map<std::string, StaticUser, std::less<>> users_;
  std::map<base::Sha256Digest, const StaticUser*> by_userhash_;  // points into users_
};

}  // namespace auth
