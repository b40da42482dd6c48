#pragma once

#include <string>

namespace relay {

// What of the capabilities that the kernel datapath needs the calling thread does not have:
// "CAP_BPF and CAP_NET_ADMIN", say. Empty: nothing is missing.
std::string MissingCapabilities();

// Whether the kernel trusts the program's loads as they are. Without CAP_PERFMON it guards each of
// them against speculative execution, which costs time for every packet.
bool HasPerfmonCapability();

}  // namespace relay
