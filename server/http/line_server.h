#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include "protocol/base/result.h"
#include "server/http/event_loop.h"

namespace relay {

// Where the answer to one line goes. Can be copied; all calls on the loop's thread, at any time:
// when the client, or the server, is gone they do nothing.
class LineReply {
 public:
  // Whoever takes what is sent.
  class Recipient {
   public:
    virtual ~Recipient() = default;
    virtual void Send(std::string_view text, bool is_last) = 0;
  };
  explicit LineReply(std::weak_ptr<Recipient> recipient) : recipient_(std::move(recipient)) {}

  // A part of the answer. False: nobody is there to take it.
  bool Send(std::string_view text) const { return Pass(text, false); }
  // The last part, and then the end of the stream. What comes after it is ignored.
  void Finish(std::string_view text) const { Pass(text, true); }

 private:
  bool Pass(std::string_view text, bool is_last) const {
    const auto recipient = recipient_.lock();
    if (recipient != nullptr) recipient->Send(text, is_last);
    return recipient != nullptr;
  }

  std::weak_ptr<Recipient> recipient_;
};

// Answers single lines on a unix stream socket: the client sends a line, gets the answer (text or
// JSON, any length) and the end of the stream. Access is by the file's mode, 0660. The handler is
// called on the loop's thread and must not wait for anything; the answer may come at once, later,
// and in parts. Each line must be answered at some time.
class LineServer {
 public:
  using Handler = std::function<void(std::string_view line, LineReply reply)>;

  struct Options {
    std::string socket_path = {};
    // One that listens there already, which becomes the server's; -1: none.
    int inherited_socket = -1;
    std::size_t max_line_bytes = 4096;  // a longer line closes the connection
    // A client has this long to send its line, and again to take the answer, or a part of it.
    std::chrono::milliseconds timeout{5'000};
    std::size_t max_connections = 16;  // further ones wait
  };

  // Fails when somebody answers on the path already, or it cannot be created. `loop` must outlive
  // the server.
  static base::Result<std::unique_ptr<LineServer>> Listen(EventLoop& loop, Options options,
                                                          Handler handler);
  LineServer(const LineServer&) = delete;
  LineServer& operator=(const LineServer&) = delete;
  // Closes every connection, with what the system takes of its answer at once, and removes the
  // file, unless another server has replaced it meanwhile.
  ~LineServer();

  int listening_socket() const;
  // Whether the file is removed at the end: one that it has made is, unless another process has the
  // socket, too; an inherited one only when no other process has it any more.
  void OwnFile();
  void LeaveFile();

 private:
  class Impl;
  explicit LineServer(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace relay
