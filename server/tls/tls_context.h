#pragma once

#include <memory>
#include <vector>

#include "protocol/base/result.h"
#include "server/tls/certificate.h"
#include "server/tls/ticket_keys.h"

struct ssl_st;

namespace relay {

// All that a handshake depends on, as one immutable snapshot: versions, suites, certificates chosen
// by server name, ALPN, ticket keys. A change of certificates is a new context; sessions keep the
// one that they began with. Any thread.
//
// TLS 1.2 and 1.3 with forward secrecy and AEAD suites only (BCP 195, RFC 9325), and the two suites
// that RFC 8489 section 6.2.3 demands; DTLS 1.2, which is what OpenSSL 3 has. No compression, no
// renegotiation, no early data. ALPN (RFC 7443): `stun.turn` and `stun.nat-discovery` are accepted
// and never required; a client that offers only protocols that we do not know goes on without.
class TlsContext {
 public:
  // Fails without a certificate, and when the library refuses something.
  static base::Result<std::shared_ptr<const TlsContext>> Create(
      std::vector<Certificate> certificates, const TicketKeys& ticket_keys);
  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext();

  const std::vector<Certificate>& certificates() const;

  // For this folder and server/http: a new server side, owned by the caller, who keeps this
  // context for as long as the session lives. nullptr: out of memory.
  enum class Protocol : unsigned char {
    kTurn,         // over TLS
    kTurnAndHttp,  // over TLS; `http/1.1` is accepted, too
    kDatagram,     // over DTLS
  };
  ssl_st* NewSession(Protocol protocol) const;

 private:
  struct Parts;
  explicit TlsContext(std::unique_ptr<Parts> parts);
  std::unique_ptr<Parts> parts_;
};

}  // namespace relay
