#pragma once

#include <chrono>

#include "protocol/base/time.h"

namespace relay {

// How long the other process of an upgrade may take for a word, where it has nothing to do first.
inline constexpr std::chrono::seconds kUpgradeWord{5};

inline base::MonotonicTime In(std::chrono::nanoseconds duration) {
  return base::ReadClocks().monotonic + duration;
}

}  // namespace relay
