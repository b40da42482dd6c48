#pragma once

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <vector>

#include "bench/loadgen/datagram_batch.h"
#include "bench/loadgen/socket.h"
#include "bench/loadgen/tls_stream.h"
#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "protocol/stun/stream_framer.h"

namespace loadgen {

// Room that all connections share while one of them is being read.
struct ReceiveBuffers {
  explicit ReceiveBuffers(std::size_t datagram_bytes)
      : datagrams(datagram_bytes), stream(4 * stun::StreamFramer::kMaxFrameBytes) {}

  DatagramBatch datagrams;
  std::vector<std::uint8_t> stream;
};

// One client's way to the server, over UDP, TCP or TLS: takes and gives whole messages (STUN or
// ChannelData). On a stream it keeps the piece of a message that has not arrived, or could not be
// written, yet.
class Connection {
 public:
  static constexpr std::size_t kMaxRun = 32;

  Connection() = default;

  // Opens a socket; a stream is then under way and nothing may be sent until it stands. `tls` makes
  // a stream a TLS one, and must outlive this.
  base::Result<void> Open(bool is_stream, const TlsContext* tls, const base::IpAddress& source,
                          const base::Endpoint& server, int buffer_bytes);
  // Whether a stream stands, to be asked whenever its socket is ready; kWantsWrite means that it
  // waits to become writable. kBroken: `error` is 0 or an errno.
  TlsStream::State Establish(int& error);
  void Close();
  bool is_open() const { return socket_.is_open(); }
  bool is_stream() const { return is_stream_; }
  const FileDescriptor& socket() const { return socket_; }

  // Messages of equal size, each at the start of a slot of `stride_bytes`, a multiple of four; on a
  // stream the whole slot is sent. At most kMaxRun. How many went out, counted from the first;
  // fewer when the socket is full.
  std::size_t SendRun(base::Bytes slots, std::size_t message_bytes, std::size_t stride_bytes);
  // One message, already padded if this is a stream. False: it was not sent. A stream keeps what it
  // cannot write at once.
  bool Send(base::Bytes message);

  // Whether a piece of a message waits for the socket to become writable; then Flush.
  bool has_unwritten() const { return !unwritten_.empty(); }
  // Whether Receive has to be called again although the socket may stay silent.
  bool has_unread() const { return tls_.has_unread(); }
  void Flush();

  enum class Received : std::uint8_t { kAll, kMaybeMore, kBroken };
  // Reads once and calls on_message(base::Bytes) for each whole message. kBroken: errno says why; 0
  // is the orderly end of a stream, or one that cannot be followed any further.
  template <typename OnMessage>
  Received Receive(ReceiveBuffers& buffers, OnMessage&& on_message) {
    return is_stream_ ? ReceiveStream(buffers, on_message) : ReceiveDatagrams(buffers, on_message);
  }

 private:
  template <typename OnMessage>
  Received ReceiveDatagrams(ReceiveBuffers& buffers, OnMessage& on_message) {
    const ReadResult result = ReadDatagrams(buffers);
    for (std::size_t i = 0; i < result.count; ++i) on_message(buffers.datagrams.datagram(i));
    return result.state;
  }

  template <typename OnMessage>
  Received ReceiveStream(ReceiveBuffers& buffers, OnMessage& on_message) {
    const ReadResult result = ReadStream(buffers);
    base::Bytes unread = base::Bytes(buffers.stream).first(result.count);
    while (!unread.empty()) {
      const stun::StreamFramer::Frame frame = stun::StreamFramer::Next(unread);
      if (frame.verdict == stun::StreamFramer::Verdict::kNeedMore) break;
      if (frame.verdict == stun::StreamFramer::Verdict::kInvalid) return Received::kBroken;
      on_message(unread.first(frame.message_bytes));
      unread = unread.subspan(frame.consumed_bytes);
    }
    if (!is_open()) return Received::kAll;  // on_message closed it
    unread_.assign(unread.begin(), unread.end());
    return result.state;
  }

  struct ReadResult {
    std::size_t count;  // datagrams, or octets at the front of the stream buffer
    Received state;
  };
  ReadResult ReadDatagrams(ReceiveBuffers& buffers);
  ReadResult ReadStream(ReceiveBuffers& buffers);
  // As the system call of that name; what TLS has begun to send it must be given again.
  ssize_t Write(base::Bytes octets);
  ssize_t Read(base::MutableBytes room);

  FileDescriptor socket_;
  TlsStream tls_;  // after the socket: it ends first
  const TlsContext* tls_context_ = nullptr;
  bool is_stream_ = false;
  std::vector<std::uint8_t> unread_;
  std::vector<std::uint8_t> unwritten_;
};

}  // namespace loadgen
