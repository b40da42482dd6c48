#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <memory>
#include <span>
#include <utility>

#include "protocol/base/bytes.h"
#include "server/tls/tls_context.h"
#include "server/tls/tls_session.h"

namespace relay {

// A client's TCP socket, in the clear or under TLS. It never blocks: every attempt says what it
// came to, and AsyncWait tells when another one is worth it. Shard's thread only.
class StreamSocket {
 public:
  explicit StreamSocket(boost::asio::ip::tcp::socket socket) : socket_(std::move(socket)) {}

  // Looks at what arrived without taking it.
  StreamOutcome Peek(base::MutableBytes into);
  // Takes octets that Peek has shown; not under TLS.
  void Discard(std::size_t bytes);
  // Whether the other side has sent its end, or the connection is broken, with or without octets
  // before that which have not been read.
  bool HasPeerEnded();
  // From now on the socket is readable only when so many octets, or the end, have come.
  void SetReadableFrom(std::size_t bytes);

  // From now on the server's side of TLS; nothing is read or written until Handshake says kDone.
  void StartTls(std::shared_ptr<const TlsContext> context, TlsContext::Protocol protocol);
  StreamOutcome Handshake() { return tls_->Handshake(); }  // only before Close
  bool is_tls() const { return tls_ != nullptr; }
  // Only under TLS, after the handshake.
  bool has_tls_grease() const { return tls_->has_grease(); }

  StreamOutcome Read(base::MutableBytes into);
  // After kWantWrite or kWantRead the same octets must be offered again.
  StreamOutcome Write(base::Bytes octets);
  // Only under TLS: as TlsSession says.
  StreamOutcome WriteEach(std::span<const base::Bytes> messages);
  bool has_unsent() const { return tls_ != nullptr && tls_->has_unsent(); }
  StreamOutcome SendUnsent();
  // Whether Read gives octets though the system has none.
  bool has_buffered() const { return tls_ != nullptr && tls_->has_buffered(); }

  // Says that nothing follows; what the other side sends can still be read.
  void EndWriting();
  // Handlers that wait get an error.
  void CancelWaits();
  // Says that nothing follows and closes, unless another process has the socket, too. Handlers that
  // wait get an error, and whoever reads or writes kFailed.
  void Close();

  enum class Direction : std::uint8_t { kRead, kWrite };
  // `handler(boost::system::error_code)` when the system says that it can be done.
  template <typename Handler>
  void AsyncWait(Direction direction, Handler&& handler) {
    using boost::asio::ip::tcp;
    socket_.async_wait(
        direction == Direction::kRead ? tcp::socket::wait_read : tcp::socket::wait_write,
        std::forward<Handler>(handler));
  }
  using executor_type = boost::asio::ip::tcp::socket::executor_type;
  executor_type get_executor() { return socket_.get_executor(); }
  int descriptor() { return socket_.native_handle(); }

 private:
  boost::asio::ip::tcp::socket socket_;
  std::unique_ptr<TlsSession> tls_;
};

// Where to wait for an outcome that was not to be had: reading, unless it says kWantWrite.
inline StreamSocket::Direction DirectionOf(StreamOutcome outcome) {
  return outcome.status == StreamOutcome::Status::kWantWrite ? StreamSocket::Direction::kWrite
                                                             : StreamSocket::Direction::kRead;
}
inline bool MustWait(StreamOutcome outcome) {
  return outcome.status == StreamOutcome::Status::kWantRead ||
         outcome.status == StreamOutcome::Status::kWantWrite;
}

// TCP_NODELAY; little that the system may hold unsent, so that old data is dropped where we can
// still choose (TCP_NOTSENT_LOWAT); and an end for connections whose other side has vanished.
void TuneClientSocket(int socket);

}  // namespace relay
