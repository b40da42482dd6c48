#include "server/config/apply.h"

#include <map>

#include "server/config/schema.h"

namespace relay {
namespace {

std::string Join(const std::string& prefix, const std::string& name) {
  return prefix.empty() ? name : prefix + "." + name;
}

std::string WithIndex(const std::string& key, std::size_t index) {
  return key + "[" + std::to_string(index) + "]";
}

// Walks the tree along the schema. A path is spelled as in the schema ("listeners[].port"), a key
// with the item's number ("listeners[2].port").
class Walker {
 public:
  explicit Walker(Draft& draft) : draft_(draft) {}

  void WalkMap(const Value& map, const std::string& path, const std::string& key) {
    std::map<std::string, int> lines;
    for (const Value::Member& member : map.members) {
      const std::string member_key = Join(key, member.name);
      const auto [seen, is_new] = lines.try_emplace(member.name, member.position.line);
      if (!is_new) {
        draft_.errors.push_back(
            {member.position.source, member.position.line, member_key,
             "is written twice; first in line " + std::to_string(seen->second)});
        continue;
      }
      draft_.MarkWritten(member_key, member.position);
      WalkMember(member, Join(path, member.name), member_key);
    }
  }

 private:
  void WalkMember(const Value::Member& member, const std::string& path, const std::string& key) {
    const bool has_separator = member.name.find_first_of(".[") != std::string::npos;
    const Row* row = has_separator ? nullptr : FindRow(path);
    if (row != nullptr) {
      WalkRow(*row, member.value, key);
    } else if (!has_separator && IsGroup(path)) {
      WalkGroup(member.value, path, key);
    } else if (has_separator && FindRow(path) != nullptr) {
      draft_.AddError(key,
                      "is not a key of one piece; write a map inside a map instead of the dots");
    } else {
      draft_.AddError(key, "is not a known key; the nearest one is " + NearestKey(path));
    }
  }

  void WalkGroup(const Value& value, const std::string& path, const std::string& key) {
    if (value.kind == Value::Kind::kMap) {
      WalkMap(value, path, key);
    } else if (value.kind != Value::Kind::kNull) {
      draft_.AddError(key, "is " + std::string(KindName(value.kind)) + " instead of a map");
    }
  }

  void WalkRow(const Row& row, const Value& value, const std::string& key) {
    auto problems = row.parse(draft_, value);
    for (Row::Problem& problem : problems) {
      draft_.errors.push_back({problem.position.source, problem.position.line,
                               key + problem.key_suffix,
                               problem.text + "; accepted: " + row.accepted});
    }
    if (row.shape != Row::Shape::kListOfMaps || !problems.empty()) return;
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      WalkItem(row, value.items[i], WithIndex(key, i));
    }
  }

  void WalkItem(const Row& list, const Value& item, const std::string& key) {
    list.append(draft_);
    draft_.MarkWritten(key, item.position);
    if (item.kind != Value::Kind::kMap) {
      draft_.AddError(key, "is " + std::string(KindName(item.kind)) + " instead of a map");
      return;
    }
    const std::string path = list.path + "[]";
    WalkMap(item, path, key);
    for (const Row& row : Schema()) {
      if (!row.is_required || !row.path.starts_with(path + ".")) continue;
      const std::string name = row.path.substr(path.size() + 1);
      if (!draft_.IsWritten(Join(key, name))) {
        draft_.AddError(Join(key, name), "is missing; accepted: " + row.accepted);
      }
    }
  }

  Draft& draft_;
};

}  // namespace

void ApplySchema(const Value& root, Draft& draft) {
  if (root.kind == Value::Kind::kNull) return;
  if (root.kind != Value::Kind::kMap) {
    draft.errors.push_back(
        {root.position.source, root.position.line, "",
         "a configuration is a map of keys, not " + std::string(KindName(root.kind))});
    return;
  }
  Walker(draft).WalkMap(root, "", "");
}

}  // namespace relay
