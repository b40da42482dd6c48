#pragma once

#include <optional>
#include <string>

namespace relay {

// Of the service that the Debian package installs (deploy/systemd/senso-turn.service).
inline constexpr const char* kInstalledConfig = "/etc/senso-turn/senso-turn.yaml";

// The path, if there is such a file, or whether there is cannot be seen without more rights: then
// to read it fails, and says so. nullopt: no service is installed.
std::optional<std::string> FindInstalledConfig(const std::string& path = kInstalledConfig);

}  // namespace relay
