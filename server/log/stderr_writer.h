#pragma once

#include <atomic>
#include <cstdint>
#include <string_view>

namespace relay {

// Writes whole lines to standard error and never waits for its reader: a line that does not fit now
// (a full pipe, a stopped terminal) is dropped and counted. A closed standard error, a full disk
// and a gone reader are no errors.
class StderrWriter {
 public:
  // `line` ends with a newline and is not longer than PIPE_BUF. Any thread; lines of two threads do
  // not mix.
  void Write(std::string_view line);
  std::uint64_t dropped_lines() const { return dropped_lines_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> dropped_lines_{0};
};

// Makes sure that descriptors 0, 1 and 2 are open, so that no socket of ours is ever taken for
// standard error, and that SIGPIPE is ignored.
void SecureStandardDescriptors();

}  // namespace relay
