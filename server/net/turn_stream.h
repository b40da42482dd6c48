#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/turn/addresses.h"
#include "server/net/client_liveness.h"

namespace relay {

class StreamOutput;
class StreamService;

// The incoming half of one client's byte stream, whatever carries it: octets in, whole messages on
// to the engine and the forwarder. Between two arrivals it keeps only what is unfinished. Shard's
// thread only.
class TurnStream {
 public:
  // `output` has the answers that wait for the client; it must outlive the stream.
  TurnStream(StreamService& service, const StreamOutput& output, const turn::Client& client,
             base::MonotonicTime now);

  // Where the next octets may be written. Good until anything else of the shard runs.
  base::MutableBytes Room();
  // `bytes` octets have been written there. False: the stream cannot be followed any further, or
  // the client has sent too much nonsense in a row.
  bool Received(std::size_t bytes);
  // So many answers wait that nothing more is read before some of them have left; or it is on hold.
  bool HasToWait() const;
  // Messages behind the one at hand are kept until Release.
  void Hold() { is_on_hold_ = true; }
  void Release();
  // What has arrived and was not handled.
  std::vector<std::uint8_t> TakeUnread() { return std::exchange(partial_, {}); }
  // Another process goes on where this one is, or the reverse: what TakeUnread returns, and whether
  // the client has said something valid.
  const std::vector<std::uint8_t>& unread() const { return partial_; }
  std::size_t kept_bytes() const { return partial_.capacity(); }  // for that
  bool had_valid_message() const { return liveness_.had_valid_message(); }
  void Begin(std::vector<std::uint8_t> unread, bool had_valid_message);
  bool is_on_hold() const { return is_on_hold_; }
  // There are messages that came while HasToWait, to be handled by Resume as soon as it is over;
  // nothing further is to be read before. Resume returns what Received does.
  bool is_held_back() const { return is_held_back_; }
  bool Resume();
  // Further messages of what has arrived are left alone.
  void Stop() { is_stopped_ = true; }

  bool IsOverdue(base::MonotonicTime now) const;

  const turn::Client& client() const { return client_; }
  void AddAllocations(int delta) { liveness_.AddAllocations(delta); }
  bool has_allocation() const { return liveness_.has_allocation(); }
  bool IsIdle(base::MonotonicTime now) const { return liveness_.IsIdle(now); }

 private:
  // For a message once begun.
  static constexpr std::chrono::seconds kPartialMessageTimeout{30};
  static constexpr int kMaxInvalidInARow = 16;
  static constexpr std::size_t kMaxWaitingControl = 64 * 1024;
  // What one reading brings at the most, beside what is unfinished.
  static constexpr std::size_t kReadBytes = 32 * 1024;

  bool HandleMessages(base::Bytes octets, std::size_t& consumed);

  StreamService& service_;
  const StreamOutput& output_;
  turn::Client client_;
  ClientLiveness liveness_;
  std::vector<std::uint8_t> partial_;
  base::MonotonicTime partial_since_{};
  int invalid_in_a_row_ = 0;
  bool is_held_back_ = false;
  bool is_on_hold_ = false;
  bool is_stopped_ = false;
};

}  // namespace relay
