#include "server/datapath/kernel/fastpath_indices.h"

#include "protocol/base/check.h"
#include "server/datapath/kernel/fastpath_abi.h"

namespace relay {

FastpathIndices::FastpathIndices(std::uint32_t first, std::uint32_t count)
    : first_(first), next_fresh_(first), end_(first + count) {}

std::optional<std::uint32_t> FastpathIndices::Take(base::MonotonicTime now) {
  // Used ones first, so that as little memory is touched as can be.
  if (!resting_.empty() && resting_.front().until <= now) {
    const std::uint32_t index = resting_.front().index;
    resting_.pop_front();
    return index;
  }
  if (next_fresh_ == end_) return std::nullopt;
  return next_fresh_++;
}

void FastpathIndices::Return(std::uint32_t index, base::MonotonicTime now) {
  CHECK(index >= first_ && index < next_fresh_);
  resting_.push_back({index, now + std::chrono::nanoseconds(FASTPATH_QUARANTINE_NS)});
}

}  // namespace relay
