#pragma once

#include <optional>
#include <string>
#include <vector>

namespace relay {

// What `senso-turn serve` was asked to do.
struct ServeOptions {
  std::optional<std::string> config_file;  // nullopt: the embedded default
  std::vector<std::string> overrides;      // "key.path=value", applied in this order
  // Where a running server gives what it has to whoever takes over from it; nullopt: a cold start.
  std::optional<std::string> take_over;
};

// Runs the server until it is told to stop. Returns the exit code of the process: 0 after an
// orderly stop, 1 when something could not be opened, 2 when the configuration is wrong. Errors and
// warnings go to standard error, the start-up summary to standard output.
int Serve(const ServeOptions& options);

}  // namespace relay
