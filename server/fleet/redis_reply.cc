#include "server/fleet/redis_reply.h"

#include <hiredis/hiredis.h>

#include <utility>

namespace relay {
namespace {

constexpr std::size_t kProblemOctets = 120;

}  // namespace

std::optional<std::string> RedisReply::Problem() const {
  if (kind != Kind::kError && kind != Kind::kLost) return std::nullopt;
  return text.substr(0, kProblemOctets);
}

RedisReply RedisReply::From(const redisReply& reply) {
  RedisReply value;
  switch (reply.type) {
    case REDIS_REPLY_STRING:
    case REDIS_REPLY_STATUS:
      value.kind = Kind::kText;
      value.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_ERROR:
      value.kind = Kind::kError;
      value.text.assign(reply.str, reply.len);
      break;
    case REDIS_REPLY_INTEGER:
      value.kind = Kind::kInteger;
      value.integer = reply.integer;
      break;
    case REDIS_REPLY_ARRAY:
      value.kind = Kind::kArray;
      value.elements.reserve(reply.elements);
      for (std::size_t i = 0; i < reply.elements; ++i)
        value.elements.push_back(From(*reply.element[i]));
      break;
    default:
      break;
  }
  return value;
}

RedisReply RedisReply::Lost(std::string reason) {
  RedisReply value;
  value.kind = Kind::kLost;
  value.text = std::move(reason);
  return value;
}

}  // namespace relay
