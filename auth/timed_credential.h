#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/time.h"

namespace auth {

// The tenant of credentials for strangers who test (turn::Credential::relays_only). No tenant of a
// configuration and no label of an issuer's name is spelled like this.
inline constexpr std::string_view kTestersTenant = "~check";

// What a user name of the TURN REST form says: "expiry" or "expiry:rest", expiry being the seconds
// since 1970 at which it ends, in one to eleven digits and nothing else. The views point into the
// user name.
struct TimedUsername {
  base::WallTime expires_at;
  // Whom quotas are charged to: the rest; for the form expiry:kid.tenant.subject-hash:jti only
  // "tenant.subject-hash", so that keys and tokens can change under a user; without a rest, the
  // expiry.
  std::string_view subject;
  std::string_view tenant;  // of the second form; else empty
  std::string_view kid;     // the name of the secret, in the second form; else empty
  std::string_view jti;     // likewise
  // When it was issued, if the jti says so: it begins with the seconds since 1970 and a hyphen.
  std::optional<base::WallTime> issued_at = std::nullopt;
};

// nullopt: not a name of this form. `username` is any octets from the network. The second form is
// taken for what it is only if every part is there and not empty; a name that misses it is just a
// rest.
std::optional<TimedUsername> ParseTimedUsername(std::string_view username);

// base64(HMAC-SHA1(secret, username)): the password that belongs to such a name.
std::string TimedPassword(std::string_view secret, std::string_view username);

}  // namespace auth
