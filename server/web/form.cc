#include "server/web/form.h"

#include <algorithm>
#include <charconv>

namespace relay {

std::optional<std::string> PercentDecode(std::string_view text, bool plus_is_space) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+' && plus_is_space) {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      unsigned octet = 0;
      const char* const begin = text.data() + i + 1;
      if (text.size() - i < 3) return std::nullopt;
      if (std::from_chars(begin, begin + 2, octet, 16).ptr != begin + 2) return std::nullopt;
      out += static_cast<char>(octet);
      i += 2;
    }
  }
  return out;
}

FormFields ParseForm(std::string_view text) {
  FormFields fields;
  while (!text.empty()) {
    const std::string_view field = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(text.size(), field.size() + 1));
    const std::size_t equals = std::min(field.find('='), field.size());
    auto name = PercentDecode(field.substr(0, equals), true);
    auto value = PercentDecode(field.substr(std::min(field.size(), equals + 1)), true);
    if (name && value && !name->empty()) fields.emplace_back(*std::move(name), *std::move(value));
  }
  return fields;
}

const std::string* FindField(const FormFields& fields, std::string_view name) {
  const auto found = std::ranges::find(fields, name, &FormFields::value_type::first);
  return found == fields.end() ? nullptr : &found->second;
}

}  // namespace relay
