#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "protocol/base/random.h"
#include "protocol/base/time.h"
#include "server/fleet/redis_address.h"
#include "server/fleet/redis_reply.h"
#include "server/http/event_loop.h"

namespace relay {

// A connection with a Redis that is made anew whenever it is lost, and never waits: not for the
// network, not for a name, and not for a Redis that hangs, which is as good as gone after a while.
// Memory is bounded both ways. The loop's thread only.
class RedisConnection {
 public:
  using OnReply = std::function<void(const RedisReply&)>;
  struct Hooks {
    std::function<void()> on_up;    // the password is right and it answers
    std::function<void()> on_down;  // once after each on_up
  };

  // `loop` must outlive the connection.
  RedisConnection(EventLoop& loop, RedisAddress address, Hooks hooks);
  RedisConnection(const RedisConnection&) = delete;
  RedisConnection& operator=(const RedisConnection&) = delete;
  ~RedisConnection();

  void Start();
  bool is_up() const { return is_up_; }
  // Why it is not up; empty while it is, or before the first attempt has ended.
  const std::string& trouble() const { return trouble_; }

  // One command. `on_reply` is called once, with kLost when there will be no answer, perhaps before
  // this returns; not after the destruction. `patience` is how long a blocking command may take
  // besides what every command may.
  void Send(const std::vector<std::string>& words, OnReply on_reply,
            std::chrono::milliseconds patience = std::chrono::milliseconds(0));
  // Ends it, as if it had been lost for this reason. Only while it is up.
  void Restart(const std::string& reason) { Lose(reason); }
  bool is_idle() const { return pending_.empty(); }

 private:
  struct Session;
  struct Pending {
    OnReply on_reply;
    base::MonotonicTime deadline;
  };

  void Connect();
  void SayHello();
  void OnReadable();
  void OnEvent(short events);  // NOLINT(google-runtime-int): libevent's type
  void Watch();
  // The connection is over, and another one will be tried.
  void Lose(const std::string& reason);

  EventLoop& loop_;
  const RedisAddress address_;
  Hooks hooks_;
  base::OsRandom random_;
  std::unique_ptr<Session> session_;
  std::unique_ptr<Session> ended_;  // the one before, until the next is made
  std::deque<Pending> pending_;
  bool is_up_ = false;
  std::string trouble_;
  std::chrono::milliseconds backoff_;
  Timer retry_;
  Timer watch_;
};

}  // namespace relay
