#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>

#include "protocol/base/time.h"
#include "protocol/turn/credential_source.h"
#include "protocol/turn/policy.h"

namespace turn {

// What a LIFETIME in an Allocate or Refresh request earns (RFC 8656 sections 7.2 and 8.2): not less
// than the default and not more than the maximum. Nothing outlives its access token (RFC 7635
// section 9) or a credential for testers, so a shorter one shortens that, but not to zero. A zero
// that deletes is the caller's affair.
inline std::chrono::seconds GrantLifetime(const Policy& policy,
                                          std::optional<std::uint32_t> requested,
                                          const Credential& credential, base::WallTime now) {
  using std::chrono::seconds;
  const seconds granted = requested ? std::max(std::min(seconds(*requested), policy.max_lifetime),
                                               policy.default_lifetime)
                                    : policy.default_lifetime;
  if (!credential.token && !credential.relays_only) return granted;
  const auto remaining = std::chrono::floor<seconds>(
      credential.token ? credential.token->Remaining(now) : *credential.expires_at - now);
  return std::min(granted, std::max(remaining, seconds(1)));
}

// The value of LIFETIME for what is left, whole seconds.
inline std::uint32_t RemainingSeconds(base::MonotonicTime expires_at, base::MonotonicTime now) {
  if (expires_at <= now) return 0;
  return static_cast<std::uint32_t>(
      std::chrono::ceil<std::chrono::seconds>(expires_at - now).count());
}

}  // namespace turn
