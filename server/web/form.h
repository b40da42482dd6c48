#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace relay {

// "%41" as "A"; with `plus_is_space` also "+" as " ". nullopt: a "%" without two hexadecimal
// digits.
std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space);

// The fields of a query or of an application/x-www-form-urlencoded body, in their order. Those that
// cannot be decoded are left out.
using FormFields = std::vector<std::pair<std::string, std::string>>;
FormFields ParseForm(std::string_view text);

// The first of that name, or nullptr. Lives as long as the fields.
const std::string* FindField(const FormFields& fields, std::string_view name);

}  // namespace relay
