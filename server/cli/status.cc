#include <sys/stat.h>

#include <iostream>

#include "server/app/admin_socket.h"
#include "server/cli/commands.h"
#include "server/config/load.h"
#include "server/http/line_client.h"

namespace relay {
namespace {

bool IsThere(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

// Where a server of this configuration would listen; one that is there comes before those that are
// not.
std::string FindSocket(const Config& config, bool is_embedded_default) {
  if (!is_embedded_default) return config.admin.socket;
  for (const std::string& candidate : AdminSocketCandidates(config.admin.socket)) {
    if (IsThere(candidate)) return candidate;
  }
  return config.admin.socket;
}

}  // namespace

int RunStatus(const StatusOptions& options) {
  std::string socket = options.socket.value_or("");
  if (!options.socket) {
    const ConfigSource& source = options.source;
    LoadedConfig loaded = source.file ? LoadConfigFile(*source.file, source.overrides)
                                      : LoadConfigText("", "", source.overrides, {},
                                                       CertificateNeed::kIsMadeIfMissing);
    // A running server goes on without the files, and then its status is wanted most.
    std::erase_if(loaded.errors,
                  [](const Diagnostic& error) { return error.key.starts_with("tls."); });
    for (const Diagnostic& error : loaded.errors) Complain(kExitUsage, error.ToString());
    if (!loaded.ok()) return kExitUsage;
    socket = FindSocket(loaded.config, !source.file);
  }
  auto answer = AskLine(socket, "status");
  if (!answer.ok()) {
    return Complain(kExitFailed, "no running server is reached over '" + socket +
                                     "': " + answer.error().message);
  }
  std::cout << answer.value();
  if (!answer.value().ends_with('\n')) std::cout << '\n';
  std::cout << std::flush;
  return kExitDone;
}

}  // namespace relay
