#pragma once

#include <string>
#include <string_view>

namespace relay {

// A scalar that the configuration reads back as this text, whatever is in it: quoted where YAML
// needs it, and with "${" kept from being an environment variable. The text is UTF-8.
std::string YamlScalar(std::string_view text);

// The same, always in quotes: for passwords, names and secrets, which may look like anything.
std::string YamlQuoted(std::string_view text);

// "# ..." lines of at most 100 columns, broken at blanks.
std::string YamlComment(std::string_view text);

// Every line of `yaml` behind a "# ", indentation kept.
std::string CommentedOut(std::string_view yaml);

}  // namespace relay
