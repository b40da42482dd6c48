#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "server/datapath/datapath.h"
#include "server/datapath/kernel/attachments.h"
#include "server/datapath/kernel/bpf_program.h"
#include "server/datapath/kernel/kernel_routes.h"
#include "server/datapath/kernel/network_queries.h"
#include "server/datapath/kernel/network_watch.h"
#include "server/datapath/kernel/next_hops.h"
#include "server/datapath/kernel/owned_descriptor.h"
#include "server/datapath/traffic_limits.h"

namespace relay {

// The datapath inside the kernel: turns routes into what the program of the fast path looks up,
// attaches it where packets come in, and follows the network with a thread of its own. One object
// per process, for all shards: calls may come from any thread and wait for each other, at the rate
// of control messages; packets never do (docs/adr/0012).
class KernelDatapath final : public Datapath {
 public:
  enum class Mode : std::uint8_t { kTc, kXdp };
  // Of every allocation, as userspace has them.
  struct Settings {
    TrafficLimits limits;
    std::uint8_t new_hop_limit = 0;  // of what leaves; 0: one less than it came with
    std::uint16_t last_channel = 0x4fff;
  };
  struct Options {
    Mode mode = Mode::kTc;
    // False: it is an error if nothing can be attached now.
    bool may_wait_for_interfaces = true;
    std::vector<base::IpAddress> served;        // of listeners and relays; wildcards do not count
    std::vector<std::uint16_t> listener_ports;  // of listeners over plain UDP
    std::uint32_t allocations = 16000;          // that there are at most; 0: no limit
    Settings settings;
  };

  // Loads the program and attaches it, in the network namespace of the calling thread. Error: one
  // sentence that says why the system does not let us.
  // `inherited`: as CopyLinks of the process has them that relays until this one takes over;
  // nullopt: there is none.
  static base::Result<std::unique_ptr<KernelDatapath>> Open(
      const Options& options, std::optional<std::vector<KernelLink>> inherited = {});
  // Starts the thread that follows the network, with the rights that the calling thread has then.
  // The second time it does nothing. One thread only, that of Open.
  void Start();
  // Detaches. No other call may be under way.
  ~KernelDatapath() override;
  // For good: what was attached is not any more, and routes are ignored from now on. One thread
  // only, that of Open and of interfaces(); others may go on to install and remove.
  void Detach();
  KernelDatapath(const KernelDatapath&) = delete;
  KernelDatapath& operator=(const KernelDatapath&) = delete;

  void Install(const turn::Route& route) override;
  void Remove(const turn::RouteKey& key) override;
  std::optional<KernelShare> ShareOf(const turn::RouteKey& key) override;
  RelayTraffic TakeTraffic(turn::RelayHandle relay) override;
  std::shared_ptr<SharedBuckets> shared_buckets() override {
    return program_->maps().shared_buckets();
  }
  void SetSettings(const Settings& settings);

  // For another process that takes over (docs/adr/0018); empty: it attaches its own beside these.
  std::vector<KernelLink> CopyLinks() const;
  // That process: from now on it is this program that runs there.
  void SwitchInherited();

  // How it is attached: "tcx", "clsact" or "xdp".
  std::string mode() const;
  std::vector<Attachments::State> interfaces() const;
  std::size_t route_count() const;
  // What the program has counted since the start; Detach is the end of it. nullopt: the system does
  // not tell.
  std::optional<fastpath_totals> ReadTotals() const;

 private:
  KernelDatapath(std::unique_ptr<BpfProgram> program, NetworkQueries queries, NetworkWatch watch,
                 OwnedDescriptor wake_event, AttachmentKind kind, const Options& options,
                 std::optional<std::vector<KernelLink>> inherited);

  // All of these with the lock.
  void OnHopChange(std::uint32_t hop, const NextHop* value);
  void RenewLease(base::MonotonicTime now);
  // Whether packets leave by an interface that nobody has tried to attach yet.
  bool MissesInterface() const;
  void Reconcile();
  void FollowNetwork(base::MonotonicTime now);
  // To XDP, whose link-layer address each interface has.
  void TellAddresses();
  // False: it is to end.
  bool DoRound(base::MonotonicTime now, bool* is_more);

  void RunThread();
  void Wake();

  std::unique_ptr<BpfProgram> program_;
  NetworkQueries queries_;
  NetworkWatch watch_;
  OwnedDescriptor wake_event_;  // there is something to do for the thread

  mutable std::mutex mutex_;  // over everything below
  NextHops hops_;
  KernelRoutes routes_;
  Attachments attachments_;  // with the lock, or when the thread has ended
  base::MonotonicTime advanced_at_{};
  base::MonotonicTime refreshed_at_;
  bool is_ending_ = false;

  std::thread thread_;
};

}  // namespace relay
