#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "server/fleet/redis_reply.h"

struct redisReader;
struct redisReadTask;

namespace relay {

// What Redis sends, cut into its answers. hiredis reads the protocol; this bounds what an answer
// may cost, which hiredis lets an array's announced length decide before any element has come.
// Not thread-safe.
class RedisReader {
 public:
  // Of one answer, with all that is nested in it. Whoever asks for more asks in parts.
  static constexpr std::size_t kMaxElements = 65'536;
  static constexpr std::size_t kMaxOctets = 32U << 20;
  static constexpr std::size_t kMaxLineOctets = 64U
                                                << 10;  // of what is not a string of known length

  RedisReader();
  RedisReader(const RedisReader&) = delete;
  RedisReader& operator=(const RedisReader&) = delete;
  ~RedisReader();

  void Feed(std::string_view octets);
  // The next answer; nullopt: it is not complete, or there is trouble.
  std::optional<RedisReply> Next();
  // Why nothing of this sender will be read any more; empty: nothing is wrong.
  const std::string& trouble() const { return trouble_; }

 private:
  struct Free {
    void operator()(redisReader* reader) const;
  };

  static void* MakeArray(const redisReadTask* task, int elements);
  bool IsTooLong() const;

  std::unique_ptr<redisReader, Free> reader_;
  std::size_t elements_ = 0;  // that the answer being read has announced
  std::size_t octets_ = 0;    // fed since the last complete answer
  std::string trouble_;
};

}  // namespace relay
