#include "server/fleet/usage_queue.h"

#include <chrono>

#include "server/fleet/fleet_keys.h"
#include "server/log/log.h"

namespace relay {
namespace {

// About this many records stay in Redis for whoever bills.
constexpr const char* kMaxStored = "1000000";
constexpr std::size_t kAtOnce = 100;

std::int64_t Milliseconds(std::chrono::nanoseconds time) {
  return std::chrono::round<std::chrono::milliseconds>(time).count();
}

}  // namespace

std::vector<std::string> WriteUsageFields(const UsageRecord& record, const std::string& node) {
  return {"node",
          node,
          "tenant",
          record.tenant,
          "from",
          std::to_string(Milliseconds(record.from.time_since_epoch())),
          "until",
          std::to_string(Milliseconds(record.until.time_since_epoch())),
          "allocations",
          std::to_string(record.allocations),
          "allocation_milliseconds",
          std::to_string(Milliseconds(record.allocation_time)),
          "bytes_to_peers",
          std::to_string(record.bytes_to_peers),
          "bytes_to_clients",
          std::to_string(record.bytes_to_clients)};
}

void LogUsage(const UsageRecord& record) {
  Log(LogLevel::kInfo, "usage",
      {{"tenant", record.tenant},
       {"from_milliseconds", Milliseconds(record.from.time_since_epoch())},
       {"until_milliseconds", Milliseconds(record.until.time_since_epoch())},
       {"allocations", record.allocations},
       {"allocation_milliseconds", Milliseconds(record.allocation_time)},
       {"to_peers_bytes", record.bytes_to_peers},
       {"to_clients_bytes", record.bytes_to_clients}});
}

void UsageQueue::Add(const UsageRecord& record, const std::string& node) {
  waiting_.push_back(WriteUsageFields(record, node));
  if (waiting_.size() > kMaxWaiting) {
    waiting_.erase(waiting_.begin() + static_cast<std::ptrdiff_t>(in_flight_));
    ++dropped_;
  }
  Store();
}

void UsageQueue::Store() {
  is_stuck_ = false;
  while (!is_stuck_ && commands_.is_up() && in_flight_ < kAtOnce && in_flight_ < waiting_.size()) {
    std::vector<std::string> words{"XADD", fleet_keys::kUsage, "MAXLEN", "~", kMaxStored, "*"};
    const std::vector<std::string>& fields = waiting_[in_flight_];
    words.insert(words.end(), fields.begin(), fields.end());
    ++in_flight_;
    // Answers come in the order of the questions: this one is about the first.
    commands_.Send(words, [this](const RedisReply& reply) {
      --in_flight_;
      if (reply.Problem()) {
        // What could not be stored is tried again later, behind the others.
        is_stuck_ = true;
        waiting_.push_back(std::move(waiting_.front()));
      }
      waiting_.pop_front();
    });
  }
}

}  // namespace relay
