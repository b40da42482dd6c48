#include "server/config/schema.h"

#include <algorithm>
#include <set>

#include "server/config/nearest.h"

namespace relay {
namespace {

std::string_view ParentOf(std::string_view path) {
  const std::size_t dot = path.find_last_of('.');
  return dot == path.npos ? std::string_view() : path.substr(0, dot);
}

std::string_view NameOf(std::string_view path) {
  const std::size_t dot = path.find_last_of('.');
  return dot == path.npos ? path : path.substr(dot + 1);
}

// Every row and every group, in the spelling of Row::path.
std::vector<std::string> AllKeys() {
  std::vector<std::string> keys;
  std::set<std::string, std::less<>> seen;
  for (const Row& row : Schema()) {
    for (std::size_t dot = row.path.find('.'); dot != std::string::npos;
         dot = row.path.find('.', dot + 1)) {
      std::string group = row.path.substr(0, dot);
      if (!group.ends_with("[]") && seen.insert(group).second) keys.push_back(std::move(group));
    }
    if (seen.insert(row.path).second) keys.push_back(row.path);
  }
  return keys;
}

}  // namespace

std::span<const Row> Schema() {
  static const std::vector<Row> rows = [] {
    std::vector<Row> all;
    AppendServerRows(all);
    AppendRelayRows(all);
    AppendAuthRows(all);
    AppendServiceRows(all);
    return all;
  }();
  return rows;
}

const Row* FindRow(std::string_view path) {
  const auto rows = Schema();
  const auto found = std::ranges::find(rows, path, &Row::path);
  return found == rows.end() ? nullptr : &*found;
}

bool IsGroup(std::string_view path) {
  return std::ranges::any_of(Schema(), [&](const Row& row) {
    return row.path.size() > path.size() && row.path.starts_with(path) &&
           row.path[path.size()] == '.';
  });
}

std::string NearestKey(std::string_view path) {
  static const std::vector<std::string> keys = AllKeys();
  std::vector<const std::string*> beside;
  std::vector<std::string_view> names;
  std::vector<std::string_view> names_beside;
  for (const std::string& key : keys) {
    names.push_back(NameOf(key));
    if (ParentOf(key) != ParentOf(path)) continue;
    beside.push_back(&key);
    names_beside.push_back(NameOf(key));
  }
  const Nearest anywhere = FindNearest(NameOf(path), names);
  if (beside.empty()) return keys[anywhere.place];
  const Nearest near = FindNearest(NameOf(path), names_beside);
  // A key of that very name elsewhere beats one beside it that merely resembles it.
  return near.distance <= anywhere.distance + 1 ? *beside[near.place] : keys[anywhere.place];
}

std::string DefaultText(const Row& row) {
  if (row.is_required) return "required";
  Draft draft;
  // A key of a list's items needs an item.
  for (std::size_t end = row.path.find("[]"); end != std::string::npos;
       end = row.path.find("[]", end + 2)) {
    const Row* list = FindRow(std::string_view(row.path).substr(0, end));
    if (list != nullptr) list->append(draft);
  }
  return row.print(draft);
}

}  // namespace relay
