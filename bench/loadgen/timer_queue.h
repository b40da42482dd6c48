#pragma once

#include <cstdint>
#include <optional>
#include <queue>
#include <vector>

#include "protocol/base/time.h"

namespace loadgen {

// Deadlines of sessions, earliest first. Nothing is ever taken out early: whoever set a timer
// compares `stamp` with what it is at by then.
class TimerQueue {
 public:
  enum class Kind : std::uint8_t { kTransaction, kRefresh, kQuiescence };
  struct Timer {
    base::MonotonicTime deadline;
    std::uint32_t session;
    std::uint32_t stamp;
    Kind kind;
  };

  void Add(const Timer& timer) { queue_.push(timer); }
  // The earliest timer if it is due.
  std::optional<Timer> TakeDue(base::MonotonicTime now) {
    if (queue_.empty() || queue_.top().deadline > now) return std::nullopt;
    const Timer timer = queue_.top();
    queue_.pop();
    return timer;
  }
  std::optional<base::MonotonicTime> next_deadline() const {
    return queue_.empty() ? std::nullopt : std::optional(queue_.top().deadline);
  }

 private:
  struct Later {
    bool operator()(const Timer& left, const Timer& right) const {
      return left.deadline > right.deadline;
    }
  };
  std::priority_queue<Timer, std::vector<Timer>, Later> queue_;
};

}  // namespace loadgen
