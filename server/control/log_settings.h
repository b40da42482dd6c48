#pragma once

#include "server/config/config.h"
#include "server/log/log.h"

namespace relay {

// `log.format` and `log.level` in the words of the log. It has no level below debug: "trace" is the
// same.
LogFormat LogFormatOf(const Config::Log& settings);
LogLevel LogLevelOf(const Config::Log& settings);

}  // namespace relay
