#include "server/datapath/kernel/fastpath_maps.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <type_traits>
#include <vector>

#include "protocol/base/check.h"
#include "server/datapath/kernel_share.h"

namespace relay {
namespace {

static_assert(sizeof(fastpath_channel_key) == 40 && sizeof(fastpath_peer_key) == 36,
              "keys have no padding: the kernel compares all of their octets");
static_assert(sizeof(fastpath_route) == 128);
static_assert(FASTPATH_TAKEN_OVER == KernelShare::kTakenOver &&
              FASTPATH_PASSED_ONE == KernelShare::kPassedOne);
static_assert(sizeof(fastpath_link) == 24);
static_assert(sizeof(fastpath_next_hop) == 8 + FASTPATH_LINK_VERSIONS * sizeof(fastpath_link));

// What the program may read at the same moment is written whole.
template <typename T>
void Store(T& to, std::type_identity_t<T> value) {
  std::atomic_ref<T>(to).store(value, std::memory_order_release);
}

base::Error SystemError(const std::string& what) { return {what + ": " + std::strerror(errno)}; }

// Sums of words as they stand in memory, in one's complement (RFC 1071).
std::uint32_t Fold(std::uint64_t sum) {
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >> 16);
  return static_cast<std::uint32_t>(sum);
}

std::uint64_t Sum(const fastpath_address& address) {
  std::uint64_t sum = 0;
  for (const __u32 word : address.words) sum += word;
  return sum;
}

fastpath_sums MakeSums(const fastpath_address& one, const fastpath_address& other,
                       std::uint32_t one_port, std::uint32_t other_port) {
  return {.addresses = Fold(Sum(one) + Sum(other)), .ports = Fold(one_port + other_port)};
}

// Removes the entry if it leads to the record; another record may have taken its place.
template <typename Key>
void RemoveEntry(int map, const Key& key, std::uint32_t index) {
  std::uint32_t found = 0;
  if (bpf_map_lookup_elem(map, &key, &found) == 0 && found == index) bpf_map_delete_elem(map, &key);
}

void Add(fastpath_traffic& sum, const fastpath_traffic& more) {
  sum.packets += more.packets;
  sum.bytes += more.bytes;
}

}  // namespace

std::uint64_t ToFastpathTime(base::MonotonicTime time) {
  const auto since_start = std::chrono::nanoseconds(time.time_since_epoch()).count();
  return since_start < 0 ? 0 : static_cast<std::uint64_t>(since_start);
}

base::Result<FastpathMaps> FastpathMaps::Open(const Descriptors& descriptors,
                                              const FastpathSizes& sizes) {
  FastpathMaps maps;
  maps.descriptors_ = descriptors;
  maps.sizes_ = sizes;
  const int cpus = libbpf_num_possible_cpus();
  if (cpus <= 0) return base::Error{"the number of CPUs is not known"};
  maps.cpus_ = static_cast<std::size_t>(cpus);
  if (!maps.shares_->routes.Map(descriptors.routes, sizes.routes) ||
      !maps.shares_->slots.Map(descriptors.slots, sizes.slots) ||
      !maps.shares_->shared.Map(descriptors.shared, sizes.users) ||
      !maps.next_hops_.Map(descriptors.next_hops, sizes.next_hops) ||
      !maps.config_.Map(descriptors.config, 1) || !maps.ports_.Map(descriptors.ports, 1))
    return SystemError("the maps of the kernel datapath cannot be shared");
  for (std::uint32_t index = 0; index < sizes.next_hops; ++index)
    maps.next_hops_[index].current = FASTPATH_UNRESOLVED;
  maps.SetLastChannel(0x4fff);
  return maps;
}

void FastpathMaps::SetLease(base::MonotonicTime until) {
  Store(config_[0].lease_until_ns, ToFastpathTime(until));
}

void FastpathMaps::SetLimits(const TrafficLimits& limits) {
  const auto set = [](fastpath_rates& rates, const RateLimits& wanted) {
    Store(rates.bytes_per_second, wanted.bytes_per_second);
    Store(rates.packets_per_second, wanted.packets_per_second);
  };
  set(config_[0].allocation, limits.allocation);
  set(config_[0].user, limits.shared.user);
  set(config_[0].total, limits.shared.total);
}

std::shared_ptr<SharedBuckets> FastpathMaps::shared_buckets() const {
  return std::make_shared<SharedBuckets>(std::span(&shares_->shared[0], sizes_.users), shares_);
}

void FastpathMaps::SetNewHopLimit(std::uint8_t hop_limit) {
  Store(config_[0].new_hop_limit, hop_limit);
}

void FastpathMaps::SetLastChannel(std::uint16_t channel) {
  Store(config_[0].last_channel, channel);
}

void FastpathMaps::SetPortRole(std::uint16_t port, fastpath_port_role role) {
  Store(ports_[0].roles[port], static_cast<std::uint8_t>(role));
}

