#pragma once

#include <openssl/ssl.h>

#include <optional>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "server/tls/dtls_cookie.h"
#include "server/tls/dtls_session.h"

namespace relay {

// What a DTLS session of OpenSSL has in place of a socket: it hands out the one datagram of the
// running call, whole and once, and passes on what is written. Only for the sources of this folder.
// One thread.
class DatagramPort {
 public:
  DatagramPort() = default;
  DatagramPort(const DatagramPort&) = delete;
  DatagramPort& operator=(const DatagramPort&) = delete;

  // Becomes both ends of the session, which must not be used after this port is gone. False: out of
  // memory.
  bool AttachTo(SSL* session);

  // The datagram and the sink of one call, forgotten at its end; what was not read by then is lost,
  // as datagrams are. An empty datagram: there is nothing to read.
  class Visit {
   public:
    Visit(DatagramPort& port, base::Bytes datagram, DatagramSink& sink) : port_(port) {
      port_.datagram_ = datagram;
      port_.sink_ = &sink;
    }
    Visit(const Visit&) = delete;
    Visit& operator=(const Visit&) = delete;
    ~Visit() {
      port_.datagram_ = {};
      port_.sink_ = nullptr;
    }

   private:
    DatagramPort& port_;
  };

  // Who sent the datagram, while it is looked at for the first time. A cookie is made and checked
  // with this. The cookie that was found good is kept, since OpenSSL asks for it again when the
  // handshake begins.
  struct Stranger {
    const DtlsCookies& cookies;
    const base::Endpoint& client;
    const base::Endpoint& server;
    base::MonotonicTime now;
  };
  // `stranger` must live until nullptr is set.
  void SetStranger(const Stranger* stranger) { stranger_ = stranger; }

  // For SSL_CTX_set_cookie_generate_cb and SSL_CTX_set_cookie_verify_cb, for sessions with a port.
  static int GenerateCookie(SSL* session, unsigned char* cookie, unsigned* size);
  static int VerifyCookie(SSL* session, const unsigned char* cookie, unsigned size);

  // What a datagram of the handshake may hold: fits through IPv6 tunnels (RFC 8085 section 3.2).
  static constexpr int kHandshakeDatagramBytes = 1200;

 private:
  static int ReadFromPort(BIO* bio, char* into, int size);
  static int WriteToPort(BIO* bio, const char* datagram, int size);
  static long ControlPort(BIO* bio, int command, long number, void* pointer);  // NOLINT

  base::Bytes datagram_;  // within a Visit
  DatagramSink* sink_ = nullptr;
  bool is_peeking_ = false;
  const Stranger* stranger_ = nullptr;
  std::optional<DtlsCookies::Cookie> good_cookie_;
};

}  // namespace relay
