#pragma once

#include <memory>
#include <string>
#include <vector>

#include "protocol/base/result.h"
#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"
#include "server/datapath/kernel/kernel_datapath.h"
#include "server/net/shard_group.h"

// From the configuration to the datapath in the kernel.
namespace relay {

struct KernelPath {
  std::unique_ptr<KernelDatapath> datapath;  // nullptr: everything is relayed in userspace
  std::string description;                   // which datapath there is, and why
};

// Opens what `relay.datapath` asks for, for the listeners that are open, and logs which it is.
// Error: the configuration insists on the kernel, and the system says no.
base::Result<KernelPath> OpenKernelPath(const Config& config,
                                        const std::vector<ShardGroup::ListenerState>& listeners,
                                        const std::vector<turn::RelayAddress>& relay_addresses);

// What of it a reload can change.
KernelDatapath::Settings MakeKernelSettings(const Config& config);

}  // namespace relay
