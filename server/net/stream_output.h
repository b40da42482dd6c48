#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "server/net/memory_limits.h"

namespace relay {

// What relayed data that waits for slow readers takes of memory, over all stream clients of a
// shard.
struct StreamBacklog {
  std::size_t bytes = 0;
  // From so much on there is little room for each client; from twice as much on, none besides what
  // each has already.
  std::size_t crowded_bytes = MemoryLimits().waiting_data;
};

// What waits to be written to one stream client. Answers are kept, and go before data; relayed data
// is bounded in octets and in age, and makes room by dropping the oldest: who reads too slowly gets
// what is fresh. Empty in the ordinary case, when the system takes everything at once. Shard's
// thread only.
class StreamOutput {
 public:
  // How much data may wait for one client, and how little when it is crowded; what a message costs
  // besides its octets, so that very small ones do not come free; for how long it is worth sending.
  static constexpr std::size_t kMaxDataBytes = 2 * 1024 * 1024;
  static constexpr std::size_t kMaxDataBytesWhenCrowded = 64 * 1024;
  static constexpr std::size_t kMessageCost = 64;
  static constexpr std::chrono::milliseconds kMaxDataAge{1000};

  // `backlog` must outlive the output.
  explicit StreamOutput(StreamBacklog& backlog) : backlog_(backlog) {}
  ~StreamOutput() { backlog_.bytes -= data_bytes_; }
  StreamOutput(const StreamOutput&) = delete;
  StreamOutput& operator=(const StreamOutput&) = delete;

  // Of messages, for counting.
  struct Dropped {
    std::size_t full = 0;
    std::size_t expired = 0;
  };

  // A message of which the first `written` octets have left, or that has at least been offered: it
  // stays at the front until it is gone. Only while empty.
  void Begin(base::Bytes message, std::size_t written);
  void AddControl(base::Bytes message);
  Dropped AddData(base::Bytes message, base::MonotonicTime now);
  Dropped DropExpired(base::MonotonicTime now);

  bool empty() const { return !current_ && control_.empty() && data_.empty(); }
  // With what messages cost.
  std::size_t control_bytes() const { return control_bytes_; }
  std::size_t data_bytes() const { return data_bytes_; }

  // The octets that go next; empty when nothing waits. From now on their message is at the front.
  // Valid until the next call of another function.
  base::Bytes Next();
  void Consume(std::size_t bytes);
  // The same message as a whole, which is then no longer part of the output; nothing must have been
  // consumed of it.
  std::optional<std::vector<std::uint8_t>> Take();
  // Drops data that has not begun to leave.
  Dropped DropData();
  // Everything that waits, one message after another, but for such data.
  std::vector<std::uint8_t> TakeAnswers(Dropped& dropped);
  // The same, and everything stays as it is.
  std::vector<std::uint8_t> CopyAnswers() const;

 private:
  struct Data {
    base::MonotonicTime since;
    std::vector<std::uint8_t> octets;
  };
  static std::size_t CostOf(base::Bytes message) { return message.size() + kMessageCost; }
  std::size_t MaxDataBytes() const;
  std::vector<std::uint8_t> TakeOldest();

  StreamBacklog& backlog_;
  std::optional<std::vector<std::uint8_t>> current_;
  std::size_t current_written_ = 0;
  std::deque<std::vector<std::uint8_t>> control_;
  std::deque<Data> data_;
  std::size_t control_bytes_ = 0;
  std::size_t data_bytes_ = 0;
};

}  // namespace relay
