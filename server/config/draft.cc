#include "server/config/draft.h"

#include <algorithm>

namespace relay {

void Draft::AddError(const std::string& key, std::string message) {
  const Position position = PositionOf(key);
  errors.push_back({position.source, position.line, key, std::move(message)});
}

void Draft::AddWarning(const std::string& key, std::string message) {
  const Position position = PositionOf(key);
  warnings.push_back({position.source, position.line, key, std::move(message)});
}

bool Draft::HasError(const std::string& key) const {
  return std::ranges::any_of(errors, [&](const Diagnostic& error) {
    return error.key.starts_with(key) &&
           (error.key.size() == key.size() || error.key[key.size()] == '.' ||
            error.key[key.size()] == '[');
  });
}

Position Draft::PositionOf(std::string key) const {
  while (true) {
    if (const auto found = written_.find(key); found != written_.end()) return found->second;
    if (key.empty()) return {};
    const std::size_t end = key.find_last_of(".[");
    key.resize(end == std::string::npos ? 0 : end);
  }
}

}  // namespace relay
