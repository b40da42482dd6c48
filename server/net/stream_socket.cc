#include "server/net/stream_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <poll.h>
#include <unistd.h>

#include <cerrno>

namespace relay {
namespace {

using Status = StreamOutcome::Status;

constexpr int kUnsentBytes = 64 * 1024;
constexpr int kKeepAliveIdleSeconds = 60;
constexpr int kKeepAliveIntervalSeconds = 15;
constexpr int kKeepAliveProbes = 4;

StreamOutcome Judge(ssize_t count, Status when_busy) {
  if (count > 0) return {Status::kDone, static_cast<std::size_t>(count)};
  if (count == 0) return {Status::kEnd};
  if (errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR) return {when_busy};
  return {Status::kFailed};
}

void Set(int socket, int level, int option, int value) {
  ::setsockopt(socket, level, option, &value, sizeof(value));
}

}  // namespace

StreamOutcome StreamSocket::Peek(base::MutableBytes into) {
  if (!socket_.is_open()) return {Status::kFailed};
  if (tls_ != nullptr) return tls_->Peek(into);
  return Judge(::recv(descriptor(), into.data(), into.size(), MSG_DONTWAIT | MSG_PEEK),
               Status::kWantRead);
}

void StreamSocket::Discard(std::size_t bytes) {
  // MSG_TRUNC on a TCP socket throws the octets away.
  ::recv(descriptor(), nullptr, bytes, MSG_DONTWAIT | MSG_TRUNC);
}

bool StreamSocket::HasPeerEnded() {
  pollfd state{.fd = descriptor(), .events = POLLRDHUP, .revents = 0};
  return ::poll(&state, 1, 0) > 0;
}

void StreamSocket::SetReadableFrom(std::size_t bytes) {
  Set(descriptor(), SOL_SOCKET, SO_RCVLOWAT, static_cast<int>(bytes));
}

void StreamSocket::StartTls(std::shared_ptr<const TlsContext> context,
                            TlsContext::Protocol protocol) {
  tls_ = std::make_unique<TlsSession>(std::move(context), descriptor(), protocol);
}

StreamOutcome StreamSocket::Read(base::MutableBytes into) {
  if (!socket_.is_open()) return {Status::kFailed};
  if (tls_ != nullptr) return tls_->Read(into);
  return Judge(::recv(descriptor(), into.data(), into.size(), MSG_DONTWAIT), Status::kWantRead);
}

StreamOutcome StreamSocket::Write(base::Bytes octets) {
  if (!socket_.is_open()) return {Status::kFailed};
  if (tls_ != nullptr) return tls_->Write(octets);
  return Judge(::send(descriptor(), octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL),
               Status::kWantWrite);
}

StreamOutcome StreamSocket::WriteEach(std::span<const base::Bytes> messages) {
  return tls_ != nullptr ? tls_->WriteEach(messages) : StreamOutcome{Status::kFailed};
}

StreamOutcome StreamSocket::SendUnsent() {
  return tls_ != nullptr ? tls_->SendUnsent() : StreamOutcome{Status::kDone};
}

void StreamSocket::EndWriting() {
  if (!socket_.is_open()) return;
  if (tls_ != nullptr) tls_->SendCloseNotify();
  boost::system::error_code ignored;
  socket_.shutdown(boost::asio::ip::tcp::socket::shutdown_send, ignored);
}

void StreamSocket::CancelWaits() {
  boost::system::error_code ignored;
  socket_.cancel(ignored);
}

void StreamSocket::Close() {
  if (!socket_.is_open()) return;
  if (tls_ != nullptr) tls_->SendCloseNotify();
  tls_.reset();  // it knows the descriptor, which will be somebody else's
  // To close it would leave it in the reactor's set for as long as another process has it, too.
  boost::system::error_code ignored;
  const int descriptor = socket_.release(ignored);
  if (descriptor >= 0) ::close(descriptor);
}

void TuneClientSocket(int socket) {
  Set(socket, IPPROTO_TCP, TCP_NODELAY, 1);
  Set(socket, IPPROTO_TCP, TCP_NOTSENT_LOWAT, kUnsentBytes);
  Set(socket, SOL_SOCKET, SO_KEEPALIVE, 1);
  // No TCP_USER_TIMEOUT: Linux applies it to a window of zero as well, and a slow reader is alive.
  Set(socket, IPPROTO_TCP, TCP_KEEPIDLE, kKeepAliveIdleSeconds);
  Set(socket, IPPROTO_TCP, TCP_KEEPINTVL, kKeepAliveIntervalSeconds);
  Set(socket, IPPROTO_TCP, TCP_KEEPCNT, kKeepAliveProbes);
}

}  // namespace relay
