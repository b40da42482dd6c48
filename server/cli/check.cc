#include <iostream>

#include "server/cli/commands.h"
#include "server/config/load.h"

namespace relay {
namespace {

std::string Count(std::size_t number, const std::string& noun) {
  return std::to_string(number) + " " + noun + (number == 1 ? "" : "s");
}

}  // namespace

int RunCheck(const std::string& file, const std::vector<std::string>& overrides) {
  const LoadedConfig loaded = LoadConfigFile(file, overrides);
  for (const Diagnostic& error : loaded.errors) std::cout << error.ToString() << '\n';
  for (Diagnostic warning : loaded.warnings) {
    warning.message = "warning: " + warning.message;
    std::cout << warning.ToString() << '\n';
  }
  std::cout << file << ": ";
  if (loaded.ok()) {
    std::cout << "no errors";
  } else {
    std::cout << Count(loaded.errors.size(), "error");
  }
  if (!loaded.warnings.empty()) std::cout << ", " << Count(loaded.warnings.size(), "warning");
  std::cout << '\n' << std::flush;
  return loaded.ok() ? kExitDone : kExitFailed;
}

}  // namespace relay
