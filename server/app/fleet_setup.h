#pragma once

#include <memory>

#include "server/app/relay_server.h"
#include "server/config/config.h"
#include "server/fleet/fleet.h"
#include "server/http/event_loop.h"

// From the configuration to the fleet that the node belongs to.
namespace relay {

// `relay` is nullptr in a process without one. Both must outlive the fleet.
std::unique_ptr<Fleet> MakeFleet(const Config& config, RelayServer* relay, EventLoop& loop);

}  // namespace relay
