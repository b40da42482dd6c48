#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "server/config/load.h"
#include "server/config/value.h"

namespace relay {

// Reads one YAML document. What is wrong with it as YAML (syntax, several documents, keys that are
// not text, more than a megabyte, absurd depth or size) is appended to `errors`; the value is then
// what could be read, or nothing.
Value ReadYaml(std::string_view text, const std::string& source, std::vector<Diagnostic>& errors);

}  // namespace relay
