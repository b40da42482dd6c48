#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <vector>

#include "protocol/base/time.h"

namespace turn {

// What wakes up when it is due: a hashed wheel of one-second slots. Entries are links inside the
// objects that wait, so scheduling and cancelling are O(1) and need no memory. An entry beyond one
// turn of the wheel sits in its slot for further rounds.
class ExpiryWheel {
 public:
  enum class Kind : std::uint8_t { kNone, kAllocation, kReservation, kPeerConnection, kMove };

  // A base class of whatever waits. It leaves the wheel when it is destroyed.
  class Entry {
   public:
    Entry() = default;
    explicit Entry(Kind kind) : kind_(kind) {}
    Entry(const Entry&) = delete;
    Entry& operator=(const Entry&) = delete;
    ~Entry() { Unlink(); }

    Kind kind() const { return kind_; }
    bool is_scheduled() const { return next_ != nullptr; }
    base::MonotonicTime due() const { return due_; }

   private:
    friend class ExpiryWheel;
    void Unlink();

    Entry* previous_ = nullptr;
    Entry* next_ = nullptr;
    base::MonotonicTime due_{};
    Kind kind_ = Kind::kNone;
  };

  explicit ExpiryWheel(base::MonotonicTime start);

  // Wakes the entry at `due`, or earlier if it was to wake earlier.
  void ScheduleNoLater(Entry& entry, base::MonotonicTime due);
  // Wakes the entry at `due`, whatever was said before.
  void Reschedule(Entry& entry, base::MonotonicTime due);

  // The entry waits no more.
  static void Cancel(Entry& entry) { entry.Unlink(); }

  // Calls `wake` for every entry that is due, after taking it out of the wheel. `wake` may
  // schedule, cancel and destroy entries, this one included.
  void Advance(base::MonotonicTime now, const std::function<void(Entry&)>& wake);

  static constexpr std::size_t kSlots = 4096;  // more than an hour

 private:
  std::int64_t TickOf(base::MonotonicTime time) const;
  Entry& SlotOf(std::int64_t tick);
  static void BecomeEmpty(Entry& head);
  static void LinkBefore(Entry& position, Entry& entry);

  base::MonotonicTime start_;
  std::int64_t tick_ = 0;     // everything before it has been woken
  std::vector<Entry> slots_;  // heads of circular lists
};

}  // namespace turn
