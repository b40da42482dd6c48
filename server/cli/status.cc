#include <iostream>

#include "server/cli/admin.h"
#include "server/cli/commands.h"
#include "server/http/line_client.h"

namespace relay {

int RunStatus(const AdminOptions& options) {
  // A running server goes on without the files, and then its status is wanted most.
  const auto socket = FindAdminSocket(
      options, [](const Diagnostic& error) { return !error.key.starts_with("tls."); });
  if (!socket) return kExitUsage;
  auto answer = AskLine(*socket, "status");
  if (!answer.ok()) {
    return Complain(kExitFailed, "no running server is reached over '" + *socket +
                                     "': " + answer.error().message);
  }
  std::cout << answer.value();
  if (!answer.value().ends_with('\n')) std::cout << '\n';
  std::cout << std::flush;
  return kExitDone;
}

}  // namespace relay
