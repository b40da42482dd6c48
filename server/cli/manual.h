#pragma once

#include <string>

#include "server/cli/command_tree.h"

namespace relay {

// senso-turn(8), for man: every command with its options, as --help has them.
std::string Manual(const CommandNode& program);

}  // namespace relay
