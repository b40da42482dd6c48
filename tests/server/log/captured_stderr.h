#pragma once

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <string>

namespace relay {

// Standard error goes into a pipe while an object of this class lives.
class CapturedStderr {
 public:
  CapturedStderr() : original_(dup(STDERR_FILENO)) {
    if (pipe2(pipe_.data(), O_CLOEXEC) != 0) std::abort();
    fcntl(pipe_[0], F_SETFL, O_NONBLOCK);
    dup2(pipe_[1], STDERR_FILENO);
  }
  CapturedStderr(const CapturedStderr&) = delete;
  CapturedStderr& operator=(const CapturedStderr&) = delete;
  ~CapturedStderr() {
    dup2(original_, STDERR_FILENO);
    close(original_);
    close(pipe_[1]);
    CloseReader();
  }

  // What was written since the last call.
  std::string Read() {
    std::string text;
    std::array<char, 4096> chunk;
    while (true) {
      const ssize_t count = read(pipe_[0], chunk.data(), chunk.size());
      if (count <= 0) return text;
      text.append(chunk.data(), static_cast<std::size_t>(count));
    }
  }

  // As when the process that collected the log has gone.
  void CloseReader() {
    if (pipe_[0] >= 0) close(pipe_[0]);
    pipe_[0] = -1;
  }

 private:
  int original_;
  std::array<int, 2> pipe_{-1, -1};
};

}  // namespace relay
