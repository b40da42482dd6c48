#pragma once

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/base/time.h"
#include "server/datapath/datapath.h"
#include "server/datapath/kernel/fastpath_indices.h"
#include "server/datapath/kernel/fastpath_maps.h"
#include "server/datapath/kernel/next_hops.h"

namespace relay {

// The program's index 0 is the hop that is never known.
constexpr std::uint32_t ToFastpathHop(std::uint32_t hop) { return hop + 1; }
constexpr std::uint32_t FromFastpathHop(std::uint32_t hop) { return hop - 1; }

// The routes that the program looks up, each with its place in the maps, the next hops that it
// uses and its allocation's meter. What a route is stands in its record, which the program reads,
// and nowhere else. Not synchronized.
class KernelRoutes {
 public:
  // Both must outlive it.
  KernelRoutes(FastpathMaps& maps, NextHops& hops);

  // Without room, userspace alone has the route.
  void Install(const turn::Route& route, base::MonotonicTime now);
  void Remove(const turn::RouteKey& key, base::MonotonicTime now);
  std::optional<KernelShare> ShareOf(const turn::RouteKey& key) const;
  std::size_t size() const { return routes_.size(); }
  // What the program has relayed for an allocation since it was last asked.
  RelayTraffic TakeTraffic(turn::RelayHandle relay);

 private:
  // Hashes and compares records, given by their indices, by their clients' sides, which are unique;
  // and with such a side.
  class ByChannel {
   public:
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the table asks for it
    using is_avalanching = void;
    explicit ByChannel(const FastpathMaps& maps) : maps_(&maps) {}
    template <typename Any>
    std::size_t operator()(const Any& any) const noexcept {
      return Hash(Of(any));
    }
    template <typename One, typename Other>
    bool operator()(const One& one, const Other& other) const noexcept {
      return AreSame(Of(one), Of(other));
    }

   private:
    const fastpath_channel_key& Of(const fastpath_channel_key& key) const { return key; }
    const fastpath_channel_key& Of(std::uint32_t index) const {
      return maps_->route(index).channel;
    }
    static std::size_t Hash(const fastpath_channel_key& key) noexcept;
    static bool AreSame(const fastpath_channel_key& one,
                        const fastpath_channel_key& other) noexcept;

    const FastpathMaps* maps_;
  };
  // What an allocation's place among the meters is used for.
  struct Slot {
    turn::RelayHandle relay;
    std::uint16_t relay_port = 0;
    std::uint16_t routes = 0;  // channels of an allocation; 0: for nothing
    RelayTraffic told{};       // of its counters, which go on from one allocation to the next
  };

  // The index of the allocation's route of this name. nullopt: there is none.
  std::optional<std::uint32_t> Find(const turn::RouteKey& key) const;
  // The index of a record that the program has now. nullopt: there is no room.
  std::optional<std::uint32_t> Prepare(const turn::Route& route, fastpath_route record,
                                       base::MonotonicTime now);
  void Forget(std::uint32_t index, base::MonotonicTime now);
  // False: there is no room, and none is taken.
  bool AcquireHops(const turn::Route& route, fastpath_route& record, base::MonotonicTime now);
  void ReleaseHops(const fastpath_route& record);
  std::optional<std::uint32_t> TakeSlot(const turn::Route& route, base::MonotonicTime now);
  void ReturnSlot(std::uint32_t index, base::MonotonicTime now);
  RelayTraffic ReadTraffic(std::uint32_t slot) const;
  RelayTraffic TakeTrafficOf(std::uint32_t slot);

  FastpathMaps& maps_;
  NextHops& hops_;
  FastpathIndices route_indices_;
  FastpathIndices slot_indices_;
  boost::unordered_flat_set<std::uint32_t, ByChannel, ByChannel> routes_;  // indices of records
  std::deque<Slot> slots_;                                                 // by index
  boost::unordered_flat_map<turn::RelayHandle, std::uint32_t, turn::RelayHandleHash> slot_of_;
  // Of relays whose slots are returned, until somebody asks.
  std::unordered_map<turn::RelayHandle, RelayTraffic, turn::RelayHandleHash> untold_;
  std::vector<std::uint16_t> relay_ports_;  // by port: how many slots have it
};

}  // namespace relay
