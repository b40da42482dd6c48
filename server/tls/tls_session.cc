#include "server/tls/tls_session.h"

#include <openssl/err.h>
#include <sys/socket.h>
#include <sys/types.h>

#include <cerrno>
#include <utility>

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

  // Whether what is written next goes out together with what follows it.
  void SetMoreFollow(bool more_follow) { more_flag_ = more_follow ? MSG_MORE : 0; }
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
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_read(bio);
    if (count > 0) port.has_received_ = true;
    if (count == 0) port.is_at_end_ = true;
    return static_cast<int>(count);
  }

  static int WriteToPort(BIO* bio, const char* octets, int size) {
    const SocketPort& port = PortOf(bio);
    BIO_clear_retry_flags(bio);
    ssize_t count;
    do {
      count = ::send(port.socket_, octets, static_cast<std::size_t>(size),
                     MSG_DONTWAIT | MSG_NOSIGNAL | port.more_flag_);
    } while (count < 0 && errno == EINTR);
    if (count < 0 && (errno == EAGAIN || errno == EWOULDBLOCK)) BIO_set_retry_write(bio);
    return static_cast<int>(count);
  }

  // Says no to BIO_CTRL_EOF on purpose: OpenSSL would take an end without close_notify for an
  // attack and spoil the other direction, too.
  // NOLINTNEXTLINE(google-runtime-int): OpenSSL's types
  static long ControlPort(BIO* /*bio*/, int command, long /*number*/, void* /*pointer*/) {
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  int socket_;
  int more_flag_ = 0;
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

StreamOutcome TlsSession::Write(base::Bytes octets, bool more_follow) {
  if (handle_->has_failed) return kFailure;
  StreamOutcome outcome{StreamOutcome::Status::kDone};
  if (octets.empty()) return outcome;
  ERR_clear_error();
  handle_->port.SetMoreFollow(more_follow);
  const int result = SSL_write_ex(handle_->ssl.get(), octets.data(), octets.size(), &outcome.bytes);
  handle_->port.SetMoreFollow(false);
  return result == 1 ? outcome : Judge(result);
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