void FastpathMaps::SetInterface(std::uint32_t interface_index,
                                std::span<const std::uint8_t, 6> address) {
  const std::uint32_t place = interface_index % FASTPATH_INTERFACES;
  fastpath_interface value{};
  value.index = interface_index;
  std::ranges::copy(address, value.address);
  bpf_map_update_elem(descriptors_.interfaces, &place, &value, BPF_ANY);
}

base::Result<void> FastpathMaps::InstallRoute(std::uint32_t index, const fastpath_route& route) {
  CHECK(route.slot < sizes_.slots);
  CHECK(std::max(route.next_hop_to_client, route.next_hop_to_peer) < sizes_.next_hops);
  fastpath_route& record = shares_->routes[index];
  record = route;
  record.channel_sums = MakeSums(route.channel.client, route.channel.server,
                                 route.channel.client_port, route.channel.server_port);
  record.peer_sums =
      MakeSums(route.peer.relayed, route.peer.peer, route.peer.relayed_port, route.peer.peer_port);
  for (__u32& handover : record.handovers) handover = 0;
  if (bpf_map_update_elem(descriptors_.by_channel, &route.channel, &index, BPF_ANY) != 0)
    return SystemError("no room for a channel in the kernel datapath");
  if (bpf_map_update_elem(descriptors_.by_peer, &route.peer, &index, BPF_ANY) != 0) {
    const base::Error error = SystemError("no room for a peer in the kernel datapath");
    RemoveEntry(descriptors_.by_channel, route.channel, index);
    return error;
  }
  return {};
}

void FastpathMaps::SetDeadline(std::uint32_t index, base::MonotonicTime deadline) {
  Store(shares_->routes[index].deadline_ns, ToFastpathTime(deadline));
}

void FastpathMaps::SetRouteNextHops(std::uint32_t index, std::uint32_t to_client,
                                    std::uint32_t to_peer) {
  CHECK(std::max(to_client, to_peer) < sizes_.next_hops);
  Store(shares_->routes[index].next_hop_to_client, to_client);
  Store(shares_->routes[index].next_hop_to_peer, to_peer);
}

void FastpathMaps::RemoveRoute(std::uint32_t index) {
  fastpath_route& route = shares_->routes[index];
  Store(route.deadline_ns, 0);
  RemoveEntry(descriptors_.by_channel, route.channel, index);
  RemoveEntry(descriptors_.by_peer, route.peer, index);
}

void FastpathMaps::ResetSlot(std::uint32_t slot, turn::UserNumber user) {
  CHECK(user.value < sizes_.users);
  Store(shares_->slots[slot].user, user.value);
  for (leaky_buckets& meter : shares_->slots[slot].meters) {
    Store(meter.bytes_empty_at_ns, 0);
    Store(meter.packets_empty_at_ns, 0);
    Store(meter.modest_empty_at_ns, 0);
  }
}

void FastpathMaps::SetNextHop(std::uint32_t index, const fastpath_link& link) {
  CHECK(index != 0);
  fastpath_next_hop& hop = next_hops_[index];
  hop.last = (hop.last + 1) % FASTPATH_LINK_VERSIONS;
  hop.versions[hop.last] = link;
  Store(hop.current, hop.last);
}

void FastpathMaps::ClearNextHop(std::uint32_t index) {
  Store(next_hops_[index].current, FASTPATH_UNRESOLVED);
}

base::Result<fastpath_slot_counters> FastpathMaps::ReadSlot(std::uint32_t slot) const {
  CHECK(slot < sizes_.slots);
  std::vector<fastpath_slot_counters> by_cpu(cpus_);
  if (bpf_map_lookup_elem(descriptors_.slot_counters, &slot, by_cpu.data()) != 0)
    return SystemError("the counters of an allocation cannot be read");
  fastpath_slot_counters sum{};
  for (const fastpath_slot_counters& one : by_cpu)
    for (std::size_t i = 0; i < FASTPATH_DIRECTIONS; ++i) Add(sum.directions[i], one.directions[i]);
  return sum;
}

base::Result<fastpath_totals> FastpathMaps::ReadTotals() const {
  const std::uint32_t only = 0;
  std::vector<fastpath_totals> by_cpu(cpus_);
  if (bpf_map_lookup_elem(descriptors_.totals, &only, by_cpu.data()) != 0)
    return SystemError("the counters of the kernel datapath cannot be read");
  fastpath_totals sum{};
  for (const fastpath_totals& one : by_cpu) {
    for (std::size_t i = 0; i < FASTPATH_DIRECTIONS; ++i) Add(sum.relayed[i], one.relayed[i]);
    for (std::size_t i = 0; i < FASTPATH_OUTCOMES; ++i) sum.outcomes[i] += one.outcomes[i];
  }
  return sum;
}

}  // namespace relay
