#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <unordered_map>

#include "protocol/base/time.h"
#include "server/datapath/datapath.h"
#include "server/datapath/kernel/fastpath_indices.h"
#include "server/datapath/kernel/fastpath_maps.h"
#include "server/datapath/kernel/next_hops.h"

namespace relay {

// The program's index 0 is the hop that is never known.
constexpr std::uint32_t ToFastpathHop(std::uint32_t hop) { return hop + 1; }

// The routes that the program looks up, each with its place in the maps, the next hops that it
// uses and its allocation's meter. Not synchronized.
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
  // A route by the client's side, which is unique.
  struct RouteName {
    base::Endpoint client;
    base::Endpoint server;
    std::uint16_t channel = 0;
    friend bool operator==(const RouteName&, const RouteName&) = default;
  };
  struct RouteNameHash {
    std::size_t operator()(const RouteName& name) const noexcept;
  };
  struct Installed {
    std::uint32_t index = 0;
    turn::RelayHandle relay;
    turn::PeerAddress peer;
    bool peer_is_own_relay = false;
    std::uint32_t hop_to_client = 0;
    std::optional<std::uint32_t> hop_to_peer;
  };
  // An allocation's place among the meters.
  struct Slot {
    std::uint32_t index = 0;
    std::uint32_t routes = 0;
    std::uint16_t relay_port = 0;
    RelayTraffic told{};  // of its counters, which go on from one allocation to the next
  };

  static RouteName NameOf(const turn::Client& client, stun::ChannelNumber channel);

  std::optional<Installed> Prepare(const turn::Route& route, base::MonotonicTime now);
  void Forget(const Installed& installed, base::MonotonicTime now);
  std::optional<std::uint32_t> TakeSlot(const turn::Route& route, base::MonotonicTime now);
  void ReturnSlot(turn::RelayHandle relay, base::MonotonicTime now);
  RelayTraffic ReadTraffic(std::uint32_t slot) const;
  RelayTraffic TakeTrafficOf(Slot& slot) const;

  FastpathMaps& maps_;
  NextHops& hops_;
  FastpathIndices route_indices_;
  FastpathIndices slot_indices_;
  std::unordered_map<RouteName, Installed, RouteNameHash> routes_;
  std::unordered_map<turn::RelayHandle, Slot, turn::RelayHandleHash> slots_;
  // Of relays whose slots are returned, until somebody asks.
  std::unordered_map<turn::RelayHandle, RelayTraffic, turn::RelayHandleHash> untold_;
  std::unordered_map<std::uint16_t, std::uint32_t> relay_ports_;  // how many slots have it
};

}  // namespace relay
