#pragma once

#include <string>
#include <vector>

#include "server/config/config.h"

namespace relay {

// What tells what a process will go on needing.
struct ProcessUse {
  std::string configuration_file;  // empty: none
  std::vector<std::string> files;  // that the configuration names, secrets and the like
  std::string admin_socket;        // empty: none
  bool has_kernel_datapath = false;
};

// Gives up the rest (process.sandbox), and says so in the log. Everything is open by then, and no
// thread but the calling one exists.
void GiveUpRights(const Config& config, const ProcessUse& use);

}  // namespace relay
