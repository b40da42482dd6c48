#pragma once

#include <string>
#include <vector>

#include "server/fleet/fleet.h"

namespace relay {

// {"nodes": [...]} as GET /v1/nodes answers.
std::string NodesDocument(const std::vector<FleetNode>& nodes);

}  // namespace relay
