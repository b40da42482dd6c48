#pragma once

#include <string>
#include <vector>

#include "server/fleet/fleet.h"
#include "server/fleet/redis_address.h"

namespace relay {

// What the registries say at one moment.
struct FleetReading {
  // Of all that answered, in the order of their names; draining and unready ones, too. A name that
  // several registries have is taken from the first of them.
  std::vector<FleetNode> nodes;
  // One phrase for each registry whose nodes may be missing: which, and why. Printable ASCII.
  std::vector<std::string> troubles;
};

// Asks all of them at once, for a command, which belongs to no fleet: nothing is announced, written
// or kept. Blocks, on a loop of its own, for at most five seconds, however many there are. A name
// counts as long as its text has not expired, which is six seconds after the last sign of life.
FleetReading ReadFleet(const std::vector<RedisAddress>& registries);

}  // namespace relay
