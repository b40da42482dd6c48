#include "server/migrate/yaml_text.h"

namespace relay {
namespace {

constexpr std::size_t kColumns = 100;

bool IsPlain(std::string_view text) {
  constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
  constexpr std::string_view kMore = "0123456789-./_";
  if (text.empty() || (kLetters.find(text.front()) == text.npos && text.front() != '/'))
    return false;
  for (const char c : text) {
    if (kLetters.find(c) == kLetters.npos && kMore.find(c) == kMore.npos) return false;
  }
  return text != "null" && text != "true" && text != "false";
}

}  // namespace

std::string YamlScalar(std::string_view text) {
  return IsPlain(text) ? std::string(text) : YamlQuoted(text);
}

std::string YamlQuoted(std::string_view text) {
  constexpr std::string_view kHex = "0123456789abcdef";
  std::string quoted = "\"";
  for (std::size_t i = 0; i < text.size(); ++i) {
    const auto octet = static_cast<unsigned char>(text[i]);
    if (octet < 0x20 || octet == 0x7f) {
      quoted += "\\x";
      quoted += kHex[octet >> 4];
      quoted += kHex[octet & 15];
      continue;
    }
    if (text[i] == '"' || text[i] == '\\') quoted += '\\';
    if (text.substr(i).starts_with("${")) quoted += '$';
    quoted += text[i];
  }
  return quoted + '"';
}

std::string YamlComment(std::string_view text) {
  std::string lines;
  std::string line;
  const auto end_line = [&] {
    if (!line.empty()) lines += "#" + line + "\n";
    line.clear();
  };
  while (!text.empty()) {
    const std::size_t end = text.find(' ');
    const std::string_view word = text.substr(0, end);
    if (line.size() + word.size() + 2 > kColumns) end_line();
    if (!word.empty()) line += " " + std::string(word);
    text.remove_prefix(end == text.npos ? text.size() : end + 1);
  }
  end_line();
  return lines;
}

std::string CommentedOut(std::string_view yaml) {
  std::string commented;
  while (!yaml.empty()) {
    const std::size_t end = yaml.find('\n');
    commented += "# " + std::string(yaml.substr(0, end)) + "\n";
    yaml.remove_prefix(end == yaml.npos ? yaml.size() : end + 1);
  }
  return commented;
}

}  // namespace relay
