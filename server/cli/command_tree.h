#pragma once

#include <string>
#include <vector>

// The commands and options of the program as values, so that what is made of them (shell
// completion, the manual) can be out of date in nothing.
namespace relay {

// What stands behind an option, or in the place of one that has no name.
enum class ValueKind : unsigned char { kNone, kAny, kFile, kChoice };

struct CommandOption {
  std::vector<std::string> short_names;  // without hyphens
  std::vector<std::string> long_names;
  std::string description;
  std::string value_name;  // "FILE"; empty: it takes no value
  ValueKind kind = ValueKind::kNone;
  std::vector<std::string> choices;  // of kChoice
  std::string default_value;         // empty: none, or in the description
  bool is_required = false;

  bool is_positional() const { return short_names.empty() && long_names.empty(); }
};

struct CommandNode {
  std::string name;
  std::string description;
  std::string footer;
  std::vector<CommandOption> options;
  std::vector<CommandNode> commands;
};

}  // namespace relay
