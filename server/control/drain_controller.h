#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "protocol/base/time.h"

namespace relay {

// When the process takes no new clients and when it ends: the first SIGTERM, or an administrator,
// begins a drain; it is over when no allocation is left or the deadline passes; the second SIGTERM,
// or SIGINT, ends at once. A first SIGTERM changes nothing about the drain of an administrator.
// Rules only: time and allocations are arguments.
class DrainController {
 public:
  enum class Phase : std::uint8_t { kServing, kDraining, kStopped };
  enum class End : std::uint8_t { kEmpty, kDeadline, kAtOnce };

  explicit DrainController(std::chrono::nanoseconds deadline) : deadline_(deadline) {}

  // For a drain that has not begun.
  void SetDeadline(std::chrono::nanoseconds deadline) { deadline_ = deadline; }

  // Begins a drain, with a deadline of its own if given. False: it had begun before; a deadline
  // that is given counts then, too, in place of the former one.
  bool Begin(base::MonotonicTime now,
             std::optional<std::chrono::nanoseconds> deadline = std::nullopt);
  // SIGTERM: begins or goes on, and the second time stops.
  void OnTerminate(base::MonotonicTime now);
  void StopAtOnce();
  // Call it now and then while draining.
  void Advance(base::MonotonicTime now, std::int64_t allocations);

  Phase phase() const { return phase_; }
  bool is_draining() const { return phase_ != Phase::kServing; }
  std::optional<End> end() const { return end_; }  // once stopped
  // How long the drain may still take; nullopt: not draining.
  std::optional<std::chrono::nanoseconds> remaining(base::MonotonicTime now) const;

 private:
  void StopBecause(End end);

  std::chrono::nanoseconds deadline_;
  Phase phase_ = Phase::kServing;
  base::MonotonicTime ends_at_;
  std::optional<End> end_;
  bool is_terminated_ = false;
};

}  // namespace relay
