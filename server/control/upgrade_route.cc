#include "server/control/upgrade_route.h"

#include <string_view>
#include <utility>

namespace relay {

void AddUpgradeCommand(AdminRoutes& commands, EventLoop& loop,
                       std::function<void(UpgradeDone)> start) {
  commands.AddLater("upgrade", [&loop, start = std::move(start)](std::string_view arguments,
                                                                 const LineReply& reply) {
    if (!arguments.empty()) return reply.Finish(AdminError("upgrade takes nothing"));
    start([&loop, reply](base::Result<std::string> result) {
      loop.Post([reply, result = std::move(result)] {
        reply.Finish(result.ok() ? result.value() + "\n" : AdminError(result.error().message));
      });
    });
  });
}

}  // namespace relay
