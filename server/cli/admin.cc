#include "server/cli/admin.h"

#include <sys/stat.h>

#include <vector>

#include "server/app/admin_socket.h"

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

std::optional<std::string> FindAdminSocket(
    const AdminOptions& options, const std::function<bool(const Diagnostic& error)>& matters) {
  if (options.socket) return options.socket;
  const ConfigSource& source = options.source;
  LoadedConfig loaded =
      source.file ? LoadConfigFile(*source.file, source.overrides)
                  : LoadConfigText("", "", source.overrides, {}, CertificateNeed::kIsMadeIfMissing);
  std::erase_if(loaded.errors, [&](const Diagnostic& error) { return !matters(error); });
  for (const Diagnostic& error : loaded.errors) Complain(kExitUsage, error.ToString());
  if (!loaded.ok()) return std::nullopt;
  return FindSocket(loaded.config, !source.file);
}

}  // namespace relay
