#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "server/cli/command_tree.h"

namespace relay {

// A script that completes the program's commands, options and their values in a shell: "bash",
// "zsh" or "fish". nullopt: another one.
std::optional<std::string> CompletionScript(const CommandNode& program, std::string_view shell);

}  // namespace relay
