#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "server/net/gathered_data.h"
#include "server/net/shard_image.h"
#include "server/net/stream_connection.h"
#include "server/net/stream_socket.h"

namespace relay {

// TURN straight on a TCP socket, in the clear or under TLS. Shard's thread only.
class SocketConnection final : public StreamConnection {
 public:
  SocketConnection(StreamService& service, StreamSocket socket, const turn::Client& client,
                   base::MonotonicTime now);
  // One that another process had, and that goes on where that was.
  SocketConnection(StreamService& service, StreamSocket socket, ConnectionImage image,
                   base::MonotonicTime now);
  ~SocketConnection() override;

  void Start() override;
  void SendControl(base::Bytes message) override;
  void SendData(base::Bytes message) override;
  // What it gave to StreamService::Gather.
  void SendGathered(GatheredData& data);

  bool is_ending() const { return is_ending_; }
  // What the client sends behind the message at hand is neither read nor handled until Release.
  void Hold() { stream_.Hold(); }
  void Release();
  // Holds, and drops the datagrams that wait to be sent: what follows the answer at the end of the
  // output is somebody else's. Until Detach.
  void PrepareToDetach();
  // The socket goes on without this connection, which has nothing left to do but be destroyed. Not
  // inside a call that came from it.
  struct Detached {
    StreamSocket socket;
    std::vector<std::uint8_t> unread;  // has arrived and was not handled
    std::vector<std::uint8_t> unsent;  // is to be sent before anything else
  };
  Detached Detach();
  // For another process, with everything as it is. nullopt: it has to stay, since it is under TLS,
  // about to end or on hold, or has too much waiting.
  std::optional<ConnectionImage> TakeImage();

 private:
  static constexpr int kReadsPerTurn = 4;

  enum class ReadResult : std::uint8_t { kMore, kDrained, kBlocked, kEnd };

  void WaitReadable();
  void WaitToWrite(StreamSocket::Direction direction);
  // What happens when one of those waits is over.
  template <StreamSocket::Direction direction>
  static void ResumeWriting(StreamConnection& connection);
  bool IsWaitingToWrite() const { return is_waiting_to_write_[0] || is_waiting_to_write_[1]; }
  void OnReadable();
  void OnWritable();
  ReadResult ReadOnce();
  // Whether a message would have to wait behind others.
  bool HasWaiting() const { return !output_.empty() || read_wants_write_ || socket_.has_unsent(); }
  // Offers octets to the system, which needs that nothing waits, and says how many are done with.
  // All are if the system takes none: they are in front of the output then.
  std::size_t WriteAtOnce(base::Bytes octets);
  // The same of messages, each in a TLS record of its own, and all of them in one go. What is not
  // done with may be offered later or not at all.
  std::size_t WriteRecords(const GatheredData& data);
  // Writes what waits, as far as the system takes it.
  void WriteWaiting();
  // Ends once what waits has left (immediately: without waiting).
  void End(bool immediately);

  StreamSocket socket_;
  bool is_waiting_to_read_ = false;
  std::array<bool, 2> is_waiting_to_write_{};  // by StreamSocket::Direction
  // TLS has something of its own to send before it reads on (an answer to KeyUpdate), for which the
  // system has no room. Nothing else may be written before that.
  bool read_wants_write_ = false;
};

}  // namespace relay
