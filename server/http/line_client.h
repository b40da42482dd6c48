#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace relay {

// Sends one line to a LineServer and returns its whole answer; blocks until then. `line` has no
// newline. Fails when nobody listens there, or no answer comes in time, or it is longer than 16
// MiB.
base::Result<std::string> AskLine(const std::string& socket_path, std::string_view line,
                                  std::chrono::milliseconds timeout = std::chrono::seconds(10));

}  // namespace relay
