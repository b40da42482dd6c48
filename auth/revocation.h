#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "protocol/base/time.h"

namespace auth {

inline constexpr std::size_t kRevocationKinds = 5;

// A right that was taken away. It concerns credentials of the form
// expiry:kid.tenant.subject-hash:jti, and kUsername any user name.
struct Revocation {
  enum class Kind : std::uint8_t { kUsername, kSubject, kTenant, kKid, kJti };

  Kind kind = Kind::kUsername;
  // The user name, "tenant.subject-hash" as quotas know it, the tenant, the kid or the jti.
  std::string value;
  // Concerns credentials that were issued before; those of a tenant or subject that are issued
  // later are good again.
  base::WallTime revoked_at;
  // By then every credential that it concerns has expired, and it can be forgotten.
  base::WallTime forget_at;

  friend bool operator==(const Revocation&, const Revocation&) = default;
};

}  // namespace auth
