#include "server/datapath/kernel/kernel_routes.h"

#include <algorithm>

#include <arpa/inet.h>

#include <cstring>

namespace relay {
namespace {

fastpath_address ToFastpath(const base::IpAddress& address) {
  fastpath_address out;
  std::memcpy(&out, address.octets().data(), sizeof(out));
  return out;
}

fastpath_route ToFastpath(const turn::Route& route) {
  fastpath_route out{};
  const base::FiveTuple& five_tuple = route.client.five_tuple;
  out.channel.client = ToFastpath(five_tuple.client.address);
  out.channel.server = ToFastpath(five_tuple.server.address);
  out.channel.client_port = htons(five_tuple.client.port);
  out.channel.server_port = htons(five_tuple.server.port);
  out.channel.channel = htons(route.channel.value);
  out.peer.relayed = ToFastpath(route.relayed.endpoint.address);
  out.peer.peer = ToFastpath(route.peer.endpoint.address);
  out.peer.relayed_port = htons(route.relayed.endpoint.port);
  out.peer.peer_port = htons(route.peer.endpoint.port);
  out.deadline_ns = ToFastpathTime(route.deadline);
  out.flags = route.peer_is_own_relay ? FASTPATH_PEER_IS_OWN_RELAY : 0;
  return out;
}

}  // namespace

KernelRoutes::KernelRoutes(FastpathMaps& maps, NextHops& hops)
    : maps_(maps),
      hops_(hops),
      route_indices_(0, maps.sizes().routes),
      slot_indices_(0, maps.sizes().slots) {}

std::size_t KernelRoutes::RouteNameHash::operator()(const RouteName& name) const noexcept {
  const base::EndpointHash hash;
  return (hash(name.client) * 31 + hash(name.server)) * 31 + name.channel;
}

KernelRoutes::RouteName KernelRoutes::NameOf(const turn::Client& client,
                                             stun::ChannelNumber channel) {
  return {client.five_tuple.client, client.five_tuple.server, channel.value};
}

void KernelRoutes::Install(const turn::Route& route, base::MonotonicTime now) {
  const RouteName name = NameOf(route.client, route.channel);
  if (const auto found = routes_.find(name); found != routes_.end()) {
    const Installed& installed = found->second;
    if (installed.relay == route.relay && installed.peer == route.peer &&
        installed.peer_is_own_relay == route.peer_is_own_relay)
      return maps_.SetDeadline(installed.index, route.deadline);
    Forget(installed, now);
    routes_.erase(found);
  }
  if (const auto installed = Prepare(route, now)) routes_.emplace(name, *installed);
}

void KernelRoutes::Remove(const turn::RouteKey& key, base::MonotonicTime now) {
  const auto found = routes_.find(NameOf(key.client, key.channel));
  if (found == routes_.end() || found->second.relay != key.relay) return;
  Forget(found->second, now);
  routes_.erase(found);
}

std::optional<KernelShare> KernelRoutes::ShareOf(const turn::RouteKey& key) const {
  const auto found = routes_.find(NameOf(key.client, key.channel));
  if (found == routes_.end() || found->second.relay != key.relay) return std::nullopt;
  const std::uint32_t index = found->second.index;
  fastpath_slot& slot = maps_.slot(slots_.find(key.relay)->second.index);
  return KernelShare{
      .handovers = {&maps_.handover(index, FASTPATH_CLIENT_TO_PEER),
                    &maps_.handover(index, FASTPATH_PEER_TO_CLIENT)},
      .buckets = {&slot.meters[FASTPATH_CLIENT_TO_PEER], &slot.meters[FASTPATH_PEER_TO_CLIENT]},
      .memory = maps_.memory()};
}

std::optional<KernelRoutes::Installed> KernelRoutes::Prepare(const turn::Route& route,
                                                             base::MonotonicTime now) {
  const base::FiveTuple& five_tuple = route.client.five_tuple;
  const auto index = route_indices_.Take(now);
  if (!index) return std::nullopt;
  const auto slot = TakeSlot(route, now);
  const auto to_client =
      slot ? hops_.Acquire(five_tuple.server.address, five_tuple.client.address, now)
           : std::nullopt;
  const auto to_peer =
      to_client && !route.peer_is_own_relay
          ? hops_.Acquire(route.relayed.endpoint.address, route.peer.endpoint.address, now)
          : std::nullopt;
  if (to_client && (to_peer || route.peer_is_own_relay)) {
    fastpath_route record = ToFastpath(route);
    record.slot = *slot;
    record.next_hop_to_client = ToFastpathHop(*to_client);
    record.next_hop_to_peer = to_peer ? ToFastpathHop(*to_peer) : 0;
    if (maps_.InstallRoute(*index, record).ok()) {
      return Installed{.index = *index,
                       .relay = route.relay,
                       .peer = route.peer,
                       .peer_is_own_relay = route.peer_is_own_relay,
                       .hop_to_client = *to_client,
                       .hop_to_peer = to_peer};
    }
  }
  // There is no room: userspace has the route.
  if (to_peer) hops_.Release(*to_peer);
  if (to_client) hops_.Release(*to_client);
  if (slot) ReturnSlot(route.relay, now);
  route_indices_.Return(*index, now);
  return std::nullopt;
}

void KernelRoutes::Forget(const Installed& installed, base::MonotonicTime now) {
  maps_.RemoveRoute(installed.index);
  route_indices_.Return(installed.index, now);
  hops_.Release(installed.hop_to_client);
  if (installed.hop_to_peer) hops_.Release(*installed.hop_to_peer);
  ReturnSlot(installed.relay, now);
}

std::optional<std::uint32_t> KernelRoutes::TakeSlot(const turn::Route& route,
                                                    base::MonotonicTime now) {
  if (const auto found = slots_.find(route.relay); found != slots_.end()) {
    ++found->second.routes;
    return found->second.index;
  }
  if (route.user.value >= maps_.sizes().users) return std::nullopt;
  const auto index = slot_indices_.Take(now);
  if (!index) return std::nullopt;
  maps_.ResetSlot(*index, route.user);
  const std::uint16_t port = route.relayed.endpoint.port;
  slots_.emplace(
      route.relay,
      Slot{.index = *index, .routes = 1, .relay_port = port, .told = ReadTraffic(*index)});
  if (++relay_ports_[port] == 1) maps_.SetPortRole(port, FASTPATH_PORT_RELAY);
  return index;
}

void KernelRoutes::ReturnSlot(turn::RelayHandle relay, base::MonotonicTime now) {
  const auto found = slots_.find(relay);
  if (--found->second.routes != 0) return;
  untold_[relay] += TakeTrafficOf(found->second);
  slot_indices_.Return(found->second.index, now);
  const auto port = relay_ports_.find(found->second.relay_port);
  if (--port->second == 0) {
    maps_.SetPortRole(port->first, FASTPATH_PORT_FOREIGN);
    relay_ports_.erase(port);
  }
  slots_.erase(found);
}

RelayTraffic KernelRoutes::ReadTraffic(std::uint32_t slot) const {
  const auto counters = maps_.ReadSlot(slot);
  if (!counters.ok()) return {};
  const auto& directions = counters.value().directions;
  const fastpath_traffic& to_peer = directions[FASTPATH_CLIENT_TO_PEER];
  const fastpath_traffic& to_client = directions[FASTPATH_PEER_TO_CLIENT];
  RelayTraffic traffic{};
  traffic[LabelIndex(Direction::kClientToPeer)] = {to_peer.packets, to_peer.bytes};
  traffic[LabelIndex(Direction::kPeerToClient)] = {to_client.packets, to_client.bytes};
  return traffic;
}

RelayTraffic KernelRoutes::TakeTrafficOf(Slot& slot) const {
  const RelayTraffic now = ReadTraffic(slot.index);
  RelayTraffic since{};
  const auto more = [](std::uint64_t later, std::uint64_t before) {
    return later - std::min(later, before);
  };
  for (std::size_t i = 0; i < since.size(); ++i) {
    since[i] = {more(now[i].packets, slot.told[i].packets), more(now[i].bytes, slot.told[i].bytes)};
  }
  slot.told = now;
  return since;
}

RelayTraffic KernelRoutes::TakeTraffic(turn::RelayHandle relay) {
  RelayTraffic traffic{};
  if (const auto untold = untold_.extract(relay); !untold.empty()) traffic += untold.mapped();
  if (const auto found = slots_.find(relay); found != slots_.end())
    traffic += TakeTrafficOf(found->second);
  return traffic;
}

}  // namespace relay
