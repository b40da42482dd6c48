#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/doctor/finding.h"
#include "server/doctor/netfilter.h"

namespace relay {

// Whether packets can be relayed in the kernel.
struct KernelFacts {
  std::string missing_capabilities;  // of the server, "CAP_BPF and CAP_NET_ADMIN"; empty: none
  bool has_perfmon = true;
  // Why the kernel does not take the program; nullopt: it was not asked, for lack of the right to.
  std::optional<std::string> load_problem;
};

// Loads the program, attached to nothing, if this process may. `effective` are the capabilities of
// the server, or of this process if none runs.
KernelFacts ReadKernelFacts(std::uint64_t effective_capabilities);

// Area "datapath". `chains` are the rules that could be read: relayed packets pass by them. Pure.
Findings CheckKernel(const KernelFacts& facts,
                     const std::optional<std::vector<NetfilterChain>>& chains,
                     Config::Datapath choice);

}  // namespace relay
