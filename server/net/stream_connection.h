#pragma once

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/turn/addresses.h"
#include "server/net/stream_output.h"
#include "server/net/turn_stream.h"

namespace relay {

// One client that speaks TURN over a byte stream: a TCP or TLS socket, or a WebSocket. It belongs
// to a StreamService and ends only through it, never inside a call that came from it. Shard's
// thread only.
class StreamConnection {
 public:
  StreamConnection(StreamService& service, const turn::Client& client, base::MonotonicTime now);
  virtual ~StreamConnection() = default;
  StreamConnection(const StreamConnection&) = delete;
  StreamConnection& operator=(const StreamConnection&) = delete;

  virtual void Start() = 0;

  // Answers are never dropped; relayed data is when the client reads too slowly, oldest first.
  virtual void SendControl(base::Bytes message) = 0;
  // Octets must stay where they are until StreamService::FlushData.
  virtual void SendData(base::Bytes message) = 0;

  // A few times a second: lets go of data that is too old. True: the client has been silent, or
  // unfinished, for too long.
  bool IsOverdue(base::MonotonicTime now);

  const turn::Client& client() const { return stream_.client(); }
  void AddAllocations(int delta);
  bool has_allocation() const { return stream_.has_allocation(); }
  // What it keeps besides itself and relayed data: what is unfinished or unread, and answers.
  std::size_t kept_bytes() const { return stream_.kept_bytes() + output_.control_bytes(); }

 protected:
  void Count(StreamOutput::Dropped dropped);

  StreamService& service_;
  StreamOutput output_;
  TurnStream stream_;
  bool is_ending_ = false;
};

}  // namespace relay
