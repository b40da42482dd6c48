#include "server/cli/completion.h"

#include <vector>

namespace relay {
namespace {

// As words of the command line: "-c", "--config".
std::vector<std::string> NamesOf(const CommandOption& option) {
  std::vector<std::string> names;
  names.reserve(option.short_names.size() + option.long_names.size());
  for (const std::string& name : option.short_names) names.push_back("-" + name);
  for (const std::string& name : option.long_names) names.push_back("--" + name);
  return names;
}

std::string Joined(const std::vector<std::string>& parts, std::string_view separator) {
  std::string out;
  for (const std::string& part : parts) out += (out.empty() ? "" : std::string(separator)) + part;
  return out;
}

std::string Replaced(std::string text, std::string_view what, std::string_view with) {
  for (std::size_t at = text.find(what); at != std::string::npos;
       at = text.find(what, at + with.size()))
    text.replace(at, what.size(), with);
  return text;
}

// A description as one word in single quotes, for zsh and fish.
std::string InQuotes(const std::string& text) { return "'" + Replaced(text, "'", "'\\''") + "'"; }

const CommandOption* PositionalOf(const CommandNode& command) {
  for (const CommandOption& option : command.options) {
    if (option.is_positional()) return &option;
  }
  return nullptr;
}

std::vector<std::string> CommandNames(const CommandNode& program) {
  std::vector<std::string> names;
  names.reserve(program.commands.size());
  for (const CommandNode& command : program.commands) names.push_back(command.name);
  return names;
}

std::vector<std::string> OptionNames(const CommandNode& command) {
  std::vector<std::string> names;
  for (const CommandOption& option : command.options) {
    for (std::string& name : NamesOf(option)) names.push_back(std::move(name));
  }
  return names;
}

// ---- bash ----

std::string BashWords(const std::vector<std::string>& words) {
  return "mapfile -t COMPREPLY < <(compgen -W \"" + Joined(words, " ") + "\" -- \"$word\")";
}

std::string BashValue(const CommandOption& option) {
  switch (option.kind) {
    case ValueKind::kFile:
      return "_senso_turn_files";
    case ValueKind::kChoice:
      return BashWords(option.choices);
    default:
      return ":";  // whatever it is, it is no file
  }
}

std::string BashCommand(const CommandNode& command) {
  std::string text = "    " + command.name + ")\n";
  std::string values;
  for (const CommandOption& option : command.options) {
    if (option.is_positional() || option.kind == ValueKind::kNone) continue;
    values +=
        "        " + Joined(NamesOf(option), "|") + ") " + BashValue(option) + "; return ;;\n";
  }
  if (!values.empty()) text += "      case \"$previous\" in\n" + values + "      esac\n";
  const CommandOption* const positional = PositionalOf(command);
  if (positional != nullptr && positional->kind != ValueKind::kAny)
    text += "      if [[ $word != -* ]]; then " + BashValue(*positional) + "; return; fi\n";
  return text + "      " + BashWords(OptionNames(command)) + " ;;\n";
}

std::string BashScript(const CommandNode& program) {
  std::string text = R"(# bash completion of senso-turn, made by `senso-turn completion bash`

_senso_turn_files() {
  compopt -o filenames
  mapfile -t COMPREPLY < <(compgen -f -- "$word")
}

_senso_turn() {
  local word="${COMP_WORDS[COMP_CWORD]}" previous="${COMP_WORDS[COMP_CWORD - 1]}" command=""
  COMPREPLY=()
  if ((COMP_CWORD > 1)); then command="${COMP_WORDS[1]}"; fi
  case "$command" in
    "")
)";
  std::vector<std::string> first = CommandNames(program);
  for (std::string& name : OptionNames(program)) first.push_back(std::move(name));
  text += "      " + BashWords(first) + " ;;\n";
  for (const CommandNode& command : program.commands) text += BashCommand(command);
  return text + "  esac\n}\n\ncomplete -F _senso_turn senso-turn\n";
}

// ---- zsh ----

// In a specification of _arguments a bracket ends the description, and a colon a field.
std::string ZshText(std::string text) {
  for (const char* special : {"\\", "[", "]", ":"})
    text = Replaced(text, special, std::string("\\") + special);
  return text;
}

std::string ZshValue(const CommandOption& option) {
  const std::string name = option.value_name.empty() ? "VALUE" : ZshText(option.value_name);
  switch (option.kind) {
    case ValueKind::kNone:
      return "";
    case ValueKind::kFile:
      return ":" + name + ":_files";
    case ValueKind::kChoice:
      return ":" + name + ":(" + Joined(option.choices, " ") + ")";
    case ValueKind::kAny:
      break;
  }
  return ":" + name + ": ";
}

std::string ZshOption(const CommandOption& option) {
  if (option.is_positional()) return "          " + InQuotes("1" + ZshValue(option));
  std::string text;
  for (const std::string& name : NamesOf(option)) {
    // An asterisk: whether it may be repeated is for the program to say.
    text += (text.empty() ? "          " : " \\\n          ") +
            InQuotes("*" + name + "[" + ZshText(option.description) + "]" + ZshValue(option));
  }
  return text;
}

std::string ZshScript(const CommandNode& program) {
  std::string text = R"(#compdef senso-turn
# zsh completion of senso-turn, made by `senso-turn completion zsh`

_senso_turn() {
  local context state line
  local -a commands
  commands=(
)";
  for (const CommandNode& command : program.commands)
    text += "    " + InQuotes(command.name + ":" + ZshText(command.description)) + "\n";
  text += "  )\n  _arguments -C";
  for (const CommandOption& option : program.options) text += " \\\n" + ZshOption(option);
  text += R"( \
          '1: :->command' '*:: :->arguments' && return
  case "$state" in
    command) _describe -t commands command commands ;;
    arguments)
      case "$words[1]" in
)";
  for (const CommandNode& command : program.commands) {
    text += "        " + command.name + ")\n          _arguments";
    for (const CommandOption& option : command.options) text += " \\\n" + ZshOption(option);
    text += " ;;\n";
  }
  return text +
         "      esac ;;\n  esac\n}\n\ncompdef _senso_turn senso-turn\n"
         // As a file of its own it is called in the middle of the first completion.
         "if [[ \"$funcstack[1]\" == _senso-turn ]]; then _senso_turn \"$@\"; fi\n";
}

