#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "protocol/base/time.h"
#include "protocol/turn/policy.h"

namespace turn {

// What a LIFETIME in an Allocate or Refresh request earns (RFC 8656 sections 7.2 and 8.2): not less
// than the default and not more than the maximum. A zero that deletes is the caller's affair.
inline std::chrono::seconds GrantLifetime(const Policy& policy,
                                          std::optional<std::uint32_t> requested) {
  if (!requested) return policy.default_lifetime;
  return std::max(std::min(std::chrono::seconds(*requested), policy.max_lifetime),
                  policy.default_lifetime);
}

// The value of LIFETIME for what is left, whole seconds.
inline std::uint32_t RemainingSeconds(base::MonotonicTime expires_at, base::MonotonicTime now) {
  if (expires_at <= now) return 0;
  return static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(expires_at - now).count());
}

}  // namespace turn
