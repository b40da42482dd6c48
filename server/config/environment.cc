#include <cstdlib>

#include "server/config/apply.h"
#include "server/config/fields.h"

namespace relay {
namespace {

constexpr std::string_view kNameCharacters =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_";

// What `text` becomes; nullopt after adding an error at `position`.
std::optional<std::string> Expand(std::string_view text, const std::string& key,
                                  const Position& position, Draft& draft) {
  const auto fail = [&](std::string message) {
    draft.errors.push_back({position.source, position.line, key, std::move(message)});
    return std::nullopt;
  };
  std::string expanded;
  while (true) {
    const std::size_t start = text.find("${");
    if (start == text.npos) break;
    if (start > 0 && text[start - 1] == '$') {
      expanded += text.substr(0, start - 1);
      expanded += "${";
      text.remove_prefix(start + 2);
      continue;
    }
    expanded += text.substr(0, start);
    text.remove_prefix(start + 2);
    const std::size_t end = text.find('}');
    if (end == text.npos) return fail("has '${' without '}'; a literal one is written '$${'");
    const std::string name(text.substr(0, end));
    if (name.empty() || name.find_first_not_of(kNameCharacters) != std::string::npos) {
      return fail(fields::Quoted(name) + " is not the name of an environment variable");
    }
    const char* value = std::getenv(name.c_str());
    if (value == nullptr) return fail("the environment variable " + name + " is not set");
    expanded += value;
    text.remove_prefix(end + 1);
  }
  expanded += text;
  return expanded;
}

void ExpandBelow(Value& value, const std::string& key, Draft& draft) {
  if (value.kind == Value::Kind::kScalar && value.scalar.find("${") != std::string::npos) {
    if (auto expanded = Expand(value.scalar, key, value.position, draft)) {
      value.scalar = std::move(*expanded);
    }
  }
  for (std::size_t i = 0; i < value.items.size(); ++i) {
    ExpandBelow(value.items[i], key + "[" + std::to_string(i) + "]", draft);
  }
  for (Value::Member& member : value.members) {
    ExpandBelow(member.value, key.empty() ? member.name : key + "." + member.name, draft);
  }
}

}  // namespace

void ExpandEnvironment(Value& root, Draft& draft) { ExpandBelow(root, "", draft); }

}  // namespace relay
