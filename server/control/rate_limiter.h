#pragma once

#include <cstddef>
#include <list>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "server/config/config.h"

namespace relay {

// A token bucket for each key, which holds as many tokens as come in one period and is full at
// first. The table is bounded: of too many keys the one that came longest ago is forgotten, and
// starts anew when it comes again. One thread.
class RateLimiter {
 public:
  explicit RateLimiter(std::size_t max_keys) : max_keys_(max_keys) {}

  // Takes a token. nullopt: there was one; else how long until there is. A rate with the count 0
  // has no limit.
  std::optional<std::chrono::nanoseconds> Take(std::string_view key, const Config::Rate& rate,
                                               base::MonotonicTime now);

  std::size_t size() const { return places_.size(); }

 private:
  struct Bucket {
    std::string key;
    base::MonotonicTime full_at;  // when it holds all its tokens again
  };

  std::size_t max_keys_;
  std::list<Bucket> buckets_;  // the one that came longest ago first
  std::unordered_map<std::string_view, std::list<Bucket>::iterator> places_;  // keys of buckets_
};

// What counts as one source: an IPv4 address, or the /64 of an IPv6 address.
std::string SourceKey(const base::IpAddress& address);

}  // namespace relay
