#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "protocol/base/ip_address.h"
#include "server/config/file_content.h"
#include "server/config/schema.h"

// Makers of rows, one for each type of value. `access` is a generic lambda from a (const) Draft to
// the member that holds the value.
namespace relay::fields {

struct Wrong {
  std::string text;  // half a sentence
};
template <typename T>
using Parsed = std::variant<T, Wrong>;

// How one type of value is spelled.
template <typename T>
struct Spelling {
  std::string type;
  std::string unit;
  std::string accepted;
  std::function<Parsed<T>(const std::string&)> parse;
  std::function<std::string(const T&)> print;
};

Spelling<bool> Boolean();
Spelling<std::uint16_t> Port(std::uint16_t min);
Spelling<std::uint32_t> Number(std::uint32_t min, std::uint32_t max);
Spelling<std::uint32_t> Limit();  // 0: unlimited
Spelling<std::chrono::seconds> Duration(std::chrono::seconds min, std::chrono::seconds max);
Spelling<std::chrono::microseconds> ShortDuration(std::chrono::microseconds max);
Spelling<std::uint64_t> BitRate();
Spelling<Config::Rate> Rate();
Spelling<base::IpAddress> Address();  // IPv6 with or without brackets
Spelling<base::IpPrefix> Prefix();
Spelling<base::Endpoint> TransportAddress();  // with a port that is not 0
// `is_right` answers what is wrong with the text, or nothing.
Spelling<std::string> Text(std::string type, std::string accepted,
                           std::function<std::optional<std::string>(const std::string&)> is_right);
// Text that must not be repeated in messages and must not be empty.
Spelling<std::string> Secret();
// For what has no default worth showing.
Spelling<std::string> Unprinted(Spelling<std::string> spelling);
Spelling<std::string> AnyText(std::string type, std::string accepted);

// Control characters as \xNN: a terminal and a log take them for something else than themselves.
std::string Visible(std::string_view text);
// 'text', shortened and with control characters made visible, for a message.
std::string Quoted(std::string_view text);
// "addresses" of "address", for the names of types.
std::string Plural(const std::string& noun);
// As a YAML scalar that reads back as the same text.
std::string YamlText(std::string_view text);

template <typename E>
Spelling<E> Choice(std::vector<std::pair<std::string, E>> values) {
  Spelling<E> spelling;
  spelling.type = "choice";
  for (const auto& [name, value] : values) {
    if (!spelling.accepted.empty()) spelling.accepted += ", ";
    spelling.accepted += name;
  }
  spelling.parse = [values](const std::string& text) -> Parsed<E> {
    for (const auto& [name, value] : values) {
      if (name == text) return value;
    }
    return Wrong{Quoted(text) + " is not one of the accepted values"};
  };
  spelling.print = [values](const E& wanted) {
    for (const auto& [name, value] : values) {
      if (value == wanted) return name;
    }
    return std::string();
  };
  return spelling;
}

// The text of a single value; nullopt (and a problem) for anything else.
std::optional<std::string> TakeScalar(const Value& value, std::string suffix,
                                      std::vector<Row::Problem>& problems);

// What `access` leads to is what a reload compares.
template <typename Access>
void CompareBy(Row& row, Access access) {
  row.is_same = [access](const Draft& one, const Draft& other) {
    return access(one) == access(other);
  };
}

template <typename T, typename Access>
Row Scalar(std::string path, Spelling<T> spelling, Access access, std::string doc) {
  Row row;
  row.path = std::move(path);
  row.type = spelling.type;
  row.unit = spelling.unit;
  row.accepted = spelling.accepted;
  row.doc = std::move(doc);
  row.parse = [spelling, access](Draft& draft, const Value& value) {
    std::vector<Row::Problem> problems;
    if (const auto text = TakeScalar(value, "", problems)) {
      Parsed<T> parsed = spelling.parse(*text);
      if (const auto* wrong = std::get_if<Wrong>(&parsed)) {
        problems.push_back({"", value.position, wrong->text});
      } else {
        access(draft) = std::move(std::get<T>(parsed));
      }
    }
    return problems;
  };
  row.print = [spelling, access](const Draft& draft) {
    const auto& held = access(draft);
    if constexpr (requires { held.has_value(); }) {
      return held ? spelling.print(*held) : std::string();
    } else {
      return spelling.print(held);
    }
  };
  CompareBy(row, access);
  return row;
}

// A list of single values. `access` leads to a vector, or to an optional of one.
template <typename T, typename Access>
Row List(std::string path, Spelling<T> spelling, Access access, std::string doc) {
  Row row;
  row.path = std::move(path);
  row.shape = Row::Shape::kStructure;
  row.type = "list of " + Plural(spelling.type);
  row.unit = spelling.unit;
  row.accepted = "a list, each: " + spelling.accepted;
  row.doc = std::move(doc);
  row.parse = [spelling, access](Draft& draft, const Value& value) {
    std::vector<Row::Problem> problems;
    std::vector<T> list;
    if (value.kind != Value::Kind::kList && value.kind != Value::Kind::kNull) {
      problems.push_back(
          {"", value.position, "is " + std::string(KindName(value.kind)) + " instead of a list"});
      return problems;
    }
    for (std::size_t i = 0; i < value.items.size(); ++i) {
      const std::string suffix = "[" + std::to_string(i) + "]";
      const auto text = TakeScalar(value.items[i], suffix, problems);
      if (!text) continue;
      Parsed<T> parsed = spelling.parse(*text);
      if (const auto* wrong = std::get_if<Wrong>(&parsed)) {
        problems.push_back({suffix, value.items[i].position, wrong->text});
      } else {
        list.push_back(std::move(std::get<T>(parsed)));
      }
    }
    access(draft) = std::move(list);
    return problems;
  };
  row.print = [spelling, access](const Draft& draft) {
    std::string text;
    const auto append = [&](const std::vector<T>& list) {
      for (const T& item : list) text += (text.empty() ? "" : ", ") + spelling.print(item);
    };
    const auto& held = access(draft);
    if constexpr (requires { held.has_value(); }) {
      if (held) append(*held);
    } else {
      append(held);
    }
    return "[" + text + "]";
  };
  CompareBy(row, access);
  return row;
}

// A list whose items have keys of their own: rows "path[].name" follow it. `begin` empties the
// list. CompareBy has to follow, with what the items become.
Row ListOfMaps(std::string path, std::string type, std::string doc,
               std::function<void(Draft&)> begin, std::function<void(Draft&)> append,
               std::string default_text = "[]");

// Text from a file that the value names, relative to the configuration's folder. `spelling` judges
// the content, from which the newlines at the end are taken.
template <typename Access>
Row FromFile(std::string path, const Spelling<std::string>& spelling, Access access,
             std::string doc) {
  Row row;
  row.path = std::move(path);
  row.type = "path";
  row.accepted = "a file that can be read and holds " + spelling.accepted;
  row.doc = std::move(doc);
  row.parse = [spelling, access](Draft& draft, const Value& value) {
    std::vector<Row::Problem> problems;
    const auto file = TakeScalar(value, "", problems);
    if (!file) return problems;
    draft.files.push_back((std::filesystem::path(draft.directory) / *file).string());
    base::Result<std::string> content = ReadSecretFile(*file, draft.directory);
    if (!content.ok()) {
      problems.push_back({"", value.position, content.error().message});
      return problems;
    }
    Parsed<std::string> parsed = spelling.parse(content.value());
    if (const auto* wrong = std::get_if<Wrong>(&parsed)) {
      problems.push_back({"", value.position, Quoted(*file) + ": the content " + wrong->text});
    } else {
      access(draft) = std::move(std::get<std::string>(parsed));
    }
    return problems;
  };
  row.print = [](const Draft&) { return std::string(); };
  CompareBy(row, access);
  return row;
}

Row NeedsRestart(Row row);
Row Required(Row row);

}  // namespace relay::fields

// The `access` of the rows above for a member of Config.
#define CONFIG_MEMBER(member) [](auto& draft) -> auto& { return draft.config.member; }
