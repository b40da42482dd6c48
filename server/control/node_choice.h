#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "server/fleet/fleet.h"

namespace relay {

// Where somebody wants to be relayed.
struct RegionWish {
  std::string region;        // empty: no wish
  bool is_required = false;  // nowhere else, or not at all
};

// The nodes that are handed out, in the order in which clients should try them: the two of the
// region with the least load, and last, unless the region is required, one of another region.
// Nodes that drain or are not ready are never among them. The region is the one that is wished for
// if a node of it is available, else `own_region`, else that of the node with the least load.
// Empty: no node can be had.
std::vector<FleetNode> ChooseNodes(std::vector<FleetNode> nodes, const RegionWish& wish,
                                   std::string_view own_region);

}  // namespace relay
