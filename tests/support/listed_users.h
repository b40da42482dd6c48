#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "protocol/stun/integrity.h"
#include "protocol/turn/credential_source.h"

namespace test_support {

// Users from a list. A name that stands in it twice has two passwords, as with two shared secrets.
class ListedUsers final : public turn::CredentialSource {
 public:
  struct User {
    std::string username;
    std::string password;
    std::string subject;
    std::string tenant = {};
    std::optional<base::WallTime> expires_at = std::nullopt;
    bool is_found_by_userhash = true;  // false for names that are made up by timestamp
  };

  ListedUsers(std::string realm, std::vector<User> users)
      : realm_(std::move(realm)), users_(std::move(users)) {}

  void FindByUsername(std::string_view username, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override {
    for (const User& user : users_) {
      if (user.username == username) out.push_back(MakeCredential(user, algorithm));
    }
  }
  void FindByUserhash(const base::Sha256Digest& userhash, stun::PasswordAlgorithm algorithm,
                      std::vector<turn::Credential>& out) const override {
    for (const User& user : users_) {
      if (user.is_found_by_userhash && stun::Userhash(user.username, realm_) == userhash)
        out.push_back(MakeCredential(user, algorithm));
    }
  }

 private:
  turn::Credential MakeCredential(const User& user, stun::PasswordAlgorithm algorithm) const {
    turn::Credential credential{user.username, user.subject, user.tenant, {}, user.expires_at};
    if (algorithm == stun::PasswordAlgorithm::kSha256) {
      const auto key = stun::LongTermKeySha256(user.username, realm_, user.password);
      credential.key.assign(key.begin(), key.end());
    } else {
      const auto key = stun::LongTermKeyMd5(user.username, realm_, user.password);
      credential.key.assign(key.begin(), key.end());
    }
    return credential;
  }

  std::string realm_;
  std::vector<User> users_;
};

}  // namespace test_support
