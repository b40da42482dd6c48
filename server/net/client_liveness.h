#pragma once

#include <chrono>

#include "protocol/base/time.h"

namespace relay {

// Whether a connected client (a stream, a DTLS association) is still worth its memory: it has to
// say something valid soon, and to go on doing so unless it holds an allocation, which has a
// lifetime of its own.
class ClientLiveness {
 public:
  static constexpr std::chrono::seconds kFirstMessageTimeout{10};
  static constexpr std::chrono::seconds kIdleTimeout{300};

  explicit ClientLiveness(base::MonotonicTime now) : opened_at_(now), last_message_at_(now) {}

  void OnMessage(base::MonotonicTime now) { last_message_at_ = now; }
  void OnValidMessage() { had_valid_message_ = true; }
  void AddAllocations(int delta) { allocations_ += delta; }

  bool had_valid_message() const { return had_valid_message_; }
  bool has_allocation() const { return allocations_ > 0; }

  bool IsOverdue(base::MonotonicTime now) const {
    if (has_allocation()) return false;
    if (!had_valid_message_) return now - opened_at_ > kFirstMessageTimeout;
    return IsIdle(now);
  }
  bool IsIdle(base::MonotonicTime now) const { return now - last_message_at_ > kIdleTimeout; }

 private:
  base::MonotonicTime opened_at_;
  base::MonotonicTime last_message_at_;
  int allocations_ = 0;
  bool had_valid_message_ = false;
};

}  // namespace relay
