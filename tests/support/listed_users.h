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
// Access tokens are from a list, too: their octets are only looked up.
class ListedUsers final : public turn::CredentialSource {
 public:
  struct User {
    std::string username;
    std::string password;
    std::string subject;
    std::string tenant = {};
    std::optional<base::WallTime> expires_at = std::nullopt;
    bool is_found_by_userhash = true;  // false for names that are made up by timestamp
    bool relays_only = false;
  };

  struct Token {
    std::string octets;
    std::string kid;
    std::string mac_key;
    turn::TokenValidity validity;
  };

  // With a name for the server, tokens are taken.
  ListedUsers(std::string realm, std::vector<User> users, std::string token_server_name = {},
              std::vector<Token> tokens = {})
      : realm_(std::move(realm)),
        users_(std::move(users)),
        token_server_name_(std::move(token_server_name)),
        tokens_(std::move(tokens)) {}

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
  std::string_view token_server_name() const override { return token_server_name_; }
  std::optional<turn::Credential> OpenAccessToken(std::string_view kid,
                                                  base::Bytes octets) const override {
    for (const Token& token : tokens_) {
      if (token.kid != kid || token.octets != base::AsText(octets)) continue;
      const base::Bytes key = base::AsBytes(token.mac_key);
      turn::Credential credential{token.kid, token.mac_key, token.kid, {}, std::nullopt};
      credential.key.assign(key.begin(), key.end());
      credential.token = token.validity;
      return credential;
    }
    return std::nullopt;
  }

 private:
  turn::Credential MakeCredential(const User& user, stun::PasswordAlgorithm algorithm) const {
    turn::Credential credential{user.username, user.subject, user.tenant, {}, user.expires_at};
    credential.relays_only = user.relays_only;
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
  std::string token_server_name_;
  std::vector<Token> tokens_;
};

}  // namespace test_support
