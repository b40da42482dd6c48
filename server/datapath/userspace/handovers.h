#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>

#include "protocol/base/time.h"
#include "server/datapath/kernel_share.h"
#include "server/metrics/metric_labels.h"

namespace relay {

// A route that the kernel has as well.
struct KernelRoute {
  KernelShare share;
  std::array<int, 2> sockets{};  // by direction: where its packets wait for userspace
  bool is_to_own_relay = false;
  bool is_removed = false;
  std::array<bool, 2> is_waiting{};  // by direction: in the list of Handovers
};

// Lets the program in the kernel relay what userspace has relayed so far, one direction of a route
// at a time, when no packet of it waits in userspace any more: else those that the program relays
// would overtake it (docs/adr/0015). One object per shard, on its thread.
class Handovers {
 public:
  // A packet of it came by in userspace, or the route is new.
  void Add(const std::shared_ptr<KernelRoute>& route, Direction direction) {
    bool& is_waiting = route->is_waiting[LabelIndex(direction)];
    if (!is_waiting) AddWaiting(route, direction);
    is_waiting = true;
  }
  // Whether there is anything for Step to do.
  bool empty() const { return waiting_.empty(); }

  // When everything that was read has been sent. Does a bounded number of them; `now` is read after
  // the last packet was.
  void Step(base::MonotonicTime now);

  // How long a direction has to be silent before it is certain that what the program passed has
  // arrived at the socket: the system does both in one go, but not in one moment.
  static constexpr std::chrono::microseconds kSilence{100};
  // Of relay to relay: packets pass two sockets, perhaps of two shards.
  static constexpr std::chrono::milliseconds kLongSilence{5};
  // A direction that has not been silent for so long is taken over between two packets, in the
  // moment in which its socket is empty.
  static constexpr std::chrono::milliseconds kPatience{100};
  // One whose socket is never seen empty is taken over anyway: userspace is overloaded.
  static constexpr std::chrono::seconds kEnd{1};

 private:
  static constexpr std::size_t kAtOnce = 64;

  struct Waiting {
    std::shared_ptr<KernelRoute> route;
    Direction direction;
    bool is_new = true;
    std::uint32_t word = 0;  // as it was last seen
    base::MonotonicTime since{};
    base::MonotonicTime silent_since{};
  };

  void AddWaiting(const std::shared_ptr<KernelRoute>& route, Direction direction) {
    waiting_.push_back({.route = route, .direction = direction});
  }
  static void Look(Waiting& waiting, base::MonotonicTime now);
  static bool MayTakeOver(const Waiting& waiting, base::MonotonicTime now);
  static bool IsAtItsEnd(const Waiting& waiting, base::MonotonicTime now);

  std::deque<Waiting> waiting_;
};

}  // namespace relay
