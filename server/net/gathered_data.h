#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol/base/bytes.h"

namespace relay {

// Relayed data for one stream client, from the moment it was read until the end of the batch that
// it came in, so that what is there for one client leaves together. The messages are not copied
// before they are joined: they must stay where they are until Clear.
class GatheredData {
 public:
  static constexpr std::size_t kMaxMessages = 64;
  static constexpr std::size_t kMaxBytes = 16 * 1024;

  // False: it has no room, and whoever has gathered must take it out first. An empty one takes any
  // message.
  bool Add(base::Bytes message);
  void Clear() { count_ = bytes_ = 0; }

  bool empty() const { return count_ == 0; }
  std::size_t bytes() const { return bytes_; }
  std::span<const base::Bytes> messages() const { return std::span(messages_).first(count_); }
  // All messages in a row; valid until the next call of Add or Joined.
  base::Bytes Joined();

 private:
  std::array<base::Bytes, kMaxMessages> messages_;
  std::size_t count_ = 0;
  std::size_t bytes_ = 0;
  std::array<std::uint8_t, kMaxBytes> buffer_;
};

}  // namespace relay
