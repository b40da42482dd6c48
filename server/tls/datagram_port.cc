#include "server/tls/datagram_port.h"

#include <algorithm>
#include <cstddef>

#include "protocol/base/crypto.h"
#include "server/tls/openssl_handles.h"

namespace relay {
namespace {

constexpr int kIpv6AndUdpHeaderBytes = 48;

DatagramPort& PortOf(BIO* bio) { return *static_cast<DatagramPort*>(BIO_get_data(bio)); }

}  // namespace

bool DatagramPort::AttachTo(SSL* session) {
  static const BIO_METHOD* const method =
      MakePortMethod("datagram port", ReadFromPort, WriteToPort, ControlPort);
  return AttachPort(session, method, this);
}

int DatagramPort::ReadFromPort(BIO* bio, char* into, int size) {
  DatagramPort& port = PortOf(bio);
  BIO_clear_retry_flags(bio);
  if (port.datagram_.empty()) {
    BIO_set_retry_read(bio);
    return -1;
  }
  const std::size_t count = std::min(port.datagram_.size(), static_cast<std::size_t>(size));
  std::copy_n(port.datagram_.data(), count, reinterpret_cast<std::uint8_t*>(into));
  if (!port.is_peeking_) port.datagram_ = {};
  return static_cast<int>(count);
}

int DatagramPort::WriteToPort(BIO* bio, const char* datagram, int size) {
  const DatagramPort& port = PortOf(bio);
  BIO_clear_retry_flags(bio);
  if (port.sink_ != nullptr) {
    port.sink_->SendDatagram(
        {reinterpret_cast<const std::uint8_t*>(datagram), static_cast<std::size_t>(size)});
  }
  return size;
}

// NOLINTNEXTLINE(google-runtime-int): OpenSSL's types
long DatagramPort::ControlPort(BIO* bio, int command, long number, void* /*pointer*/) {
  DatagramPort& port = PortOf(bio);
  switch (command) {
    case BIO_CTRL_FLUSH:
    case BIO_CTRL_DGRAM_SET_NEXT_TIMEOUT:  // whoever drives the session asks it now and then
      return 1;
    case BIO_CTRL_PENDING:
      return static_cast<long>(port.datagram_.size());  // NOLINT(google-runtime-int)
    case BIO_CTRL_DGRAM_SET_PEEK_MODE:
      port.is_peeking_ = number != 0;
      return 1;
    case BIO_CTRL_DGRAM_QUERY_MTU:
    case BIO_CTRL_DGRAM_GET_MTU:
    case BIO_CTRL_DGRAM_GET_FALLBACK_MTU:
      return kHandshakeDatagramBytes;
    case BIO_CTRL_DGRAM_GET_MTU_OVERHEAD:
      return kIpv6AndUdpHeaderBytes;
    default:  // among them BIO_CTRL_WPENDING and BIO_CTRL_DGRAM_GET_PEER
      return 0;
  }
}

int DatagramPort::GenerateCookie(SSL* session, unsigned char* cookie, unsigned* size) {
  const Stranger* const stranger = PortOf(SSL_get_rbio(session)).stranger_;
  if (stranger == nullptr) return 0;
  const DtlsCookies::Cookie made =
      stranger->cookies.Make(stranger->client, stranger->server, stranger->now);
  std::copy(made.begin(), made.end(), cookie);
  *size = static_cast<unsigned>(made.size());
  return 1;
}

int DatagramPort::VerifyCookie(SSL* session, const unsigned char* cookie, unsigned size) {
  DatagramPort& port = PortOf(SSL_get_rbio(session));
  const base::Bytes shown(cookie, size);
  if (port.stranger_ == nullptr) {
    return port.good_cookie_ && base::ConstantTimeEqual(shown, *port.good_cookie_) ? 1 : 0;
  }
  const Stranger& stranger = *port.stranger_;
  if (!stranger.cookies.Verify(shown, stranger.client, stranger.server, stranger.now)) return 0;
  port.good_cookie_.emplace();
  std::copy(shown.begin(), shown.end(), port.good_cookie_->begin());
  return 1;
}

}  // namespace relay
