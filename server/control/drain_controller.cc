#include "server/control/drain_controller.h"

#include <algorithm>
#include <utility>

namespace relay {

bool DrainController::Begin(base::MonotonicTime now,
                            std::optional<std::chrono::nanoseconds> deadline) {
  const bool is_new = phase_ == Phase::kServing;
  if (is_new) phase_ = Phase::kDraining;
  if (is_new || deadline) {
    ends_at_ = now + std::chrono::duration_cast<base::MonotonicTime::duration>(
                         deadline.value_or(deadline_));
  }
  return is_new;
}

void DrainController::OnTerminate(base::MonotonicTime now) {
  if (std::exchange(is_terminated_, true)) return StopAtOnce();
  Begin(now);
}

void DrainController::StopAtOnce() { StopBecause(End::kAtOnce); }

void DrainController::Advance(base::MonotonicTime now, std::int64_t allocations) {
  if (phase_ != Phase::kDraining) return;
  if (allocations <= 0) {
    StopBecause(End::kEmpty);
  } else if (now >= ends_at_) {
    StopBecause(End::kDeadline);
  }
}

std::optional<std::chrono::nanoseconds> DrainController::remaining(base::MonotonicTime now) const {
  if (phase_ != Phase::kDraining) return std::nullopt;
  return std::max<std::chrono::nanoseconds>(ends_at_ - now, std::chrono::nanoseconds::zero());
}

void DrainController::StopBecause(End end) {
  if (phase_ == Phase::kStopped) return;
  phase_ = Phase::kStopped;
  end_ = end;
}

}  // namespace relay
