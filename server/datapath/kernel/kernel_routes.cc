#include "server/datapath/kernel/kernel_routes.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>

#include "protocol/base/hash.h"

namespace relay {
namespace {

fastpath_address ToFastpath(const base::IpAddress& address) {
  fastpath_address out;
  std::memcpy(&out, address.octets().data(), sizeof(out));
  return out;
}

fastpath_channel_key ToFastpath(const turn::Client& client, stun::ChannelNumber channel) {
  fastpath_channel_key out{};
  const base::FiveTuple& five_tuple = client.five_tuple;
  out.client = ToFastpath(five_tuple.client.address);
  out.server = ToFastpath(five_tuple.server.address);
  out.client_port = htons(five_tuple.client.port);
  out.server_port = htons(five_tuple.server.port);
  out.channel = htons(channel.value);
  return out;
}

fastpath_route ToFastpath(const turn::Route& route) {
  fastpath_route out{};
  out.channel = ToFastpath(route.client, route.channel);
  out.peer.relayed = ToFastpath(route.relayed.endpoint.address);
  out.peer.peer = ToFastpath(route.peer.endpoint.address);
  out.peer.relayed_port = htons(route.relayed.endpoint.port);
  out.peer.peer_port = htons(route.peer.endpoint.port);
  out.deadline_ns = ToFastpathTime(route.deadline);
  out.flags = route.peer_is_own_relay ? FASTPATH_PEER_IS_OWN_RELAY : 0;
  return out;
}

bool AreSame(const fastpath_peer_key& one, const fastpath_peer_key& other) {
  return std::memcmp(&one, &other, sizeof(one)) == 0;
}

}  // namespace

KernelRoutes::KernelRoutes(FastpathMaps& maps, NextHops& hops)
    : maps_(maps),
      hops_(hops),
      route_indices_(0, maps.sizes().routes),
      slot_indices_(0, maps.sizes().slots),
      routes_(0, ByChannel(maps), ByChannel(maps)),
      relay_ports_(std::size_t{UINT16_MAX} + 1) {}

std::size_t KernelRoutes::ByChannel::Hash(const fastpath_channel_key& key) noexcept {
  std::array<std::uint64_t, 5> words;
  static_assert(sizeof(words) == sizeof(key));
  std::memcpy(words.data(), &key, sizeof(key));
  return base::HashWords({words[0], words[1], words[2], words[3], words[4]});
}

bool KernelRoutes::ByChannel::AreSame(const fastpath_channel_key& one,
                                      const fastpath_channel_key& other) noexcept {
  return std::memcmp(&one, &other, sizeof(one)) == 0;
}

void KernelRoutes::Install(const turn::Route& route, base::MonotonicTime now) {
  const fastpath_route wanted = ToFastpath(route);
  if (const auto found = routes_.find(wanted.channel); found != routes_.end()) {
    const fastpath_route& present = maps_.route(*found);
    if (slots_[present.slot].relay == route.relay && AreSame(present.peer, wanted.peer) &&
        present.flags == wanted.flags)
      return maps_.SetDeadline(*found, route.deadline);
    const std::uint32_t index = *found;
    routes_.erase(found);
    Forget(index, now);
  }
  if (const auto index = Prepare(route, wanted, now)) routes_.insert(*index);
}

void KernelRoutes::Remove(const turn::RouteKey& key, base::MonotonicTime now) {
  const auto index = Find(key);
  if (!index) return;
  routes_.erase(*index);
  Forget(*index, now);
}

std::optional<std::uint32_t> KernelRoutes::Find(const turn::RouteKey& key) const {
  const auto found = routes_.find(ToFastpath(key.client, key.channel));
  if (found == routes_.end()) return std::nullopt;
  if (slots_[maps_.route(*found).slot].relay != key.relay) return std::nullopt;
  return *found;
}

std::optional<KernelShare> KernelRoutes::ShareOf(const turn::RouteKey& key) const {
  const auto index = Find(key);
  if (!index) return std::nullopt;
  fastpath_slot& slot = maps_.slot(maps_.route(*index).slot);
  static_assert(FASTPATH_CLIENT_TO_PEER == 0 && FASTPATH_PEER_TO_CLIENT == 1);
  return KernelShare{
      .handovers = {maps_.memory(), &maps_.handover(*index, FASTPATH_CLIENT_TO_PEER)},
      .buckets = {&slot.meters[FASTPATH_CLIENT_TO_PEER], &slot.meters[FASTPATH_PEER_TO_CLIENT]}};
}

std::optional<std::uint32_t> KernelRoutes::Prepare(const turn::Route& route, fastpath_route record,
                                                   base::MonotonicTime now) {
  const auto index = route_indices_.Take(now);
  if (!index) return std::nullopt;
  if (const auto slot = TakeSlot(route, now)) {
    record.slot = *slot;
    if (AcquireHops(route, record, now)) {
      if (maps_.InstallRoute(*index, record).ok()) return index;
      ReleaseHops(record);
    }
    ReturnSlot(*slot, now);
  }
  route_indices_.Return(*index, now);
  return std::nullopt;
}

void KernelRoutes::Forget(std::uint32_t index, base::MonotonicTime now) {
  maps_.RemoveRoute(index);
  const fastpath_route& record = maps_.route(index);
  ReleaseHops(record);
  ReturnSlot(record.slot, now);
  route_indices_.Return(index, now);
}

bool KernelRoutes::AcquireHops(const turn::Route& route, fastpath_route& record,
                               base::MonotonicTime now) {
  const base::FiveTuple& five_tuple = route.client.five_tuple;
  const auto to_client = hops_.Acquire(five_tuple.server.address, five_tuple.client.address, now);
  if (!to_client) return false;
  record.next_hop_to_client = ToFastpathHop(*to_client);
  if (route.peer_is_own_relay) return true;
  const auto to_peer =
      hops_.Acquire(route.relayed.endpoint.address, route.peer.endpoint.address, now);
  if (to_peer)
    record.next_hop_to_peer = ToFastpathHop(*to_peer);
  else
    hops_.Release(*to_client);
  return to_peer.has_value();
}

void KernelRoutes::ReleaseHops(const fastpath_route& record) {
  hops_.Release(FromFastpathHop(record.next_hop_to_client));
  if (record.next_hop_to_peer != 0) hops_.Release(FromFastpathHop(record.next_hop_to_peer));
}

std::optional<std::uint32_t> KernelRoutes::TakeSlot(const turn::Route& route,
                                                    base::MonotonicTime now) {
  if (const auto found = slot_of_.find(route.relay); found != slot_of_.end()) {
    ++slots_[found->second].routes;
    return found->second;
  }
  if (route.user.value >= maps_.sizes().users) return std::nullopt;
  const auto index = slot_indices_.Take(now);
  if (!index) return std::nullopt;
  maps_.ResetSlot(*index, route.user);
  const std::uint16_t port = route.relayed.endpoint.port;
  if (*index >= slots_.size()) slots_.resize(*index + 1);
  slots_[*index] = {
      .relay = route.relay, .relay_port = port, .routes = 1, .told = ReadTraffic(*index)};
  slot_of_.emplace(route.relay, *index);
  if (++relay_ports_[port] == 1) maps_.SetPortRole(port, FASTPATH_PORT_RELAY);
  return index;
}

void KernelRoutes::ReturnSlot(std::uint32_t index, base::MonotonicTime now) {
  Slot& slot = slots_[index];
  if (--slot.routes != 0) return;
  untold_[slot.relay] += TakeTrafficOf(index);
  slot_indices_.Return(index, now);
  if (--relay_ports_[slot.relay_port] == 0)
    maps_.SetPortRole(slot.relay_port, FASTPATH_PORT_FOREIGN);
  slot_of_.erase(slot.relay);
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

RelayTraffic KernelRoutes::TakeTrafficOf(std::uint32_t slot) {
  RelayTraffic& told = slots_[slot].told;
  const RelayTraffic now = ReadTraffic(slot);
  RelayTraffic since{};
  const auto more = [](std::uint64_t later, std::uint64_t before) {
    return later - std::min(later, before);
  };
  for (std::size_t i = 0; i < since.size(); ++i) {
    since[i] = {more(now[i].packets, told[i].packets), more(now[i].bytes, told[i].bytes)};
  }
  told = now;
  return since;
}

RelayTraffic KernelRoutes::TakeTraffic(turn::RelayHandle relay) {
  RelayTraffic traffic{};
  if (const auto untold = untold_.extract(relay); !untold.empty()) traffic += untold.mapped();
  if (const auto found = slot_of_.find(relay); found != slot_of_.end())
    traffic += TakeTrafficOf(found->second);
  return traffic;
}

}  // namespace relay
