#include <chrono>
#include <iostream>

#include "server/cli/admin.h"
#include "server/cli/commands.h"

namespace relay {

int RunReload(const AdminOptions& options) {
  constexpr std::chrono::seconds kPatience{60};  // many users take a while
  const auto socket = FindAdminSocket(options);
  if (!socket) return kExitFailed;
  const auto answer = AskServer(*socket, "reload", kPatience);
  if (!answer) return kExitFailed;
  std::cout << *answer << '\n' << std::flush;
  return kExitDone;
}

}  // namespace relay
