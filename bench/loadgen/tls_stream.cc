#include "bench/loadgen/tls_stream.h"

#include <openssl/err.h>
#include <openssl/ssl.h>

#include <algorithm>
#include <cstdint>

namespace loadgen {
namespace {

constexpr std::size_t kMaxPiece = 1 << 30;  // OpenSSL takes an int

int PieceOf(std::size_t octets) { return static_cast<int>(std::min(octets, kMaxPiece)); }

}  // namespace

void TlsContext::Free::operator()(ssl_ctx_st* context) const { SSL_CTX_free(context); }
void TlsStream::Free::operator()(ssl_st* session) const { SSL_free(session); }

base::Result<TlsContext> TlsContext::Create() {
  SSL_CTX* const raw = SSL_CTX_new(TLS_client_method());
  if (raw == nullptr) return base::Error{"OpenSSL gives no TLS context"};
  TlsContext context(raw);
  SSL_CTX_set_verify(raw, SSL_VERIFY_NONE, nullptr);
  SSL_CTX_set_mode(raw, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(raw, SSL_SESS_CACHE_OFF);
  return context;
}

base::Result<void> TlsStream::Begin(const TlsContext& context, const FileDescriptor& socket) {
  session_.reset(SSL_new(context.get()));
  if (!session_ || SSL_set_fd(session_.get(), socket.get()) != 1) {
    session_.reset();
    return base::Error{"OpenSSL gives no TLS session"};
  }
  SSL_set_connect_state(session_.get());
  return {};
}

TlsStream::State TlsStream::StateAfter(int result) const {
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_ZERO_RETURN:
      return State::kDone;
    case SSL_ERROR_WANT_READ:
      return State::kWantsRead;
    case SSL_ERROR_WANT_WRITE:
      return State::kWantsWrite;
    default:
      return State::kBroken;
  }
}

TlsStream::State TlsStream::Handshake() {
  ERR_clear_error();
  return StateAfter(SSL_do_handshake(session_.get()));
}

TlsStream::Progress TlsStream::Read(base::MutableBytes room) {
  ERR_clear_error();
  const int got = SSL_read(session_.get(), room.data(), PieceOf(room.size()));
  const State state = StateAfter(got);
  return {state, got > 0 ? static_cast<std::size_t>(got) : 0U};
}

TlsStream::Progress TlsStream::Write(base::Bytes octets) {
  ERR_clear_error();
  const int taken = SSL_write(session_.get(), octets.data(), PieceOf(octets.size()));
  const State state = StateAfter(taken);
  return {state, taken > 0 ? static_cast<std::size_t>(taken) : 0U};
}

bool TlsStream::has_unread() const { return session_ && SSL_has_pending(session_.get()) == 1; }

}  // namespace loadgen
