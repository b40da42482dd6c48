#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "server/datapath/usage_record.h"
#include "server/fleet/redis_connection.h"

namespace relay {

// Records that wait until a Redis has them in its stream. When too many wait, the oldest go, and
// are counted. The loop's thread only.
class UsageQueue {
 public:
  static constexpr std::size_t kMaxWaiting = 10'000;

  explicit UsageQueue(RedisConnection& commands) : commands_(commands) {}

  void Add(const UsageRecord& record, const std::string& node);
  // Tries again what could not be stored.
  void Store();

  bool is_empty() const { return waiting_.empty(); }
  std::uint64_t dropped() const { return dropped_; }

 private:
  RedisConnection& commands_;
  std::deque<std::vector<std::string>> waiting_;  // the fields of each
  std::size_t in_flight_ = 0;                     // the first of them
  bool is_stuck_ = false;                         // the last one could not be stored
  std::uint64_t dropped_ = 0;
};

// The fields of a stream's entry, names and values by turns (docs/fleet.md).
std::vector<std::string> WriteUsageFields(const UsageRecord& record, const std::string& node);

// To the log, where there is no Redis.
void LogUsage(const UsageRecord& record);

}  // namespace relay
