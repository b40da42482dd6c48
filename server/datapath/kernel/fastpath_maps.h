#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "server/datapath/kernel/fastpath_abi.h"
#include "server/datapath/kernel/shared_array.h"
#include "server/datapath/shared_buckets.h"
#include "server/datapath/traffic_limits.h"

namespace relay {

// How many of each there can be. Kernel memory: about 320 octets for a route, 64 for a slot and 32
// more on each CPU.
struct FastpathSizes {
  std::uint32_t routes = 65536;
  std::uint32_t slots = 32768;
  std::uint32_t users = 32768;  // one less: the first place is the server's
  std::uint32_t next_hops = 1024;
};

// Typed access to the maps of a loaded BpfProgram, which must outlive it. Arrays are memory that is
// shared with the kernel, so that most of this costs no system call. Any thread may call anything,
// as long as two threads do not write to the same index (or the same setting) at once. Indices out
// of range are a bug of the caller (CHECK).
class FastpathMaps {
 public:
  // Maps the arrays of a loaded object; the descriptors stay the caller's.
  struct Descriptors {
    int by_channel = -1;
    int by_peer = -1;
    int routes = -1;
    int slots = -1;
    int shared = -1;
    int slot_counters = -1;
    int totals = -1;
    int next_hops = -1;
    int config = -1;
    int ports = -1;
    int interfaces = -1;
  };
  static base::Result<FastpathMaps> Open(const Descriptors& descriptors,
                                         const FastpathSizes& sizes);

  const FastpathSizes& sizes() const { return sizes_; }

  // Settings of the whole program. Until the first lease everything passes. MonotonicTime::max():
  // for good, for attachments that end with the process.
  void SetLease(base::MonotonicTime until);
  void SetLimits(const TrafficLimits& limits);
  // 0: one less than the packet came with.
  void SetNewHopLimit(std::uint8_t hop_limit);
  void SetLastChannel(std::uint16_t channel);
  void SetPortRole(std::uint16_t port, fastpath_port_role role);

  // The link-layer address of an interface. XDP relays nothing that comes in there before it knows.
  void SetInterface(std::uint32_t interface_index, std::span<const std::uint8_t, 6> address);

  // Writes a record and has both hash entries lead to it. Its packets pass until they are taken
  // over. The index must not lead to a route, nor
  // have done so in the last FASTPATH_QUARANTINE_NS (FastpathIndices sees to that). An entry of
  // another record with the same key is replaced. Error: the map is full; nothing is installed.
  base::Result<void> InstallRoute(std::uint32_t index, const fastpath_route& route);
  // As it was installed last, with its deadline and next hops of now; afterwards until the index is
  // used again.
  const fastpath_route& route(std::uint32_t index) const { return shares_->routes[index]; }
  // A longer or shorter deadline, or other next hops, for an installed route. No system call.
  void SetDeadline(std::uint32_t index, base::MonotonicTime deadline);
  void SetRouteNextHops(std::uint32_t index, std::uint32_t to_client, std::uint32_t to_peer);
  // Takes the hash entries away, where they still lead to this record.
  void RemoveRoute(std::uint32_t index);
  // Where the hand-over of a direction is agreed upon with the program.
  std::uint32_t& handover(std::uint32_t index, fastpath_direction direction) {
    return shares_->routes[index].handovers[direction];
  }

  // A new allocation of a user, who must have a place: empty meters. Counters go on; remember
  // ReadSlot as where they begin.
  void ResetSlot(std::uint32_t slot, turn::UserNumber user);
  // Shared with the program, which changes them at any time.
  fastpath_slot& slot(std::uint32_t slot) { return shares_->slots[slot]; }

  // The buckets that the program charges for shared limits.
  std::shared_ptr<SharedBuckets> shared_buckets() const;

  // Keeps the memory of hand-over words and slots, also when the object is gone.
  std::shared_ptr<const void> memory() const { return shares_; }

  // Takes effect at once for every route that uses it. Index 0 is never resolved.
  void SetNextHop(std::uint32_t index, const fastpath_link& link);
  void ClearNextHop(std::uint32_t index);

  // Sums over all CPUs; each is one system call.
  base::Result<fastpath_slot_counters> ReadSlot(std::uint32_t slot) const;
  base::Result<fastpath_totals> ReadTotals() const;

 private:
  // What userspace takes part in, by KernelShare.
  struct Shares {
    SharedArray<fastpath_route> routes;
    SharedArray<fastpath_slot> slots;
    SharedArray<leaky_shared> shared;
  };

  Descriptors descriptors_;
  FastpathSizes sizes_;
  std::size_t cpus_ = 0;
  std::shared_ptr<Shares> shares_ = std::make_shared<Shares>();
  SharedArray<fastpath_next_hop> next_hops_;
  SharedArray<fastpath_config> config_;
  SharedArray<fastpath_ports> ports_;
};

// Deadlines and the clock of the program are the same clock.
std::uint64_t ToFastpathTime(base::MonotonicTime time);

}  // namespace relay
