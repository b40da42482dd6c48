#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"
#include "server/datapath/kernel/kernel_datapath.h"
#include "server/metrics/shard_counters.h"
#include "server/net/shard_group.h"

// From the configuration to the datapath in the kernel.
namespace relay {

// The datapath that `relay.datapath` asks for; a reload may ask for another one. One thread at a
// time, except where noted.
class KernelPath {
 public:
  // What is open, and not in use yet.
  struct Opened {
    Config::Datapath choice = Config::Datapath::kUserspace;
    std::shared_ptr<KernelDatapath> datapath;  // nullptr: everything is relayed in userspace
    std::string description;                   // which datapath there is, and why
  };
  // For the listeners that are open. `former`, if it is what is asked for, is opened again.
  // `inherited`: as KernelDatapath::Open.
  // Error: the configuration insists on the kernel, and the system says no.
  static base::Result<Opened> Open(const Config& config,
                                   const std::vector<ShardGroup::ListenerState>& listeners,
                                   const std::vector<turn::RelayAddress>& relay_addresses,
                                   const Opened& former,
                                   std::optional<std::vector<KernelLink>> inherited = {});

  explicit KernelPath(Opened opened) : now_(std::move(opened)) {}

  // Starts what there is. Not before the process has given up what it does not need: threads have
  // the rights of whoever starts them.
  void Start();
  // Puts it in the place of what there is, which is detached, and starts it. The shards have to be
  // told.
  void Replace(Opened opened);
  const Opened& now() const { return now_; }

  // What the kernel has counted since the start, whichever datapaths there were meanwhile. The
  // counters may be read from any thread.
  const ShardCounters& ReadCounters() const;

 private:
  Opened now_;
  fastpath_totals former_totals_{};  // of those that are detached
  mutable ShardCounters counters_;
};

// What of it a reload can change while it goes on.
KernelDatapath::Settings MakeKernelSettings(const Config& config);

}  // namespace relay
