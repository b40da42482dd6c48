#pragma once

#include <chrono>

#include "protocol/base/time.h"

namespace turn {

// For how long an access token is good, as the token itself says (RFC 7635 section 6.2).
struct TokenValidity {
  // What the clocks of the authorization server and of this one may differ by.
  static constexpr std::chrono::seconds kDelta{5};

  base::WallTime issued_at;
  std::chrono::seconds lifetime{0};  // 32 bits

  // What is left: lifetime + Delta - |now - issued_at| (section 9). The token is valid while that
  // is positive (section 7).
  base::WallTime::duration Remaining(base::WallTime now) const {
    const base::WallTime::duration distance = now < issued_at ? issued_at - now : now - issued_at;
    return lifetime + kDelta - distance;
  }
};

}  // namespace turn
