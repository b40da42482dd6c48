#include "server/datapath/userspace/handovers.h"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace relay {
namespace {

std::atomic_ref<std::uint32_t> WordOf(const KernelRoute& route, Direction direction) {
  return std::atomic_ref(route.handovers.get()[LabelIndex(direction)]);
}

// False: it changed after it was seen.
bool TakeOver(const KernelRoute& route, Direction direction, std::uint32_t seen) {
  if ((seen & KernelShare::kTakenOver) != 0) return true;
  return WordOf(route, direction)
      .compare_exchange_strong(seen, seen | KernelShare::kTakenOver, std::memory_order_acq_rel);
}

bool IsReadable(const pollfd& socket) { return (socket.revents & POLLIN) != 0; }

}  // namespace

void Handovers::Look(Waiting& waiting, base::MonotonicTime now) {
  const std::uint32_t word = WordOf(*waiting.route, waiting.direction).load();
  const bool has_come_by =
      std::exchange(waiting.route->has_come_by[LabelIndex(waiting.direction)], false);
  if (has_come_by || word >= KernelShare::kPassedOne) waiting.is_untouched = false;
  if (std::exchange(waiting.is_new, false)) {
    waiting.since = now;
  } else if (word == waiting.word && !has_come_by) {
    return;
  }
  waiting.word = word;
  waiting.silent_since = now;
}

std::chrono::microseconds Handovers::NeededSilence(const Waiting& waiting,
                                                   base::MonotonicTime now) {
  const auto age = now - waiting.since;
  if (age >= kPatience) return {};
  return waiting.is_untouched || age >= kEagerFrom ? kShortSilence : kSilence;
}

bool Handovers::IsSilent(const Waiting& waiting, base::MonotonicTime now) {
  return now - waiting.silent_since >= NeededSilence(waiting, now);
}

bool Handovers::IsAtItsEnd(const Waiting& waiting, base::MonotonicTime now) {
  return now - waiting.since >= kEnd;
}

base::MonotonicTime Handovers::AwaitMoment(std::size_t count, base::MonotonicTime now,
                                           const Clock& clock) {
  if (now < next_moment_) return now;
  const auto gains = [now](const Waiting& waiting) {
    return !waiting.route->is_removed && now - waiting.silent_since < kShortSilence &&
           NeededSilence(waiting, now) <= kShortSilence;
  };
  if (std::none_of(waiting_.begin(), waiting_.begin() + static_cast<std::ptrdiff_t>(count), gains))
    return now;
  next_moment_ = now + kBetweenMoments;
  const base::MonotonicTime end = now + kShortSilence;
  while (now < end) now = clock();
  return now;
}

std::array<bool, Handovers::kAtOnce> Handovers::FindEmpty(std::size_t count,
                                                          base::MonotonicTime now) const {
  constexpr std::size_t kHops = 2;
  std::array<pollfd, kHops * kAtOnce> sockets;
  std::array<std::optional<OwnRelays::Place>, kAtOnce> second_hops;
  for (std::size_t i = 0; i < count; ++i) {
    const Waiting& waiting = waiting_[i];
    for (std::size_t hop = 0; hop < kHops; ++hop)
      sockets[kHops * i + hop] = {.fd = -1, .events = POLLIN, .revents = 0};
    if (waiting.route->is_removed || !IsSilent(waiting, now)) continue;
    sockets[kHops * i].fd = waiting.place.socket;
    if (!waiting.place.own_relay || waiting.direction != Direction::kClientToPeer) continue;
    second_hops[i] = own_relays_.Find(*waiting.place.own_relay);
    if (second_hops[i]) sockets[kHops * i + 1].fd = second_hops[i]->socket;
  }
  // The system looks in this order: what has left the first socket has arrived at the second.
  ::poll(sockets.data(), kHops * count, 0);
  std::atomic_thread_fence(std::memory_order_seq_cst);
  std::array<bool, kAtOnce> is_empty{};
  for (std::size_t i = 0; i < count; ++i) {
    const pollfd& first = sockets[kHops * i];
    is_empty[i] = first.fd >= 0 && !IsReadable(first) && !IsReadable(sockets[kHops * i + 1]);
    // What has left the second socket may be in the hands of the shard that read it.
    if (second_hops[i] && second_hops[i]->is_in_round->load(std::memory_order_acquire))
      is_empty[i] = false;
  }
  return is_empty;
}

void Handovers::Step(const Clock& clock) {
  const std::size_t count = std::min(kAtOnce, waiting_.size());
  base::MonotonicTime now = clock();
  // The words before the sockets: what comes in between changes the word.
  for (std::size_t i = 0; i < count; ++i) {
    if (!waiting_[i].route->is_removed) Look(waiting_[i], now);
  }
  now = AwaitMoment(count, now, clock);
  const std::array<bool, kAtOnce> is_empty = FindEmpty(count, now);
  for (std::size_t i = 0; i < count; ++i) {
    Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    const bool is_over =
        waiting.route->is_removed || ((is_empty[i] || IsAtItsEnd(waiting, now)) &&
                                      TakeOver(*waiting.route, waiting.direction, waiting.word));
    if (is_over)
      waiting.route->is_waiting[LabelIndex(waiting.direction)] = false;
    else
      waiting_.push_back(std::move(waiting));
  }
}

}  // namespace relay
