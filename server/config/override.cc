#include <optional>
#include <variant>

#include "server/config/apply.h"
#include "server/config/schema.h"
#include "server/config/units.h"
#include "server/config/yaml_reader.h"

namespace relay {
namespace {

const std::string kSource = "--set";

// A name or a position in a list.
using Step = std::variant<std::string, std::size_t>;

// "listeners[0].port" in steps; nullopt if it is not spelled that way.
std::optional<std::vector<Step>> ParsePath(std::string_view path) {
  std::vector<Step> steps;
  while (true) {
    const std::size_t end = std::min(path.find_first_of(".["), path.size());
    if (end == 0) return std::nullopt;
    steps.emplace_back(std::string(path.substr(0, end)));
    path.remove_prefix(end);
    while (path.starts_with('[')) {
      const std::size_t close = path.find(']');
      if (close == path.npos) return std::nullopt;
      const auto index = ParseNumber(path.substr(1, close - 1));
      if (!index) return std::nullopt;
      steps.emplace_back(static_cast<std::size_t>(*index));
      path.remove_prefix(close + 1);
    }
    if (path.empty()) return steps;
    if (!path.starts_with('.')) return std::nullopt;
    path.remove_prefix(1);
  }
}

// "listeners[0].port" as the schema spells it: "listeners[].port".
std::string SchemaPath(const std::vector<Step>& steps) {
  std::string path;
  for (const Step& step : steps) {
    if (const auto* name = std::get_if<std::string>(&step)) {
      path += (path.empty() ? "" : ".") + *name;
    } else {
      path += "[]";
    }
  }
  return path;
}

// YAML, but a key that takes a single value takes the text as it is when YAML sees more in it, so
// that addresses and passwords need no quotes inside the shell's.
Value ParseOverrideValue(std::string_view text, const Row* row, Draft& draft,
                         const std::string& key) {
  std::vector<Diagnostic> errors;
  Value value = ReadYaml(text, kSource, errors);
  const bool is_scalar_row = row != nullptr && row->shape == Row::Shape::kScalar;
  if (is_scalar_row && (!errors.empty() || value.kind != Value::Kind::kScalar)) {
    value = Value{};
    value.kind = Value::Kind::kScalar;
    value.scalar = text;
  } else if (!errors.empty()) {
    draft.errors.push_back({kSource, 0, key, errors.front().message});
  }
  return value;
}

// Positions inside an override mean nothing to whoever wrote it.
void ForgetLines(Value& value) {
  value.position = {kSource, 0};
  for (Value& item : value.items) ForgetLines(item);
  for (Value::Member& member : value.members) {
    member.position = {kSource, 0};
    ForgetLines(member.value);
  }
}

// The place that one step leads to, made if it is not there yet; nullptr: a position too far behind
// the end of the list.
Value* Descend(Value& value, const Step& step) {
  if (const auto* index = std::get_if<std::size_t>(&step)) {
    if (value.kind != Value::Kind::kList) {
      value = Value{};
      value.kind = Value::Kind::kList;
      value.position = {kSource, 0};
    }
    if (*index > value.items.size()) return nullptr;
    if (*index == value.items.size()) value.items.emplace_back().position = {kSource, 0};
    return &value.items[*index];
  }
  const std::string& name = std::get<std::string>(step);
  if (value.kind != Value::Kind::kMap) {
    value = Value{};
    value.kind = Value::Kind::kMap;
    value.position = {kSource, 0};
  }
  if (Value* found = value.Find(name)) return found;
  value.members.push_back({name, {kSource, 0}, {}});
  value.members.back().value.position = {kSource, 0};
  return &value.members.back().value;
}

}  // namespace

void ApplyOverride(std::string_view text, Value& root, Draft& draft) {
  const std::size_t equals = text.find('=');
  const std::string key(text.substr(0, equals));
  const auto steps = ParsePath(key);
  if (equals == text.npos || !steps) {
    draft.errors.push_back({kSource, 0, "",
                            "'" + key +
                                "' is not of the form key.path=value, as in "
                                "relay.ports.min=50000 or listeners[0].port=3478"});
    return;
  }
  Value value =
      ParseOverrideValue(text.substr(equals + 1), FindRow(SchemaPath(*steps)), draft, key);
  ForgetLines(value);
  Value* place = &root;
  for (const Step& step : *steps) {
    // The member's own position is that of the key; the override takes it over.
    if (const auto* name = std::get_if<std::string>(&step)) {
      Value* below = Descend(*place, step);
      for (Value::Member& member : place->members) {
        if (member.name == *name && &step == &steps->back()) member.position = {kSource, 0};
      }
      place = below;
      continue;
    }
    place = Descend(*place, step);
    if (place == nullptr) {
      draft.errors.push_back({kSource, 0, key, "the list has no such position"});
      return;
    }
  }
  *place = std::move(value);
}

}  // namespace relay
