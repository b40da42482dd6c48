#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/turn/addresses.h"
#include "server/net/client_liveness.h"

namespace relay {

class StreamService;

// The incoming half of one client's byte stream, whatever carries it: octets in, whole messages on
// to the engine and the forwarder. Between two arrivals it keeps only what is unfinished. Shard's
// thread only.
class TurnStream {
 public:
  TurnStream(StreamService& service, const turn::Client& client, base::MonotonicTime now);

  // Where the next octets may be written. Good until anything else of the shard runs.
  base::MutableBytes Room();
  // `bytes` octets have been written there. False: the stream cannot be followed any further, or
  // the client has sent too much nonsense in a row.
  bool Received(std::size_t bytes);
  // Further messages of what has arrived are left alone.
  void Stop() { is_stopped_ = true; }

  bool IsOverdue(base::MonotonicTime now) const;

  const turn::Client& client() const { return client_; }
  void AddAllocations(int delta) { liveness_.AddAllocations(delta); }
  bool IsIdle(base::MonotonicTime now) const { return liveness_.IsIdle(now); }

 private:
  // For a message once begun.
  static constexpr std::chrono::seconds kPartialMessageTimeout{30};
  static constexpr int kMaxInvalidInARow = 16;

  bool HandleMessages(base::Bytes octets, std::size_t& consumed);

  StreamService& service_;
  turn::Client client_;
  ClientLiveness liveness_;
  std::vector<std::uint8_t> partial_;
  base::MonotonicTime partial_since_{};
  int invalid_in_a_row_ = 0;
  bool is_stopped_ = false;
};

}  // namespace relay
