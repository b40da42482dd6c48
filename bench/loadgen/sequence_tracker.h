#pragma once

#include <array>
#include <cstdint>

namespace loadgen {

// Follows the sequence numbers of one flow as they arrive and tells new from late from repeated. It
// remembers the last 256 numbers; what is older than that is taken for late, since nobody can say
// whether it came before.
class SequenceTracker {
 public:
  enum class Arrival : std::uint8_t { kInOrder, kLate, kDuplicate };
  struct Verdict {
    Arrival arrival;
    std::uint64_t
        skipped;  // numbers between the highest one before and this one; 0 unless kInOrder
  };

  Verdict Observe(std::uint64_t sequence);

  // One past the highest number seen, 0 before the first.
  std::uint64_t next() const { return next_; }

 private:
  static constexpr std::uint64_t kWindow = 256;

  bool TestAndSet(std::uint64_t sequence);  // whether it was set before
  void Clear(std::uint64_t sequence);

  std::uint64_t next_ = 0;
  std::array<std::uint64_t, kWindow / 64> seen_{};
};

}  // namespace loadgen
