#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>

namespace relay {

// How many datagrams to ask a socket for at once. Asking for more than there are costs a third of
// what one costs to read, and most sockets have one at a time; asking one by one costs a system
// call each. So this follows what there was: it grows while reads are full, and falls back to one
// where one is all that there is, trying more again ever more seldom.
class ReadLimit {
 public:
  static constexpr std::size_t kMost = 64;

  std::size_t value() const { return limit_; }

  // `count` were read when at most value() were asked for. None says nothing: the socket had been
  // emptied before.
  void OnRead(std::size_t count) {
    if (count >= limit_) {
      OnFull();
    } else if (count > 0) {
      OnShort(count);
    }
  }

 private:
  static constexpr int kMostPatience = 64;

  void OnFull() {
    if (limit_ > 1) {
      limit_ = static_cast<std::uint8_t>(std::min<std::size_t>(4U * limit_, kMost));
      patience_ = 1;
    } else if (++singles_ >= patience_) {
      limit_ = 2;
      singles_ = 0;
    }
  }

  // A quarter at a time, so that one straggler between two bursts does not undo what was learnt.
  void OnShort(std::size_t count) {
    if (limit_ > 2) {
      const std::size_t next = std::max({limit_ / std::size_t{4}, 2 * count, std::size_t{2}});
      limit_ = static_cast<std::uint8_t>(std::min(next, kMost));
    } else {
      limit_ = 1;
      patience_ = static_cast<std::uint8_t>(std::min(2 * patience_, kMostPatience));
    }
  }

  std::uint8_t limit_ = 1;
  std::uint8_t patience_ = 1;  // single datagrams before it tries for more
  std::uint8_t singles_ = 0;
};

}  // namespace relay
