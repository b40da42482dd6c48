#include "server/datapath/userspace/handovers.h"

#include <poll.h>

#include <algorithm>
#include <atomic>
#include <utility>

namespace relay {
namespace {

std::atomic_ref<std::uint32_t> WordOf(const KernelRoute& route, Direction direction) {
  return std::atomic_ref(*route.share.handovers[LabelIndex(direction)]);
}

// False: it changed after it was seen.
bool TakeOver(const KernelRoute& route, Direction direction, std::uint32_t seen) {
  if ((seen & KernelShare::kTakenOver) != 0) return true;
  return WordOf(route, direction)
      .compare_exchange_strong(seen, seen | KernelShare::kTakenOver, std::memory_order_acq_rel);
}

}  // namespace

void Handovers::Look(Waiting& waiting, base::MonotonicTime now) {
  const std::uint32_t word = WordOf(*waiting.route, waiting.direction).load();
  if (std::exchange(waiting.is_new, false)) {
    waiting.since = now;
  } else if (word == waiting.word) {
    return;
  }
  waiting.word = word;
  waiting.silent_since = now;
}

bool Handovers::IsAtItsEnd(const Waiting& waiting, base::MonotonicTime now) {
  return now - waiting.since >= kEnd;
}

bool Handovers::MayTakeOver(const Waiting& waiting, base::MonotonicTime now) {
  const auto silence = now - waiting.silent_since;
  if (waiting.route->is_to_own_relay) return silence >= kLongSilence || IsAtItsEnd(waiting, now);
  return silence >= kSilence || now - waiting.since >= kPatience;
}

void Handovers::Step(base::MonotonicTime now) {
  const std::size_t count = std::min(kAtOnce, waiting_.size());
  std::array<pollfd, kAtOnce> sockets;
  // The words before the sockets: what comes in between changes the word.
  for (std::size_t i = 0; i < count; ++i) {
    Waiting& waiting = waiting_[i];
    sockets[i] = {.fd = -1, .events = POLLIN, .revents = 0};
    if (waiting.route->is_removed) continue;
    Look(waiting, now);
    if (MayTakeOver(waiting, now))
      sockets[i].fd = waiting.route->sockets[LabelIndex(waiting.direction)];
  }
  ::poll(sockets.data(), count, 0);
  for (std::size_t i = 0; i < count; ++i) {
    Waiting waiting = std::move(waiting_.front());
    waiting_.pop_front();
    const bool is_empty = sockets[i].fd >= 0 && (sockets[i].revents & POLLIN) == 0;
    const bool is_over =
        waiting.route->is_removed || ((is_empty || IsAtItsEnd(waiting, now)) &&
                                      TakeOver(*waiting.route, waiting.direction, waiting.word));
    if (is_over)
      waiting.route->is_waiting[LabelIndex(waiting.direction)] = false;
    else
      waiting_.push_back(std::move(waiting));
  }
}

}  // namespace relay
