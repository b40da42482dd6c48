#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "bench/loadgen/options.h"
#include "protocol/base/bytes.h"
#include "protocol/base/crypto.h"
#include "protocol/base/time.h"

namespace loadgen {

// The users in whose names the clients come, and their long-term keys for the realm that the server
// named last.
class Credentials {
 public:
  // With --user there is one; with --secret there are options.users TURN REST names "expiry:name",
  // valid for a day, with password base64(HMAC-SHA1(secret, name)).
  Credentials(const Options& options, base::WallTime now);

  // Which user an allocation belongs to.
  std::size_t UserOf(std::uint32_t allocation) const { return allocation % users_.size(); }
  const std::string& username(std::size_t user) const { return users_[user].name; }
  base::Bytes key(std::size_t user) const { return keys_[user]; }
  const std::string& realm() const { return realm_; }

  // Computes all keys if the realm is a new one.
  void SetRealm(std::string_view realm);

 private:
  struct User {
    std::string name;
    std::string password;
  };

  std::vector<User> users_;
  std::vector<base::Md5Digest> keys_;
  std::string realm_;
};

}  // namespace loadgen
