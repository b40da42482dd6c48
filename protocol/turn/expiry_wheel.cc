#include "protocol/turn/expiry_wheel.h"

#include <algorithm>

namespace turn {

void ExpiryWheel::Entry::Unlink() {
  if (next_ == nullptr) return;
  previous_->next_ = next_;
  next_->previous_ = previous_;
  previous_ = nullptr;
  next_ = nullptr;
}

ExpiryWheel::ExpiryWheel(base::MonotonicTime start) : start_(start), slots_(kSlots) {
  for (Entry& slot : slots_) BecomeEmpty(slot);
}

void ExpiryWheel::ScheduleNoLater(Entry& entry, base::MonotonicTime due) {
  if (entry.is_scheduled() && entry.due_ <= due) return;
  Reschedule(entry, due);
}

void ExpiryWheel::Reschedule(Entry& entry, base::MonotonicTime due) {
  entry.Unlink();
  entry.due_ = due;
  LinkBefore(SlotOf(std::max(TickOf(due), tick_)), entry);
}

void ExpiryWheel::Advance(base::MonotonicTime now, const std::function<void(Entry&)>& wake) {
  const std::int64_t now_tick = TickOf(now);
  if (now_tick < tick_) return;
  // One turn visits every slot, however long the pause was.
  const std::int64_t first = std::max(tick_, now_tick - static_cast<std::int64_t>(kSlots) + 1);
  tick_ = now_tick;
  for (std::int64_t tick = first; tick <= now_tick; ++tick) {
    // The slot's list moves to a head of its own, because `wake` may add to the slot.
    Entry& slot = SlotOf(tick);
    if (slot.next_ == &slot) continue;
    Entry waiting;
    LinkBefore(slot, waiting);
    slot.Unlink();
    BecomeEmpty(slot);
    while (waiting.next_ != &waiting) {
      Entry& entry = *waiting.next_;
      entry.Unlink();
      if (entry.due_ > now) {
        LinkBefore(slot, entry);
      } else {
        wake(entry);
      }
    }
  }
}

std::int64_t ExpiryWheel::TickOf(base::MonotonicTime time) const {
  return std::chrono::floor<std::chrono::seconds>(time - start_).count();
}

ExpiryWheel::Entry& ExpiryWheel::SlotOf(std::int64_t tick) {
  return slots_[static_cast<std::size_t>(tick) % kSlots];
}

void ExpiryWheel::BecomeEmpty(Entry& head) {
  head.previous_ = &head;
  head.next_ = &head;
}

void ExpiryWheel::LinkBefore(Entry& position, Entry& entry) {
  entry.previous_ = position.previous_;
  entry.next_ = &position;
  entry.previous_->next_ = &entry;
  position.previous_ = &entry;
}

}  // namespace turn
