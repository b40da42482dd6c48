#include "server/tls/dtls_session.h"

#include <openssl/err.h>

#include <algorithm>
#include <array>
#include <utility>

#include "server/tls/datagram_port.h"
#include "server/tls/dtls_records.h"
#include "server/tls/openssl_handles.h"

namespace relay {
namespace {

constexpr std::size_t kHelloVersionBytes = 2;
constexpr std::size_t kRandomBytes = 32;
constexpr std::size_t kRandomPosition =
    DtlsLayout::kRecordHeaderBytes + DtlsLayout::kMessageHeaderBytes + kHelloVersionBytes;

// The begin of a first ClientHello, in one piece up to its random. Keeps what cannot be one away
// from OpenSSL.
bool BeginsLikeClientHello(base::Bytes datagram) {
  constexpr std::uint8_t kMajorVersion = 0xfe;
  constexpr std::size_t kFragmentOffsetPosition = DtlsLayout::kRecordHeaderBytes + 6;
  const auto is_zero = [](std::uint8_t octet) { return octet == 0; };
  return datagram.size() >= kRandomPosition + kRandomBytes && BeginsWithClientHello(datagram) &&
         datagram[1] == kMajorVersion &&
         std::ranges::all_of(datagram.subspan(kFragmentOffsetPosition, 3), is_zero);
}

}  // namespace

struct DtlsSession::Handle {
  DatagramPort port;
  DtlsRecordFilter filter;
  SslHandle ssl;                                          // uses the port until it is freed
  std::array<std::uint8_t, kRandomBytes> hello_random{};  // of the ClientHello that was accepted

  // nullptr: out of memory.
  static std::unique_ptr<Handle> Make(const TlsContext& context) {
    auto handle = std::make_unique<Handle>();
    handle->ssl.reset(context.NewSession(TlsContext::Protocol::kDatagram));
    if (handle->ssl == nullptr || !handle->port.AttachTo(handle->ssl.get())) return nullptr;
    return handle;
  }

  // The state that a ClientHello with a good cookie led to; nullopt: it was something else, and
  // this is as good as new. `datagram` begins like a ClientHello; OpenSSL may write to `peer`.
  std::optional<State> Greet(base::Bytes datagram, const DatagramPort::Stranger& stranger,
                             BIO_ADDR* peer, DatagramSink& sink) {
    const DatagramPort::Visit visit(port, datagram, sink);
    port.SetStranger(&stranger);
    ERR_clear_error();
    const int result = DTLSv1_listen(ssl.get(), peer);
    port.SetStranger(nullptr);
    if (result <= 0) return std::nullopt;
    std::ranges::copy(datagram.subspan(kRandomPosition, kRandomBytes), hello_random.begin());
    return Handshake();  // with the ClientHello, which OpenSSL has kept
  }

  // What a call that did not succeed leaves behind. A datagram that was not for us counts as none.
  State AfterFailure(State before) {
    const int error = SSL_get_error(ssl.get(), 0);
    if (error == SSL_ERROR_WANT_READ || error == SSL_ERROR_WANT_WRITE) return before;
    if (error == SSL_ERROR_ZERO_RETURN) SSL_shutdown(ssl.get());  // RFC 5246 section 7.2.1
    return State::kClosed;
  }

  State Handshake() {
    ERR_clear_error();
    if (SSL_accept(ssl.get()) == 1) return State::kOpen;
    return AfterFailure(State::kHandshake);
  }

  // What an empty record of the suite agreed upon comes to; GCM's as long as there is none.
  std::size_t MinEncryptedBytes() const {
    constexpr std::size_t kTagBytes = 16;
    constexpr std::size_t kExplicitNonceBytes = 8;  // RFC 5288 section 3; RFC 7905 has none
    const SSL_CIPHER* const suite = SSL_get_current_cipher(ssl.get());
    const bool is_chacha =
        suite != nullptr && SSL_CIPHER_get_cipher_nid(suite) == NID_chacha20_poly1305;
    return is_chacha ? kTagBytes : kTagBytes + kExplicitNonceBytes;
  }

  DtlsRecordFilter::Phase PhaseOf(State state) const {
    if (state == State::kOpen) return DtlsRecordFilter::Phase::kOpen;
    return SSL_get_state(ssl.get()) == TLS_ST_SR_CHANGE ? DtlsRecordFilter::Phase::kBeforeFinished
                                                        : DtlsRecordFilter::Phase::kBeforeKeys;
  }

