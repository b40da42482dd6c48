#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>

#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "server/datapath/kernel_share.h"
#include "server/datapath/userspace/own_relays.h"
#include "server/metrics/metric_labels.h"

namespace relay {

// A route that the kernel has as well. Small: there is one for each channel.
struct KernelRoute {
  std::shared_ptr<std::uint32_t[]> handovers;  // as KernelShare has them
  bool is_removed = false;
  std::array<bool, 2> is_waiting{};   // by direction: in the list of Handovers
  std::array<bool, 2> has_come_by{};  // by direction: a packet, since Handovers last looked
};

// Where packets of one direction of a route wait for userspace.
struct WaitingPlace {
  int socket;
  // The peer, if it is a relayed transport address of this server: what goes there waits a second
  // time, in the socket of that relay.
  std::optional<base::Endpoint> own_relay;
};

// Lets the program in the kernel relay what userspace has relayed so far, one direction of a route
// at a time, when no packet of it waits in userspace any more: else those that the program relays
// would overtake it (docs/adr/0015). One object per shard, on its thread.
class Handovers {
 public:
  // `own_relays` must outlive the object.
  explicit Handovers(const OwnRelays& own_relays) : own_relays_(own_relays) {}

  // The route is new.
  void Add(const std::shared_ptr<KernelRoute>& route, Direction direction,
           const WaitingPlace& place) {
    bool& is_waiting = route->is_waiting[LabelIndex(direction)];
    if (!is_waiting) AddWaiting(route, direction, place);
    is_waiting = true;
  }
  // A packet of it came by in userspace. `find_place` is called where its WaitingPlace is needed.
  template <typename FindPlace>
  void OnPacket(const std::shared_ptr<KernelRoute>& route, Direction direction,
                const FindPlace& find_place) {
    route->has_come_by[LabelIndex(direction)] = true;
    if (!route->is_waiting[LabelIndex(direction)]) Add(route, direction, find_place());
  }
  // Whether there is anything for Step to do.
  bool empty() const { return waiting_.empty(); }

  // When everything that was read has been sent. Does a bounded number of them, and may take
  // kShortSilence for it, though not more often than once in kBetweenMoments.
  using Clock = std::function<base::MonotonicTime()>;
  void Step(const Clock& clock);

  // How long a direction has to be silent before it is certain that what the program passed has
  // arrived at the socket: the system does both in one go, but not in one moment.
  static constexpr std::chrono::microseconds kSilence{100};
  // Enough for most goes: where nothing has passed since the route is there, and for a dense flow,
  // which has not been silent for kSilence within kEagerFrom.
  static constexpr std::chrono::microseconds kShortSilence{10};
  static constexpr std::chrono::milliseconds kEagerFrom{5};
  // A direction that is not even silent so long is taken over between two packets, in the moment in
  // which its sockets are empty.
  static constexpr std::chrono::milliseconds kPatience{100};
  // One whose sockets are never seen empty is taken over anyway: userspace is overloaded.
  static constexpr std::chrono::seconds kEnd{1};
  static constexpr std::chrono::milliseconds kBetweenMoments{1};

 private:
  static constexpr std::size_t kAtOnce = 64;

  struct Waiting {
    std::shared_ptr<KernelRoute> route;
    Direction direction;
    WaitingPlace place;
    bool is_new = true;
    bool is_untouched = true;  // no packet has passed, nor come by, since the route is there
    std::uint32_t word = 0;    // as it was last seen
    base::MonotonicTime since{};
    base::MonotonicTime silent_since{};
  };

  void AddWaiting(const std::shared_ptr<KernelRoute>& route, Direction direction,
                  const WaitingPlace& place) {
    waiting_.push_back({.route = route, .direction = direction, .place = place});
  }
  static void Look(Waiting& waiting, base::MonotonicTime now);
  static std::chrono::microseconds NeededSilence(const Waiting& waiting, base::MonotonicTime now);
  static bool IsSilent(const Waiting& waiting, base::MonotonicTime now);
  static bool IsAtItsEnd(const Waiting& waiting, base::MonotonicTime now);
  // Lets kShortSilence pass if that helps any of the first `count`, and returns what time it is.
  base::MonotonicTime AwaitMoment(std::size_t count, base::MonotonicTime now, const Clock& clock);
  // By place: whether nothing waits in userspace.
  std::array<bool, kAtOnce> FindEmpty(std::size_t count, base::MonotonicTime now) const;

  const OwnRelays& own_relays_;
  std::deque<Waiting> waiting_;
  base::MonotonicTime next_moment_{};
};

}  // namespace relay
