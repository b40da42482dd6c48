#pragma once

#include <variant>
#include <vector>

#include "protocol/turn/peer_policy.h"
#include "server/cli/commands.h"
#include "server/config/config.h"
#include "server/fleet/fleet_reader.h"

namespace relay {

// The node that a command is asked about.
struct SourceNode {
  Config config;
  std::vector<turn::RelayAddress> relay_addresses;
};

// As the server would use the configuration; without a file the embedded default, for which no
// certificate is made. What is wrong is complained about, and the exit code comes back.
std::variant<SourceNode, int> LoadNode(const ConfigSource& source);

// The exit code of a command that has printed what it knows of the fleet: a line on standard error
// for each registry whose nodes may be missing.
int ComplainOfMissingNodes(const FleetReading& fleet);

}  // namespace relay
