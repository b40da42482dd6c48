#pragma once

#include <functional>
#include <string>

#include "protocol/base/result.h"
#include "server/control/admin_routes.h"
#include "server/http/event_loop.h"

namespace relay {

// What came of an upgrade: a sentence, or why there was none. Any thread.
using UpgradeDone = std::function<void(base::Result<std::string>)>;

// Adds the command "upgrade": `start` is called on the loop's thread, and the answer goes out when
// it has called back. Both references must outlive the command.
void AddUpgradeCommand(AdminRoutes& commands, EventLoop& loop,
                       std::function<void(UpgradeDone)> start);

}  // namespace relay