  // Makes OpenSSL take the datagram in, as a whole, and act on all records up to the first that
  // carries data.
  State TakeIn() {
    std::uint8_t first = 0;
    std::size_t count = 0;
    ERR_clear_error();
    if (SSL_peek_ex(ssl.get(), &first, sizeof(first), &count) == 1) return State::kOpen;
    return AfterFailure(State::kOpen);
  }
};

DtlsSession::DtlsSession(std::shared_ptr<const TlsContext> context, std::unique_ptr<Handle> handle)
    : context_(std::move(context)), handle_(std::move(handle)) {}

DtlsSession::~DtlsSession() = default;

void DtlsSession::Receive(base::Bytes datagram, DatagramSink& sink) {
  if (state_ == State::kClosed) return;
  const base::Bytes admitted =
      handle_->filter.Admit(datagram, handle_->PhaseOf(state_), handle_->MinEncryptedBytes());
  if (admitted.empty()) return;
  const DatagramPort::Visit visit(handle_->port, admitted, sink);
  if (state_ == State::kHandshake) state_ = handle_->Handshake();
  if (state_ == State::kOpen) state_ = handle_->TakeIn();
}

std::optional<std::size_t> DtlsSession::Read(base::MutableBytes into, DatagramSink& sink) {
  if (into.empty()) return std::nullopt;
  const DatagramPort::Visit visit(handle_->port, {}, sink);
  while (state_ == State::kOpen) {
    std::size_t count = 0;
    ERR_clear_error();
    if (SSL_read_ex(handle_->ssl.get(), into.data(), into.size(), &count) != 1) {
      state_ = handle_->AfterFailure(State::kOpen);
      break;
    }
    if (count > 0) return count;
  }
  return std::nullopt;
}

bool DtlsSession::Send(base::Bytes message, DatagramSink& sink) {
  if (state_ != State::kOpen || message.empty() || message.size() > kMaxMessageBytes) return false;
  const DatagramPort::Visit visit(handle_->port, {}, sink);
  std::size_t count = 0;
  ERR_clear_error();
  if (SSL_write_ex(handle_->ssl.get(), message.data(), message.size(), &count) == 1) return true;
  state_ = handle_->AfterFailure(State::kOpen);
  return false;
}

void DtlsSession::Advance(DatagramSink& sink) {
  if (state_ != State::kHandshake) return;
  const DatagramPort::Visit visit(handle_->port, {}, sink);
  ERR_clear_error();
  if (DTLSv1_handle_timeout(handle_->ssl.get()) < 0) state_ = State::kClosed;
}

void DtlsSession::Close(DatagramSink& sink) {
  const DatagramPort::Visit visit(handle_->port, {}, sink);
  ERR_clear_error();
  if (state_ == State::kOpen) SSL_shutdown(handle_->ssl.get());
  state_ = State::kClosed;
}

bool DtlsSession::IsOwnClientHello(base::Bytes datagram) const {
  return BeginsLikeClientHello(datagram) &&
         std::ranges::equal(datagram.subspan(kRandomPosition, kRandomBytes), handle_->hello_random);
}

bool DtlsAcceptor::ShowsCookie(base::Bytes datagram) {
  if (!BeginsLikeClientHello(datagram)) return false;
  // The length of the session ID, the ID, the length of the cookie (RFC 6347 section 4.2.1).
  constexpr std::size_t kIdPosition = kRandomPosition + kRandomBytes;
  if (datagram.size() <= kIdPosition) return false;
  const std::size_t cookie = kIdPosition + 1 + datagram[kIdPosition];
  return cookie < datagram.size() && datagram[cookie] != 0;
}

struct DtlsAcceptor::Handle {
  // Reads the ClientHellos of all strangers, one after another, and begins afresh with each;
  // becomes the session of the first with a good cookie.
  std::unique_ptr<DtlsSession::Handle> spare;
  BioAddressHandle peer{BIO_ADDR_new()};
};

DtlsAcceptor::DtlsAcceptor(std::shared_ptr<const TlsContext> context, const DtlsCookies& cookies)
    : context_(std::move(context)), cookies_(cookies), handle_(std::make_unique<Handle>()) {}

DtlsAcceptor::~DtlsAcceptor() = default;

std::unique_ptr<DtlsSession> DtlsAcceptor::Receive(base::Bytes datagram,
                                                   const base::Endpoint& client,
                                                   const base::Endpoint& server,
                                                   base::MonotonicTime now, DatagramSink& sink) {
  if (!BeginsLikeClientHello(datagram)) return nullptr;
  std::unique_ptr<DtlsSession::Handle>& spare = handle_->spare;
  if (spare == nullptr) spare = DtlsSession::Handle::Make(*context_);
  if (spare == nullptr || handle_->peer == nullptr) return nullptr;

  const auto state =
      spare->Greet(datagram, {cookies_, client, server, now}, handle_->peer.get(), sink);
  if (!state) return nullptr;
  std::unique_ptr<DtlsSession> session(new DtlsSession(context_, std::move(spare)));
  if (*state == DtlsSession::State::kClosed) return nullptr;
  session->state_ = *state;
  return session;
}

void DtlsAcceptor::SetContext(std::shared_ptr<const TlsContext> context) {
  context_ = std::move(context);
  handle_->spare.reset();
}

}  // namespace relay
