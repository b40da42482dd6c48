#include "server/tls/tls_session.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "server/tls/openssl_handles.h"

namespace relay {
namespace {

// What OpenSSL reads from and writes to: the caller's socket, which it neither closes nor lets
// raise SIGPIPE.
class SocketPort {
 public:
  explicit SocketPort(int socket) : socket_(socket) {}
  SocketPort(const SocketPort&) = delete;
  SocketPort& operator=(const SocketPort&) = delete;

  // Becomes both ends of the session, which must not be used after this port is gone. False: out of
  // memory.
  bool AttachTo(SSL* session) {
    static const BIO_METHOD* const method =
        MakePortMethod("socket port", ReadFromPort, WriteToPort, ControlPort);
    return AttachPort(session, method, this);
  }

  // From now on what is written is added to `records`, which never refuses, and goes nowhere.
  // Only while nothing waits.
  void Gather(std::vector<std::uint8_t>& records) {
    CHECK(unsent_.empty());
    gathered_ = &records;
  }
  // What has been gathered goes now, as far as the system takes it; the rest waits. False: the
  // socket is of no further use.
  bool Release() {
    const std::vector<std::uint8_t>& records = *std::exchange(gathered_, nullptr);
    const ssize_t count = Send(records.data(), records.size());
    if (count < 0 && !IsBusy()) return false;
    unsent_.assign(records.begin() + std::max<ssize_t>(count, 0), records.end());
    return true;
  }
  bool has_unsent() const { return !unsent_.empty(); }
  // kDone: nothing waits any more.
  StreamOutcome SendUnsent() {
    if (unsent_.empty()) return {StreamOutcome::Status::kDone};
    const ssize_t count = Send(unsent_.data(), unsent_.size());
    if (count < 0) {
      return {IsBusy() ? StreamOutcome::Status::kWantWrite : StreamOutcome::Status::kFailed};
    }
    unsent_.erase(unsent_.begin(), unsent_.begin() + count);
    if (!unsent_.empty()) return {StreamOutcome::Status::kWantWrite};
    unsent_ = {};  // its memory, too
    return {StreamOutcome::Status::kDone};
  }
  bool has_received() const { return has_received_; }
  bool is_at_end() const { return is_at_end_; }

 private:
  static SocketPort& PortOf(BIO* bio) { return *static_cast<SocketPort*>(BIO_get_data(bio)); }

  static int ReadFromPort(BIO* bio, char* into, int size) {
    SocketPort& port = PortOf(bio);
    BIO_clear_retry_flags(bio);
    ssize_t count;
    do {
      count = ::recv(port.socket_, into, static_cast<std::size_t>(size), MSG_DONTWAIT);
    } while (count < 0 && errno == EINTR);
    if (count < 0 && IsBusy()) BIO_set_retry_read(bio);
    if (count > 0) port.has_received_ = true;
    if (count == 0) port.is_at_end_ = true;
    return static_cast<int>(count);
  }

  static int WriteToPort(BIO* bio, const char* octets, int size) {
    SocketPort& port = PortOf(bio);
    BIO_clear_retry_flags(bio);
    if (port.gathered_ != nullptr) {
      port.gathered_->insert(port.gathered_->end(), octets, octets + size);
      return size;
    }
    if (const StreamOutcome earlier = port.SendUnsent();
        earlier.status != StreamOutcome::Status::kDone) {
      if (earlier.status == StreamOutcome::Status::kWantWrite) BIO_set_retry_write(bio);
      return -1;
    }
    const ssize_t count = port.Send(octets, static_cast<std::size_t>(size));
    if (count < 0 && IsBusy()) BIO_set_retry_write(bio);
    return static_cast<int>(count);
  }

  // What send(2) says, errno included.
  ssize_t Send(const void* octets, std::size_t size) const {
    ssize_t count;
    do {
      count = ::send(socket_, octets, size, MSG_DONTWAIT | MSG_NOSIGNAL);
    } while (count < 0 && errno == EINTR);
    return count;
  }
  static bool IsBusy() { return errno == EAGAIN || errno == EWOULDBLOCK; }

  // Says no to BIO_CTRL_EOF on purpose: OpenSSL would take an end without close_notify for an
  // attack and spoil the other direction, too.
  // NOLINTNEXTLINE(google-runtime-int): OpenSSL's types
  static long ControlPort(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  int socket_;
  std::vector<std::uint8_t>* gathered_ = nullptr;
  std::vector<std::uint8_t> unsent_;
  bool has_received_ = false;
  bool is_at_end_ = false;
};

constexpr StreamOutcome kFailure{StreamOutcome::Status::kFailed};

}  // namespace

struct TlsSession::Handle {
  explicit Handle(int socket) : port(socket) {}