// ---- fish ----

std::string FishValue(const CommandOption& option) {
  switch (option.kind) {
    case ValueKind::kNone:
      return "";
    case ValueKind::kFile:
      return " -r -F";
    case ValueKind::kChoice:
      return " -x -a " + InQuotes(Joined(option.choices, " "));
    case ValueKind::kAny:
      break;
  }
  return " -x";
}

std::string FishOption(const CommandOption& option, const std::string& condition) {
  const std::string start = "complete -c senso-turn -n " + InQuotes(condition);
  if (option.is_positional()) {
    const bool is_known = option.kind == ValueKind::kFile || option.kind == ValueKind::kChoice;
    return is_known ? start + FishValue(option) + "\n" : "";
  }
  std::string names;
  for (const std::string& name : option.short_names) names += " -s " + name;
  for (const std::string& name : option.long_names) names += " -l " + name;
  return start + names + FishValue(option) + " -d " + InQuotes(option.description) + "\n";
}

std::string FishScript(const CommandNode& program) {
  const std::string commands = Joined(CommandNames(program), " ");
  const std::string none = "not __fish_seen_subcommand_from " + commands;
  std::string text =
      "# fish completion of senso-turn, made by `senso-turn completion fish`\n\n"
      "complete -c senso-turn -f\n";
  for (const CommandOption& option : program.options) text += FishOption(option, none);
  for (const CommandNode& command : program.commands) {
    text += "complete -c senso-turn -n " + InQuotes(none) + " -a " + command.name + " -d " +
            InQuotes(command.description) + "\n";
  }
  for (const CommandNode& command : program.commands) {
    for (const CommandOption& option : command.options)
      text += FishOption(option, "__fish_seen_subcommand_from " + command.name);
  }
  return text;
}

}  // namespace

std::optional<std::string> CompletionScript(const CommandNode& program, std::string_view shell) {
  if (shell == "bash") return BashScript(program);
  if (shell == "zsh") return ZshScript(program);
  if (shell == "fish") return FishScript(program);
  return std::nullopt;
}

}  // namespace relay
