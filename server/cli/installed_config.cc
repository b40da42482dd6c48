#include "server/cli/installed_config.h"

#include <unistd.h>

#include <cerrno>

namespace relay {

std::optional<std::string> FindInstalledConfig(const std::string& path) {
  if (::access(path.c_str(), F_OK) == 0 || errno == EACCES) return path;
  return std::nullopt;
}

}  // namespace relay
