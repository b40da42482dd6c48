#include "server/tls/tls_client.h"

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <algorithm>
#include <utility>

#include "protocol/base/ip_address.h"
#include "server/tls/openssl_handles.h"

namespace relay {
namespace {

constexpr std::size_t kMaxPiece = 1U << 30;  // OpenSSL takes an int
// Handshakes of probes have no reason to find out the path's MTU.
constexpr long kDatagramBytes = 1200;  // NOLINT(google-runtime-int): OpenSSL's type

int PieceOf(std::size_t octets) { return static_cast<int>(std::min(octets, kMaxPiece)); }

// What is sent leaves by a connected socket, without an address.
bool ConnectBio(SSL* session, int socket) {
  BioHandle bio(BIO_new_dgram(socket, BIO_NOCLOSE));
  sockaddr_storage peer{};
  socklen_t length = sizeof(peer);
  if (bio == nullptr || ::getpeername(socket, reinterpret_cast<sockaddr*>(&peer), &length) != 0)
    return false;
  BIO_ctrl(bio.get(), BIO_CTRL_DGRAM_SET_CONNECTED, 0, &peer);
  BIO* const raw = bio.release();
  SSL_set_bio(session, raw, raw);
  SSL_set_options(session, SSL_OP_NO_QUERY_MTU);
  DTLS_set_link_mtu(session, kDatagramBytes);
  return true;
}

}  // namespace

struct TlsClient::Handle {
  SslContextHandle context;
  SslHandle session;
};

TlsClient::TlsClient(std::unique_ptr<Handle> handle) : handle_(std::move(handle)) {}
TlsClient::~TlsClient() = default;

base::Result<std::unique_ptr<TlsClient>> TlsClient::Create(int socket, Protocol protocol,
                                                           const std::string& server_name) {
  const bool is_datagram = protocol == Protocol::kDatagram;
  auto handle = std::make_unique<Handle>();
  ERR_clear_error();
  handle->context.reset(SSL_CTX_new(is_datagram ? DTLS_client_method() : TLS_client_method()));
  if (handle->context == nullptr)
    return base::Error{"OpenSSL gives no context: " + TakeErrorReason()};
  SSL_CTX_set_verify(handle->context.get(), SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_mode(handle->context.get(),
                   SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(handle->context.get(), SSL_SESS_CACHE_OFF);
  handle->session.reset(SSL_new(handle->context.get()));
  SSL* const session = handle->session.get();
  const bool is_bound = session != nullptr && (is_datagram ? ConnectBio(session, socket)
                                                           : SSL_set_fd(session, socket) == 1);
  if (!is_bound) return base::Error{"OpenSSL gives no session: " + TakeErrorReason()};
  // RFC 6066 section 3: addresses are no server names.
  if (!server_name.empty() && !base::IpAddress::Parse(server_name)) {
    // What SSL_set_tlsext_host_name stands for, without its cast.
    SSL_ctrl(session, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name,
             const_cast<char*>(server_name.c_str()));
  }
  SSL_set_connect_state(session);
  return std::unique_ptr<TlsClient>(new TlsClient(std::move(handle)));
}

StreamOutcome TlsClient::Judge(int result) {
  using Status = StreamOutcome::Status;
  if (result > 0) return {Status::kDone, static_cast<std::size_t>(result)};
  switch (SSL_get_error(handle_->session.get(), result)) {
    case SSL_ERROR_WANT_READ:
      return {Status::kWantRead};
    case SSL_ERROR_WANT_WRITE:
      return {Status::kWantWrite};
    case SSL_ERROR_ZERO_RETURN:
      return {Status::kEnd};
    default:
      return {Status::kFailed};
  }
}

StreamOutcome TlsClient::Handshake() {
  ERR_clear_error();
  return Judge(SSL_do_handshake(handle_->session.get()));
}

StreamOutcome TlsClient::Read(base::MutableBytes into) {
  ERR_clear_error();
  return Judge(SSL_read(handle_->session.get(), into.data(), PieceOf(into.size())));
}

StreamOutcome TlsClient::Write(base::Bytes octets) {
  ERR_clear_error();
  return Judge(SSL_write(handle_->session.get(), octets.data(), PieceOf(octets.size())));
}

std::optional<std::chrono::milliseconds> TlsClient::repeat_after() const {
  timeval left{};
  if (SSL_is_dtls(handle_->session.get()) == 0 ||
      DTLSv1_get_timeout(handle_->session.get(), &left) != 1)
    return std::nullopt;
  return std::chrono::milliseconds(left.tv_sec * 1000 + left.tv_usec / 1000 + 1);
}

void TlsClient::Repeat() {
  ERR_clear_error();
  DTLSv1_handle_timeout(handle_->session.get());
}

}  // namespace relay
