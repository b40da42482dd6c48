#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <string_view>

#include "protocol/base/result.h"

namespace relay {

// Sends one line to a LineServer and returns its whole answer; blocks until then. `line` has no
// newline. Fails when nobody listens there, or no answer comes in time, or it is longer than 16
// MiB.
base::Result<std::string> AskLine(const std::string& socket_path, std::string_view line,
                                  std::chrono::milliseconds timeout = std::chrono::seconds(10));

// The same for an answer that comes line by line: `on_line` is called with each as it comes,
// without its end. Fails also when nothing comes for so long.
base::Result<void> FollowLines(const std::string& socket_path, std::string_view line,
                               std::chrono::milliseconds silence,
                               const std::function<void(std::string_view)>& on_line);

}  // namespace relay
