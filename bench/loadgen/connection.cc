#include "bench/loadgen/connection.h"

#include <algorithm>
#include <array>
#include <cerrno>

#include "protocol/base/check.h"

namespace loadgen {
namespace {

bool IsTransient(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

base::Result<void> Connection::Open(bool is_stream, const TlsContext* tls,
                                    const base::IpAddress& source, const base::Endpoint& server,
                                    int buffer_bytes) {
  Close();
  tls_context_ = tls;
  is_stream_ = is_stream;
  base::Result<FileDescriptor> socket = is_stream
                                            ? StartTcpConnection(source, server)
                                            : OpenConnectedUdpSocket(source, server, buffer_bytes);
  if (!socket.ok()) return socket.error();
  socket_ = std::move(socket).value();
  return {};
}

TlsStream::State Connection::Establish(int& error) {
  error = 0;
  if (!tls_.is_open()) {
    error = PendingError(socket_);
    if (error != 0) return TlsStream::State::kBroken;
    if (tls_context_ == nullptr) return TlsStream::State::kDone;
    if (!tls_.Begin(*tls_context_, socket_).ok()) return TlsStream::State::kBroken;
  }
  return tls_.Handshake();
}

ssize_t Connection::Write(base::Bytes octets) {
  if (!tls_.is_open()) return ::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
  const TlsStream::Progress progress = tls_.Write(octets);
  if (progress.state == TlsStream::State::kDone) return static_cast<ssize_t>(progress.octets);
  errno = progress.state == TlsStream::State::kBroken ? EPIPE : EAGAIN;
  return -1;
}

ssize_t Connection::Read(base::MutableBytes room) {
  if (!tls_.is_open()) return ::recv(socket_.get(), room.data(), room.size(), 0);
  const TlsStream::Progress progress = tls_.Read(room);
  if (progress.state == TlsStream::State::kDone) return static_cast<ssize_t>(progress.octets);
  errno = progress.state == TlsStream::State::kBroken ? ECONNRESET : EAGAIN;
  return -1;
}

void Connection::Close() {
  tls_.Close();
  socket_.Close();
  unread_.clear();
  unwritten_.clear();
}

std::size_t Connection::SendRun(base::Bytes slots, std::size_t message_bytes,
                                std::size_t stride_bytes) {
  const std::size_t count = slots.size() / stride_bytes;
  CHECK(count <= kMaxRun);
  if (is_stream_) {
    Flush();
    if (has_unwritten()) return 0;
    const ssize_t written = Write(slots);
    if (written <= 0 && !tls_.is_open()) return 0;
    const auto bytes = static_cast<std::size_t>(std::max<ssize_t>(0, written));
    // TLS may have put everything into a record that waits to be sent, and keeps it.
    const std::size_t begun = tls_.is_open() ? count : (bytes + stride_bytes - 1) / stride_bytes;
    const base::Bytes rest = slots.first(begun * stride_bytes).subspan(bytes);
    unwritten_.assign(rest.begin(), rest.end());
    return begun;
  }
  std::array<iovec, kMaxRun> pieces;
  std::array<mmsghdr, kMaxRun> headers;
  for (std::size_t i = 0; i < count; ++i) {
    // sendmmsg only reads what the piece points to.
    pieces[i] = {const_cast<std::uint8_t*>(slots.data()) + i * stride_bytes, message_bytes};
    headers[i] = {};
    headers[i].msg_hdr.msg_iov = &pieces[i];
    headers[i].msg_hdr.msg_iovlen = 1;
  }
  const int sent =
      ::sendmmsg(socket_.get(), headers.data(), static_cast<unsigned>(count), MSG_DONTWAIT);
  return sent > 0 ? static_cast<std::size_t>(sent) : 0;
}

bool Connection::Send(base::Bytes message) {
  if (!is_stream_) return ::send(socket_.get(), message.data(), message.size(), MSG_DONTWAIT) >= 0;
  unwritten_.insert(unwritten_.end(), message.begin(), message.end());
  Flush();
  return true;
}

void Connection::Flush() {
  if (unwritten_.empty()) return;
  const ssize_t written = Write(unwritten_);
  if (written > 0) unwritten_.erase(unwritten_.begin(), unwritten_.begin() + written);
}

Connection::ReadResult Connection::ReadDatagrams(ReceiveBuffers& buffers) {
  errno = 0;
  const std::size_t count = buffers.datagrams.Receive(socket_);
  if (count == 0 && errno != 0 && !IsTransient(errno)) return {0, Received::kBroken};
  const bool is_full = count == DatagramBatch::kCapacity;
  return {count, is_full ? Received::kMaybeMore : Received::kAll};
}

Connection::ReadResult Connection::ReadStream(ReceiveBuffers& buffers) {
  std::ranges::copy(unread_, buffers.stream.begin());
  const std::size_t room = buffers.stream.size() - unread_.size();
  const ssize_t got = Read(base::MutableBytes(buffers.stream).subspan(unread_.size(), room));
  if (got > 0) {
    const auto bytes = static_cast<std::size_t>(got);
    return {unread_.size() + bytes, bytes == room ? Received::kMaybeMore : Received::kAll};
  }
  if (got < 0 && IsTransient(errno)) return {unread_.size(), Received::kAll};
  if (got == 0) errno = 0;
  return {unread_.size(), Received::kBroken};
}

}  // namespace loadgen
