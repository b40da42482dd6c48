#include "server/cli/command_tree.h"

#include <string_view>

#include "server/cli/command_tree_of.h"

namespace relay {
namespace {

// "text" and "json" of "FORMAT:{text,json}", which is how the library names a value that is one of
// a few.
std::vector<std::string> ChoicesIn(std::string_view type_name) {
  const std::size_t begin = type_name.find(":{");
  if (begin == std::string_view::npos || !type_name.ends_with('}')) return {};
  std::vector<std::string> choices(1);
  for (const char each : type_name.substr(begin + 2, type_name.size() - begin - 3)) {
    if (each == ',') {
      choices.emplace_back();
    } else {
      choices.back() += each;
    }
  }
  return choices;
}

ValueKind KindOf(const CommandOption& option) {
  if (option.value_name.empty()) return ValueKind::kNone;
  if (!option.choices.empty()) return ValueKind::kChoice;
  const bool is_file = option.value_name == "FILE" || option.value_name == "PATH";
  return is_file ? ValueKind::kFile : ValueKind::kAny;
}

CommandOption OptionOf(const CLI::Option& option) {
  CommandOption out;
  out.short_names = option.get_snames();
  out.long_names = option.get_lnames();
  out.description = option.get_description();
  out.is_required = option.get_required();
  const bool is_flag = option.get_expected_max() == 0;
  if (is_flag) return out;
  const std::string type_name = option.get_type_name();
  // One without a name is called after its value.
  out.value_name =
      option.get_positional() ? option.get_name(true) : type_name.substr(0, type_name.find(':'));
  out.choices = ChoicesIn(type_name);
  out.kind = KindOf(out);
  out.default_value = option.get_default_str();
  return out;
}

}  // namespace

CommandNode TreeOf(const CLI::App& app) {
  CommandNode node;
  node.name = app.get_name();
  node.description = app.get_description();
  node.footer = app.get_footer();
  for (const CLI::Option* option : app.get_options()) {
    if (!option->get_group().empty()) node.options.push_back(OptionOf(*option));
  }
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (!command->get_group().empty()) node.commands.push_back(TreeOf(*command));
  }
  return node;
}

}  // namespace relay
