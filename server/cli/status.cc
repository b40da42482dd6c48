#include <iostream>

#include "server/cli/admin.h"
#include "server/cli/commands.h"

namespace relay {

int RunStatus(const StatusOptions& options) {
  // A running server goes on without the files, and then its status is wanted most.
  const auto socket = FindAdminSocket(
      options.admin, [](const Diagnostic& error) { return !error.key.starts_with("tls."); });
  if (!socket) return kExitUsage;
  const auto answer = AskServer(*socket, options.format == "json" ? "status json" : "status");
  if (!answer) return kExitFailed;
  std::cout << *answer << '\n' << std::flush;
  return kExitDone;
}

}  // namespace relay
