#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "protocol/base/bytes.h"
#include "protocol/base/result.h"
#include "server/tls/tls_session.h"

namespace relay {

// The client's end of TLS or DTLS on one connected, non-blocking socket, for programs that try a
// server out: the handshake goes on whatever the certificate is, since it is to be reported on, and
// nothing secret is sent over it. One thread.
class TlsClient {
 public:
  enum class Protocol : unsigned char { kStream, kDatagram };

  // `socket` stays the caller's, must be open while this lives, and nothing else may read or write
  // it meanwhile. `server_name` is sent along (SNI) unless it is an address or empty. Fails when
  // the library refuses.
  static base::Result<std::unique_ptr<TlsClient>> Create(int socket, Protocol protocol,
                                                         const std::string& server_name);
  TlsClient(const TlsClient&) = delete;
  TlsClient& operator=(const TlsClient&) = delete;
  ~TlsClient();

  // Until it says kDone, nothing can be read or written.
  StreamOutcome Handshake();
  // Over DTLS one message, which is cut when there is no room for it.
  StreamOutcome Read(base::MutableBytes into);
  // Over DTLS one message, whole or not at all.
  StreamOutcome Write(base::Bytes octets);

  // When a flight of a DTLS handshake has to be sent again; nullopt: there is nothing to repeat.
  std::optional<std::chrono::milliseconds> repeat_after() const;
  // Sends it, if it is time to (RFC 6347 section 4.2.4).
  void Repeat();

 private:
  struct Handle;
  explicit TlsClient(std::unique_ptr<Handle> handle);
  StreamOutcome Judge(int result);

  std::unique_ptr<Handle> handle_;
};

}  // namespace relay
