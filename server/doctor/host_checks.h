#pragma once

#include "server/config/config.h"
#include "server/doctor/finding.h"
#include "server/doctor/host_facts.h"

// What a host must have for the relays that a configuration allows. Pure: the facts are arguments.
namespace relay {

// Relays that there can be: ports of every address, unless limits.allocations is below.
std::uint64_t MostRelays(const Config& config, std::size_t relay_addresses);

// Area "files": a descriptor for each relay, and some for everything else.
Finding CheckOpenFiles(const HostFacts& facts, std::uint64_t most_relays);
// Area "ports": whether the system gives relay ports to other programs.
Finding CheckEphemeralPorts(const HostFacts& facts, const Config& config);
// Area "conntrack": how full the table is, and that relayed packets need not be in it.
Finding CheckConntrack(const HostFacts& facts, const Config& config);
// Area "buffers": what the sockets ask for against what they get.
Finding CheckSocketBuffers(const HostFacts& facts);

}  // namespace relay
