#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "auth/key_ring.h"
#include "auth/static_user.h"
#include "protocol/turn/credential_source.h"

namespace auth {

// Fixed users and TURN REST names side by side. A name that a fixed user has is that user and, if
// it has the form of a TURN REST name, one candidate for each secret as well. Never knows a
// password. An immutable snapshot; thread-safe.
class CredentialVerifier final : public turn::CredentialSource {
 public:
  // `realm` is the one that the users' keys were derived for. Of two users with one name the first
  // counts.
  CredentialVerifier(std::string realm, const std::vector<StaticUser>& users, KeyRing key_ring);
  CredentialVerifier(const CredentialVerifier&) = delete;
  CredentialVerifier& operator=(const CredentialVerifier&) = delete;

  void FindByUsername(std::string_view username, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override;
  // Finds fixed users only.
  void FindByUserhash(const base::Sha256Digest& userhash, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override;

  // Whether anybody can be authenticated at all.
  bool is_empty() const { return users_.empty() && key_ring_.secrets().empty(); }

 private:
  void AppendTimed(std::string_view username, stun::PasswordAlgorithm algorithm,
                   std::vector<turn::Credential>& out) const;

  std::string realm_;
  KeyRing key_ring_;
  std::map<std::string, StaticUser, std::less<>> users_;
  std::map<base::Sha256Digest, const StaticUser*> by_userhash_;  // points into users_
};

}  // namespace auth
