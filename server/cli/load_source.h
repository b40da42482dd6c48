#pragma once

#include "protocol/base/result.h"
#include "server/cli/commands.h"
#include "server/config/load.h"

namespace relay {

// The configuration that a command is asked about, as the server would use it; without a file the
// embedded default, for which no certificate is made. A configuration with errors is no failure.
base::Result<LoadedConfig> LoadSource(const ConfigSource& source);

}  // namespace relay
