#pragma once

#include <array>
#include <cstdint>
#include <memory>

#include "server/datapath/leaky_buckets.h"

namespace relay {

// What userspace and the program in the kernel have in common of a route that both know, by
// direction: to the peer, to the client. Good as long as `handovers` is kept, and of use until the
// route is removed.
struct KernelShare {
  // Bits of a hand-over word (docs/adr/0015).
  static constexpr std::uint32_t kTakenOver = 1;
  static constexpr std::uint32_t kPassedOne = 2;

  std::shared_ptr<std::uint32_t[]> handovers;
  std::array<leaky_buckets*, 2> buckets{};  // of the allocation: its other routes have the same
};

}  // namespace relay
