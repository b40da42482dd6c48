#include "server/probe/octet_channel.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "server/datapath/userspace/socket_address.h"

namespace relay {
namespace {

using Status = StreamOutcome::Status;

base::Error SystemError(const std::string& step) { return {step + ": " + std::strerror(errno)}; }

StreamOutcome JudgeCall(ssize_t result, Status when_blocked, bool is_read) {
  if (result > 0 || (result == 0 && !is_read))
    return {Status::kDone, static_cast<std::size_t>(result)};
  if (result == 0) return {Status::kEnd};
  return {errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR ? when_blocked
                                                                    : Status::kFailed};
}

}  // namespace

base::Result<OctetChannel> OctetChannel::Open(Kind kind, Security security,
                                              const base::Endpoint& server,
                                              const std::string& server_name,
                                              base::MonotonicTime deadline) {
  const int type = kind == Kind::kDatagram ? SOCK_DGRAM : SOCK_STREAM;
  const int family = server.address.is_v4() ? AF_INET : AF_INET6;
  Descriptor socket(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return SystemError("no socket");
  if (type == SOCK_STREAM) {
    const int on = 1;
    ::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
  }
  OctetChannel channel(std::move(socket));
  if (const auto connected = channel.Connect(server, deadline); !connected.ok())
    return connected.error();
  if (security == Security::kTls) {
    const auto protocol =
        kind == Kind::kDatagram ? TlsClient::Protocol::kDatagram : TlsClient::Protocol::kStream;
    if (const auto secured = channel.Secure(protocol, server_name, deadline); !secured.ok())
      return secured.error();
  }
  return channel;
}

base::Result<void> OctetChannel::Connect(const base::Endpoint& server,
                                         base::MonotonicTime deadline) {
  const SocketAddress address = ToSocketAddress(server);
  if (::connect(socket_.get(), &address.generic, address.length) == 0) return {};
  if (errno != EINPROGRESS) return SystemError("cannot connect");
  if (!WaitFor(POLLOUT, deadline)) return base::Error{"cannot connect: no answer in time"};
  int problem = 0;
  socklen_t length = sizeof(problem);
  ::getsockopt(socket_.get(), SOL_SOCKET, SO_ERROR, &problem, &length);
  if (problem == 0) return {};
  errno = problem;
  return SystemError("cannot connect");
}

base::Result<void> OctetChannel::Secure(TlsClient::Protocol protocol,
                                        const std::string& server_name,
                                        base::MonotonicTime deadline) {
  auto created = TlsClient::Create(socket_.get(), protocol, server_name);
  if (!created.ok()) return created.error();
  tls_ = std::move(created).value();
  const std::string step =
      protocol == TlsClient::Protocol::kDatagram ? "DTLS handshake" : "TLS handshake";
  while (true) {
    const StreamOutcome outcome = tls_->Handshake();
    if (outcome.status == Status::kDone) return {};
    if (outcome.status == Status::kEnd || outcome.status == Status::kFailed)
      return base::Error{step + " failed"};
    const base::MonotonicTime now = base::ReadClocks().monotonic;
    if (now >= deadline) return base::Error{step + ": no answer in time"};
    const auto repeat = tls_->repeat_after();
    const base::MonotonicTime until = repeat ? std::min(deadline, now + *repeat) : deadline;
    const bool is_ready = WaitFor(outcome.status == Status::kWantRead ? POLLIN : POLLOUT, until);
    if (!is_ready && repeat) tls_->Repeat();
  }
}

// NOLINTNEXTLINE(google-runtime-int): poll's type
bool OctetChannel::WaitFor(short events, base::MonotonicTime deadline) {
  while (true) {
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - base::ReadClocks().monotonic);
    pollfd wanted{.fd = socket_.get(), .events = events, .revents = 0};
    const int ready = ::poll(&wanted, 1, static_cast<int>(std::max<std::int64_t>(left.count(), 0)));
    if (ready > 0) return true;
    if (ready == 0 || errno != EINTR) return false;
  }
}

StreamOutcome OctetChannel::TryRead(base::MutableBytes into) {
  if (tls_ != nullptr) return tls_->Read(into);
  return JudgeCall(::recv(socket_.get(), into.data(), into.size(), 0), Status::kWantRead, true);
}

StreamOutcome OctetChannel::TryWrite(base::Bytes octets) {
  if (tls_ != nullptr) return tls_->Write(octets);
  return JudgeCall(::send(socket_.get(), octets.data(), octets.size(), MSG_NOSIGNAL),
                   Status::kWantWrite, false);
}

base::Result<void> OctetChannel::Write(base::Bytes octets, base::MonotonicTime deadline) {
  while (!octets.empty()) {
    const StreamOutcome outcome = TryWrite(octets);
    if (outcome.status == Status::kDone) {
      octets = octets.subspan(std::min(outcome.bytes, octets.size()));
      continue;
    }
    if (outcome.status == Status::kEnd || outcome.status == Status::kFailed)
      return base::Error{"the connection has ended"};
    if (!WaitFor(outcome.status == Status::kWantRead ? POLLIN : POLLOUT, deadline))
      return base::Error{"nothing can be sent"};
  }
  return {};
}

base::Result<std::size_t> OctetChannel::Read(base::MutableBytes into,
                                             base::MonotonicTime deadline) {
  while (true) {
    const StreamOutcome outcome = TryRead(into);
    if (outcome.status == Status::kDone) return outcome.bytes;
    if (outcome.status == Status::kEnd) return base::Error{"the server has ended the connection"};
    if (outcome.status == Status::kFailed) {
      return errno == ECONNREFUSED ? base::Error{"nobody listens there (connection refused)"}
                                   : base::Error{"the connection has broken"};
    }
    if (!WaitFor(outcome.status == Status::kWantWrite ? POLLOUT : POLLIN, deadline))
      return std::size_t{0};
  }
}

}  // namespace relay
