#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstdint>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/time.h"
#include "protocol/turn/addresses.h"
#include "server/net/stream_output.h"

namespace relay {

class StreamService;

// One client's byte stream: cut into messages on the way in, a bounded queue on the way out. It
// belongs to a StreamService and ends only through it, never inside a call that came from it.
// Shard's thread only.
class StreamConnection {
 public:
  StreamConnection(StreamService& service, boost::asio::ip::tcp::socket socket,
                   const turn::Client& client, base::MonotonicTime now);

  void Start();

  // Control messages are never dropped; relayed data is when the client reads too slowly, oldest
  // first.
  void SendControl(base::Bytes message) { Send(StreamOutput::Kind::kControl, message); }
  void SendData(base::Bytes message) { Send(StreamOutput::Kind::kData, message); }

  // Whether it has been silent, or unfinished, for too long.
  bool IsOverdue(base::MonotonicTime now) const;

  const turn::Client& client() const { return client_; }
  void AddAllocations(int delta) { allocations_ += delta; }

  // How much relayed data may wait for a slow reader, and how many octets of answers until no more
  // requests are read.
  static constexpr std::size_t kMaxWaitingData = 256 * 1024;
  static constexpr std::size_t kMaxWaitingControl = 64 * 1024;

 private:
  // Until the first valid message; for a message once begun; without an allocation.
  static constexpr std::chrono::seconds kFirstMessageTimeout{10};
  static constexpr std::chrono::seconds kPartialMessageTimeout{30};
  static constexpr std::chrono::seconds kIdleTimeout{300};
  static constexpr int kMaxInvalidInARow = 16;
  static constexpr int kReadsPerTurn = 4;

  enum class ReadResult : std::uint8_t { kMore, kDrained, kEnd };

  void WaitReadable();
  void WaitWritable();
  void OnReadable();
  void OnWritable();
  ReadResult ReadOnce();
  // False: the stream cannot be followed any further.
  bool HandleMessages(base::Bytes octets, std::size_t& consumed);
  void Send(StreamOutput::Kind kind, base::Bytes message);
  // Ends once what waits has left (immediately: without waiting).
  void End(bool immediately);

  StreamService& service_;
  boost::asio::ip::tcp::socket socket_;
  turn::Client client_;
  std::vector<std::uint8_t> partial_;  // octets of a message that has not arrived whole
  StreamOutput output_{kMaxWaitingData};
  base::MonotonicTime opened_at_;
  base::MonotonicTime last_message_at_;
  base::MonotonicTime partial_since_;
  int allocations_ = 0;
  int invalid_in_a_row_ = 0;
  bool had_valid_message_ = false;
  bool is_reading_ = false;
  bool is_writing_ = false;
  bool is_ending_ = false;
};

}  // namespace relay
