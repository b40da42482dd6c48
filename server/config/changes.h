#pragma once

#include <string>
#include <vector>

#include "server/config/config.h"

namespace relay {

// The keys, as in the schema, in which two configurations differ. A list of maps is one key:
// "auth.users".
struct ConfigChanges {
  std::vector<std::string> by_reload;
  std::vector<std::string> by_restart;

  bool empty() const { return by_reload.empty() && by_restart.empty(); }
};

// What it would take to turn the running configuration into the loaded one. Values are compared,
// not their spelling; a secret is the same wherever it was read from.
ConfigChanges CompareConfigs(const Config& running, const Config& loaded);

}  // namespace relay
