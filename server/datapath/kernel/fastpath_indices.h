#pragma once

#include <cstdint>
#include <deque>
#include <optional>

#include "protocol/base/time.h"

namespace relay {

// Deals the indices [first, first + count) of an array of the kernel fast path, and takes them
// back. One that comes back rests for FASTPATH_QUARANTINE_NS, because a run of the program may
// still read it. One object per array and shard, with ranges that do not overlap; used by one
// thread.
class FastpathIndices {
 public:
  FastpathIndices(std::uint32_t first, std::uint32_t count);

  // nullopt: none is free now.
  std::optional<std::uint32_t> Take(base::MonotonicTime now);
  void Return(std::uint32_t index, base::MonotonicTime now);

 private:
  struct Resting {
    std::uint32_t index;
    base::MonotonicTime until;
  };

  std::uint32_t first_;
  std::uint32_t next_fresh_;
  std::uint32_t end_;
  std::deque<Resting> resting_;  // the one that came back first is at the front
};

}  // namespace relay
