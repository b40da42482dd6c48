#pragma once

#include <functional>
#include <optional>
#include <string>

#include "server/cli/commands.h"
#include "server/config/load.h"

namespace relay {

// Where the server of these options listens for administrators. nullopt: the configuration has
// errors that matter for it, about which there were complaints.
std::optional<std::string> FindAdminSocket(
    const AdminOptions& options, const std::function<bool(const Diagnostic& error)>& matters);

}  // namespace relay
