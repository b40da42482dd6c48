#pragma once

#include <concepts>
#include <cstddef>
#include <string>
#include <string_view>

#include "server/log/log_text.h"

namespace relay {

// A JSON string; longer ones are cut.
inline std::string Quoted(std::string_view text, std::size_t max_bytes = kMaxLogValueBytes) {
  std::string out;
  AppendJsonString(out, text, max_bytes);
  return out;
}

// Builds one JSON object, member by member.
class JsonObject {
 public:
  JsonObject& Add(std::string_view key, std::string_view json) {
    text_ += (text_.empty() ? "{" : ",") + Quoted(key) + ":" + std::string(json);
    return *this;
  }
  template <std::integral Number>
    requires(!std::same_as<Number, bool>)
  JsonObject& Add(std::string_view key, Number value) {
    return Add(key, std::string_view(std::to_string(value)));
  }
  std::string Finish() const { return text_.empty() ? "{}" : text_ + "}"; }

 private:
  std::string text_;
};

}  // namespace relay
