#include "auth/strict_json.h"

#include <boost/json/basic_parser_impl.hpp>
#include <cstdint>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace auth {
namespace {

namespace json = boost::json;

constexpr std::size_t kMaxDepth = 8;

// Hears a text being parsed and says no to the first name that an object has twice.
class UniqueNames {
 public:
  using Text = json::string_view;
  using Code = boost::system::error_code;

  static constexpr std::size_t max_array_size = SIZE_MAX;
  static constexpr std::size_t max_object_size = SIZE_MAX;
  static constexpr std::size_t max_string_size = SIZE_MAX;
  static constexpr std::size_t max_key_size = SIZE_MAX;

  bool on_document_begin(Code& /*code*/) { return true; }
  bool on_document_end(Code& /*code*/) { return true; }
  bool on_array_begin(Code& /*code*/) { return true; }
  bool on_array_end(std::size_t /*count*/, Code& /*code*/) { return true; }
  bool on_object_begin(Code& /*code*/) {
    names_.emplace_back();
    return true;
  }
  bool on_object_end(std::size_t /*count*/, Code& /*code*/) {
    names_.pop_back();
    return true;
  }
  bool on_string_part(Text /*text*/, std::size_t /*count*/, Code& /*code*/) { return true; }
  bool on_string(Text /*text*/, std::size_t /*count*/, Code& /*code*/) { return true; }
  bool on_key_part(Text text, std::size_t /*count*/, Code& /*code*/) {
    name_.append(text.data(), text.size());
    return true;
  }
  bool on_key(Text text, std::size_t /*count*/, Code& code) {
    name_.append(text.data(), text.size());
    if (!names_.back().insert(std::exchange(name_, {})).second) code = json::error::extra_data;
    return !code;
  }
  bool on_number_part(Text /*text*/, Code& /*code*/) { return true; }
  bool on_int64(std::int64_t /*number*/, Text /*text*/, Code& /*code*/) { return true; }
  bool on_uint64(std::uint64_t /*number*/, Text /*text*/, Code& /*code*/) { return true; }
  bool on_double(double /*number*/, Text /*text*/, Code& /*code*/) { return true; }
  bool on_bool(bool /*value*/, Code& /*code*/) { return true; }
  bool on_null(Code& /*code*/) { return true; }
  bool on_comment_part(Text /*text*/, Code& /*code*/) { return true; }
  bool on_comment(Text /*text*/, Code& /*code*/) { return true; }

 private:
  std::vector<std::set<std::string>> names_;  // of the objects that are open
  std::string name_;
};

json::parse_options Options() {
  json::parse_options options;
  options.max_depth = kMaxDepth;
  return options;
}

}  // namespace

std::optional<json::object> ParseStrictObject(std::string_view text) {
  boost::system::error_code code;
  json::basic_parser<UniqueNames> names(Options());
  const std::size_t read = names.write_some(false, text.data(), text.size(), code);
  if (code || read != text.size()) return std::nullopt;
  json::value value = json::parse(text, code, {}, Options());
  if (code || !value.is_object()) return std::nullopt;
  return std::move(value.as_object());
}

const json::string* FindText(const json::object& object, std::string_view name) {
  const json::value* value = object.if_contains(name);
  return value == nullptr ? nullptr : value->if_string();
}

}  // namespace auth
