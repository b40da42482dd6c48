#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/stun/integrity.h"
#include "protocol/turn/credential_source.h"

namespace test_support {

// One user with one password.
class FixedCredentials final : public turn::CredentialSource {
 public:
  FixedCredentials(std::string username, std::string password, std::string realm)
      : username_(std::move(username)), password_(std::move(password)), realm_(std::move(realm)) {}

  void FindByUsername(std::string_view username, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override {
    if (username != username_) return;
    turn::Credential credential;
    credential.username = username_;
    credential.subject = username_;
    if (algorithm == stun::PasswordAlgorithm::kSha256) {
      const auto key = stun::LongTermKeySha256(username_, realm_, password_);
      credential.key.assign(key.begin(), key.end());
    } else {
      const auto key = stun::LongTermKeyMd5(username_, realm_, password_);
      credential.key.assign(key.begin(), key.end());
    }
    out.push_back(std::move(credential));
  }
  void FindByUserhash(const base::Sha256Digest& userhash, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override {
    if (userhash == stun::Userhash(username_, realm_)) FindByUsername(username_, algorithm, out);
  }
  std::string_view token_server_name() const override { return {}; }
  std::optional<turn::Credential> OpenAccessToken(std::string_view, base::Bytes) const override {
    return std::nullopt;
  }

 private:
  std::string username_;
  std::string password_;
  std::string realm_;
};

}  // namespace test_support
