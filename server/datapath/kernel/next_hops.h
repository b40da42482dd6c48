#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "server/datapath/kernel/network_queries.h"
#include "server/datapath/kernel/network_state.h"

namespace relay {

// A frame's way out: what a packet needs besides its IP header.
struct NextHop {
  std::uint32_t interface_index = 0;
  MacAddress source{};
  MacAddress destination{};
  std::uint32_t mtu_bytes = 0;
  friend bool operator==(const NextHop&, const NextHop&) = default;
};

// Keeps the next hops of the pairs of addresses that routes need, as the system would choose them,
// and says when one changes. A hop that is not fully known has no value: its packets go through
// userspace, whose sends have the system find the neighbour, and the value comes with the news of
// it. Tagged VLANs are interfaces of their own here, as they are for the system.
//
// A neighbour entry that has gone stale is still good, but nobody would confirm it, since the
// kernel datapath sends by itself: Advance has the system ask stale neighbours now and then. Those
// that do not answer fail, and their hops lose the value.
//
// Sans-thread: calls come from one thread at a time, news from a NetworkWatch.
class NextHops {
 public:
  // Told of every change of the value at an index; nullptr: none. A new hop starts without one.
  using OnChange = std::function<void(std::uint32_t index, const NextHop* hop)>;
  // Whether frames may leave through an interface; asked again by LookUpAgain.
  using IsUsable = std::function<bool(std::uint32_t interface_index)>;

  // Indices are below `capacity`. `queries` must outlive the object.
  NextHops(NetworkQueries& queries, std::uint32_t capacity, OnChange on_change);
  void SetIsUsable(IsUsable is_usable) { is_usable_ = std::move(is_usable); }

  // The index of the pair's hop, with one more user; nullopt: all are in use. An unknown neighbour
  // is looked for at once.
  std::optional<std::uint32_t> Acquire(const base::IpAddress& source,
                                       const base::IpAddress& destination, base::MonotonicTime now);
  // One user less. A hop without users is kept for a while, since clients come back.
  void Release(std::uint32_t index);

  void OnNeighbour(const Neighbour& neighbour);
  // Nothing that is known can be trusted. LookUpSome does the work, in turn, however often this is
  // called; until a hop's turn it keeps its value, so that what is still true goes on without a
  // gap.
  void LookUpAgain();
  // Looks up at most `limit` of the hops whose turn it is; false: none is left.
  bool LookUpSome(std::size_t limit, base::MonotonicTime now);
  // About once a second.
  void Advance(base::MonotonicTime now);

  // The interfaces by which packets leave, whether their neighbours are known or not.
  std::vector<std::uint32_t> Interfaces() const;
  std::size_t size() const { return by_pair_.size(); }

 private:
  // A stale neighbour is asked this often, which is less than the system takes to forget it.
  static constexpr std::chrono::seconds kProbeInterval{30};
  // One that is not known is not looked for more often than this, however often the network
  // changes.
  static constexpr std::chrono::seconds kAskInterval{1};
  // How long a hop without users is kept, at least.
  static constexpr std::chrono::seconds kRetention{30};

  struct Pair {
    base::IpAddress source;
    base::IpAddress destination;
    friend bool operator==(const Pair&, const Pair&) = default;
  };
  struct PairHash {
    std::size_t operator()(const Pair& pair) const noexcept;
  };
  struct Place {
    std::uint32_t interface_index = 0;
    base::IpAddress address;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct PlaceHash {
    std::size_t operator()(const Place& place) const noexcept;
  };
  struct Hop {
    Pair pair;
    std::uint32_t users = 0;
    std::uint64_t looked_up_in = 0;  // the generation of its route
    std::optional<NetworkRoute> route;
    std::optional<NextHop> value;  // as OnChange was told
    base::MonotonicTime unused_since;
  };
  struct KnownNeighbour {
    Neighbour now;
    std::uint64_t looked_up_in = 0;
    base::MonotonicTime used_at;
    std::unordered_set<std::uint32_t> hops;
  };

  void LookUp(std::uint32_t index, base::MonotonicTime now);
  static std::optional<Place> PlaceOf(const Hop& hop);
  void Join(const Place& place, std::uint32_t index, base::MonotonicTime now);
  void Leave(const Place& place, std::uint32_t index);
  void Update(std::uint32_t index);
  std::optional<NextHop> ValueOf(const Hop& hop);
  const NetworkInterface* FindInterface(std::uint32_t index);
  void Forget(std::uint32_t index);

  NetworkQueries& queries_;
  const std::uint32_t capacity_;
  const OnChange on_change_;
  IsUsable is_usable_ = [](std::uint32_t) { return true; };

  std::vector<std::optional<Hop>> hops_;
  std::vector<std::uint32_t> free_;
  std::unordered_map<Pair, std::uint32_t, PairHash> by_pair_;
  std::unordered_map<Place, KnownNeighbour, PlaceHash> neighbours_;
  std::unordered_map<std::uint32_t, std::optional<NetworkInterface>> interfaces_;
  std::map<std::uint32_t, std::size_t> leaving_;  // neighbours by interface; none is 0
  std::uint64_t generation_ = 1;                  // grows when nothing can be trusted any more
  std::size_t cursor_ = 0;                        // where LookUpSome goes on
  std::size_t unchecked_ = 0;                     // places that it has to come by
};

}  // namespace relay
