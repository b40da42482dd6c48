#pragma once

#include <memory>
#include <vector>

#include "server/app/relay_server.h"
#include "server/config/config.h"
#include "server/fleet/fleet.h"
#include "server/fleet/redis_address.h"
#include "server/http/event_loop.h"

// From the configuration to the fleet that the node belongs to.
namespace relay {

// `relay` is nullptr in a process without one. Both must outlive the fleet.
std::unique_ptr<Fleet> MakeFleet(const Config& config, RelayServer* relay, EventLoop& loop);

// Every registry that the configuration names, this region's first; none: the node is alone.
std::vector<RedisAddress> RegistriesOf(const Config& config);

}  // namespace relay
