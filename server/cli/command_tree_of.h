#pragma once

#include <CLI/CLI.hpp>

#include "server/cli/command_tree.h"

namespace relay {

// What is not hidden of the commands that the library parses.
CommandNode TreeOf(const CLI::App& app);

}  // namespace relay
