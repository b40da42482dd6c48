#include <chrono>
#include <iostream>

#include "server/cli/admin.h"
#include "server/cli/commands.h"

namespace relay {

int RunUpgrade(const AdminOptions& options) {
  constexpr std::chrono::minutes kPatience{3};  // the new process opens everything first
  const auto socket = FindAdminSocket(options);
  if (!socket) return kExitFailed;
  const auto answer = AskServer(*socket, "upgrade", kPatience);
  if (!answer) return kExitFailed;
  std::cout << *answer << '\n' << std::flush;
  return kExitDone;
}

}  // namespace relay