  SocketPort port;
  SslHandle ssl;  // uses the port until it is freed; nullptr: out of memory
  bool has_failed = false;
};

TlsSession::TlsSession(std::shared_ptr<const TlsContext> context, int socket,
                       TlsContext::Protocol protocol)
    : context_(std::move(context)), handle_(std::make_unique<Handle>(socket)) {
  handle_->ssl.reset(context_->NewSession(protocol));
  if (handle_->ssl != nullptr && !handle_->port.AttachTo(handle_->ssl.get())) handle_->ssl.reset();
  handle_->has_failed = handle_->ssl == nullptr;
}

TlsSession::~TlsSession() = default;

StreamOutcome TlsSession::Handshake() {
  if (handle_->has_failed) return kFailure;
  ERR_clear_error();
  return Judge(SSL_accept(handle_->ssl.get()));
}

StreamOutcome TlsSession::Read(base::MutableBytes into) {
  if (handle_->has_failed) return kFailure;
  StreamOutcome outcome{StreamOutcome::Status::kDone};
  if (into.empty()) return outcome;
  ERR_clear_error();
  const int result = SSL_read_ex(handle_->ssl.get(), into.data(), into.size(), &outcome.bytes);
  return result == 1 ? outcome : Judge(result);
}

StreamOutcome TlsSession::Peek(base::MutableBytes into) {
  if (handle_->has_failed) return kFailure;
  StreamOutcome outcome{StreamOutcome::Status::kDone};
  if (into.empty()) return outcome;
  ERR_clear_error();
  const int result = SSL_peek_ex(handle_->ssl.get(), into.data(), into.size(), &outcome.bytes);
  return result == 1 ? outcome : Judge(result);
}

StreamOutcome TlsSession::Write(base::Bytes octets) {
  if (handle_->has_failed) return kFailure;
  StreamOutcome outcome{StreamOutcome::Status::kDone};
  if (octets.empty()) return outcome;
  ERR_clear_error();
  const int result = SSL_write_ex(handle_->ssl.get(), octets.data(), octets.size(), &outcome.bytes);
  return result == 1 ? outcome : Judge(result);
}

StreamOutcome TlsSession::WriteEach(std::span<const base::Bytes> messages) {
  if (handle_->has_failed) return kFailure;
  thread_local std::vector<std::uint8_t> records;
  records.clear();
  handle_->port.Gather(records);
  ERR_clear_error();
  std::size_t done = 0;
  int result = 1;
  for (base::Bytes rest : messages) {
    while (result == 1 && !rest.empty()) {
      std::size_t written = 0;
      result = SSL_write_ex(handle_->ssl.get(), rest.data(), rest.size(), &written);
      rest = rest.subspan(written);
      done += written;
    }
  }
  StreamOutcome outcome = result == 1 ? StreamOutcome{StreamOutcome::Status::kDone} : Judge(result);
  if (!handle_->port.Release()) {
    handle_->has_failed = true;
    return kFailure;
  }
  outcome.bytes = done;
  return outcome;
}

bool TlsSession::has_unsent() const { return handle_->port.has_unsent(); }

StreamOutcome TlsSession::SendUnsent() {
  if (handle_->has_failed) return kFailure;
  const StreamOutcome outcome = handle_->port.SendUnsent();
  handle_->has_failed = outcome.status == StreamOutcome::Status::kFailed;
  return outcome;
}

// SSL_has_pending would be true for a part of a record, too, of which Read can give nothing yet.
bool TlsSession::has_buffered() const {
  return handle_->ssl != nullptr && SSL_pending(handle_->ssl.get()) > 0;
}

bool TlsSession::has_grease() const {
  if (handle_->has_failed) return false;
  // Two octets for each suite. None once the handshake's memory is given back.
  unsigned char* suites = nullptr;
  const auto octets = static_cast<int>(SSL_get0_raw_cipherlist(handle_->ssl.get(), &suites));
  for (int i = 0; i + 1 < octets; i += 2) {
    if (suites[i] == suites[i + 1] && (suites[i] & 0x0f) == 0x0a) return true;
  }
  return false;
}

void TlsSession::SendCloseNotify() {
  if (handle_->has_failed || SSL_is_init_finished(handle_->ssl.get()) == 0) return;
  ERR_clear_error();
  SSL_shutdown(handle_->ssl.get());
}

StreamOutcome TlsSession::Judge(int result) {
  using Status = StreamOutcome::Status;
  const SocketPort& port = handle_->port;
  switch (SSL_get_error(handle_->ssl.get(), result)) {
    case SSL_ERROR_NONE:
      return {Status::kDone};
    case SSL_ERROR_WANT_READ:
      return {Status::kWantRead};
    case SSL_ERROR_WANT_WRITE:
      return {Status::kWantWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {Status::kEnd};
    case SSL_ERROR_SYSCALL:
      // Many clients close their connection without a word; so do probes of the port, which come
      // and go. But who leaves in the middle of a handshake has given up.
      if (port.is_at_end() &&
          (SSL_is_init_finished(handle_->ssl.get()) == 1 || !port.has_received())) {
        return {Status::kEnd};
      }
      break;
    default:
      break;
  }
  handle_->has_failed = true;
  return kFailure;
}

}  // namespace relay
