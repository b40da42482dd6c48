#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "protocol/base/result.h"
#include "server/http/event_loop.h"

namespace relay {

// Answers single lines on a unix stream socket: the client sends a line, gets the answer (text or
// JSON, any length) and the end of the stream. Access is by the file's mode, 0660. The handler
// answers on the loop's thread and must not wait for anything.
class LineServer {
 public:
  using Handler = std::function<std::string(std::string_view line)>;

  struct Options {
    std::string socket_path = {};
    std::size_t max_line_bytes = 4096;  // a longer line closes the connection
    // A client has this long to send its line, and again to take the answer.
    std::chrono::milliseconds timeout{5'000};
    std::size_t max_connections = 16;  // further ones wait
  };

  // Fails when somebody answers on the path already, or it cannot be created. `loop` must outlive
  // the server.
  static base::Result<std::unique_ptr<LineServer>> Listen(EventLoop& loop, Options options,
                                                          Handler handler);
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;
  // Closes every connection and removes the file, unless another server has replaced it meanwhile.
  ~LineServer();

 private:
  class Impl;
  explicit LineServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay
