#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "protocol/base/bytes.h"

namespace relay {

// What waits to be written to a stream client, bounded: control messages are kept, relayed data
// makes room by dropping the oldest that has not begun to leave. Empty in the ordinary case, when
// the system takes everything at once.
class StreamOutput {
 public:
  // `max_data_bytes`: how much relayed data may wait.
  explicit StreamOutput(std::size_t max_data_bytes) : max_data_bytes_(max_data_bytes) {}

  enum class Kind : std::uint8_t { kControl, kData };

  // Appends a message of which the first `already_written` octets have left. Returns how many older
  // data messages were dropped for it; the message itself counts when it does not fit at all.
  std::size_t Add(Kind kind, base::Bytes message, std::size_t already_written);

  bool empty() const { return messages_.empty(); }
  std::size_t control_bytes() const { return control_bytes_; }
  std::size_t data_bytes() const { return data_bytes_; }

  // The octets that go next; empty when nothing waits. Valid until the next call of another
  // function.
  base::Bytes front() const;
  void Consume(std::size_t bytes);

 private:
  struct Message {
    Kind kind;
    std::size_t written;
    std::vector<std::uint8_t> octets;
  };
  std::size_t& bytes_of(Kind kind) { return kind == Kind::kControl ? control_bytes_ : data_bytes_; }

  std::size_t max_data_bytes_;
  std::deque<Message> messages_;
  std::size_t control_bytes_ = 0;
  std::size_t data_bytes_ = 0;
};

}  // namespace relay
