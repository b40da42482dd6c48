#pragma once

#include <string>

namespace auth {

// A secret that this server shares with whoever hands out TURN REST credentials. `id` names it in
// user names of the form expiry:kid.tenant.subject-hash:jti and in logs; `secret` is used as it is.
// `region` says whose relays have it; empty: all of them.
struct SharedSecret {
  std::string id;
  std::string secret;
  std::string region = {};

  friend bool operator==(const SharedSecret&, const SharedSecret&) = default;
};

}  // namespace auth
