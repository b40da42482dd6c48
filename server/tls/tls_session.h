#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "protocol/base/bytes.h"
#include "server/tls/tls_context.h"

namespace relay {

// What an attempt to move octets came to, on sockets that never block.
struct StreamOutcome {
  enum class Status : std::uint8_t {
    kDone,       // `bytes` octets were moved, at least one (for a handshake: it is complete)
    kWantRead,   // try again when the socket is readable
    kWantWrite,  // try again when the socket is writable
    kEnd,        // the other side has ended its half in good order
    kFailed,     // the stream is of no further use
  };
  Status status;
  std::size_t bytes = 0;
};

// The server's end of TLS on one connected, non-blocking TCP socket. One thread.
class TlsSession {
 public:
  // `socket` stays the caller's, must be open while this lives, and nothing else may read or write
  // it meanwhile.
  TlsSession(std::shared_ptr<const TlsContext> context, int socket, TlsContext::Protocol protocol);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession();

  // Until it says kDone, nothing can be read or written.
  StreamOutcome Handshake();
  StreamOutcome Read(base::MutableBytes into);
  // The same octets without taking them.
  StreamOutcome Peek(base::MutableBytes into);
  // Up to 16 KiB make one record. May take fewer octets than offered. After kWantRead or kWantWrite
  // the next call must offer the same octets again, at least as many; they may lie elsewhere.
  StreamOutcome Write(base::Bytes octets);
  // Each message in records of its own, which all leave together. What the system has no room for
  // waits here: only while nothing does. `bytes` is what is done with, from the front of the first
  // message on; what is not, because of kWantRead, needs not be offered again.
  StreamOutcome WriteEach(std::span<const base::Bytes> messages);
  // Whether parts of records wait to be sent. They go before anything else that is written.
  bool has_unsent() const;
  // Sends them: kDone once none wait.
  StreamOutcome SendUnsent();
  // Whether decrypted octets are waiting, so that Read gives some though the socket has none.
  bool has_buffered() const;
  // After the handshake: whether the client offered a reserved cipher suite (RFC 8701), as browsers
  // made of Chromium do.
  bool has_grease() const;
  // Tells the other side that nothing follows, if the socket takes it.
  void SendCloseNotify();

 private:
  StreamOutcome Judge(int result);

  std::shared_ptr<const TlsContext> context_;
  struct Handle;
  std::unique_ptr<Handle> handle_;
};

}  // namespace relay
