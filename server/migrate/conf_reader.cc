#include "server/migrate/conf_reader.h"

namespace relay {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == text.npos) return {};
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

std::string_view Unquoted(std::string_view value) {
  if (!value.starts_with('"')) return value;
  value.remove_prefix(1);
  if (value.ends_with('"')) value.remove_suffix(1);
  return value;
}

ConfEntry ToEntry(std::string_view text, int line) {
  const std::size_t end = text.find_first_of(" \t=");
  ConfEntry entry{line, std::string(text.substr(0, end)), {}};
  if (end == text.npos) return entry;
  const std::size_t value = text.find_first_not_of(" \t=", end);
  if (value != text.npos) entry.value = Unquoted(text.substr(value));
  return entry;
}

}  // namespace

std::vector<ConfEntry> ReadTurnserverConf(std::string_view text) {
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  std::vector<ConfEntry> entries;
  for (int line = 1; !text.empty(); ++line) {
    const std::size_t end = text.find('\n');
    const std::string_view content = Trimmed(text.substr(0, end));
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
    if (!content.empty() && !content.starts_with('#')) entries.push_back(ToEntry(content, line));
  }
  return entries;
}

}  // namespace relay
