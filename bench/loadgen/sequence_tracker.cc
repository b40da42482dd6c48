#include "bench/loadgen/sequence_tracker.h"

#include <algorithm>

namespace loadgen {

bool SequenceTracker::TestAndSet(std::uint64_t sequence) {
  std::uint64_t& word = seen_[(sequence % kWindow) / 64];
  const std::uint64_t bit = std::uint64_t{1} << (sequence % 64);
  const bool was_set = (word & bit) != 0;
  word |= bit;
  return was_set;
}

void SequenceTracker::Clear(std::uint64_t sequence) {
  seen_[(sequence % kWindow) / 64] &= ~(std::uint64_t{1} << (sequence % 64));
}

SequenceTracker::Verdict SequenceTracker::Observe(std::uint64_t sequence) {
  if (sequence >= next_) {
    const std::uint64_t skipped = sequence - next_;
    if (skipped >= kWindow) {
      seen_.fill(0);
    } else {
      for (std::uint64_t i = next_; i <= sequence; ++i) Clear(i);
    }
    TestAndSet(sequence);
    next_ = sequence + 1;
    return {Arrival::kInOrder, skipped};
  }
  if (next_ - sequence > kWindow) return {Arrival::kLate, 0};
  return {TestAndSet(sequence) ? Arrival::kDuplicate : Arrival::kLate, 0};
}

}  // namespace loadgen
