#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

struct redisReply;

namespace relay {

// What Redis answered, as a value. Nothing in it is to be trusted.
struct RedisReply {
  enum class Kind : std::uint8_t { kNil, kText, kInteger, kArray, kError, kLost };

  Kind kind = Kind::kNil;
  std::string text;  // of kText and kError; of kLost, why there is no answer
  std::int64_t integer = 0;
  std::vector<RedisReply> elements;

  bool is_text() const { return kind == Kind::kText; }
  bool is_array() const { return kind == Kind::kArray; }
  // What went wrong, short enough for a log; nullopt: nothing.
  std::optional<std::string> Problem() const;

  static RedisReply From(const redisReply& reply);
  static RedisReply Lost(std::string reason);
};

}  // namespace relay
