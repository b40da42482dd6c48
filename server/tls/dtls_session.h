#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "server/tls/dtls_cookie.h"
#include "server/tls/tls_context.h"

namespace relay {

// Where a DTLS endpoint's datagrams go. `datagram` lives during the call.
class DatagramSink {
 public:
  virtual ~DatagramSink() = default;
  virtual void SendDatagram(base::Bytes datagram) = 0;
};

// The server's end of one DTLS association. It has no socket: datagrams come in as octets and leave
// through the sink of the call that causes them. One thread.
class DtlsSession {
 public:
  ~DtlsSession();
  DtlsSession(const DtlsSession&) = delete;
  DtlsSession& operator=(const DtlsSession&) = delete;

  enum class State : std::uint8_t { kHandshake, kOpen, kClosed };
  State state() const { return state_; }

  // Takes one datagram of the client and goes as far as it leads: answers of the handshake go to
  // the sink. What is broken or not for us is ignored (RFC 6347 section 4.1.2.7). If the state is
  // kOpen afterwards, ask Read until it gives nothing.
  void Receive(base::Bytes datagram, DatagramSink& sink);
  // The next decrypted message, written to the front of `into`; nullopt: no more. A datagram holds
  // one or more records, and together their contents are shorter than it: `into` may be the memory
  // that it came in.
  std::optional<std::size_t> Read(base::MutableBytes into, DatagramSink& sink);
  // Encrypts and sends one message of at most kMaxMessageBytes. Only while kOpen. False: not sent.
  bool Send(base::Bytes message, DatagramSink& sink);

  // Sends the last flight of the handshake again if it is time to (RFC 6347 section 4.2.4); closes
  // after too many times. Call it a few times a second while the state is kHandshake.
  void Advance(DatagramSink& sink);

  // Sends close_notify; the state becomes kClosed.
  void Close(DatagramSink& sink);

  // Whether `datagram` begins with the ClientHello that this session began with: a late copy, which
  // must not start another one.
  bool IsOwnClientHello(base::Bytes datagram) const;

  static constexpr std::size_t kMaxMessageBytes = 16384;

 private:
  friend class DtlsAcceptor;
  struct Handle;
  DtlsSession(std::shared_ptr<const TlsContext> context, std::unique_ptr<Handle> handle);

  std::shared_ptr<const TlsContext> context_;
  std::unique_ptr<Handle> handle_;
  State state_ = State::kHandshake;
};

// Answers the ClientHellos of strangers without keeping anything for them. One thread.
class DtlsAcceptor {
 public:
  // `cookies` must outlive the acceptor.
  DtlsAcceptor(std::shared_ptr<const TlsContext> context, const DtlsCookies& cookies);
  ~DtlsAcceptor();
  DtlsAcceptor(const DtlsAcceptor&) = delete;
  DtlsAcceptor& operator=(const DtlsAcceptor&) = delete;

  // A datagram of a client without a session. A ClientHello without a cookie is answered with a
  // smaller HelloVerifyRequest; with a cookie made for these addresses it becomes a session, which
  // has already taken the datagram and sent its flight; anything else is ignored.
  std::unique_ptr<DtlsSession> Receive(base::Bytes datagram, const base::Endpoint& client,
                                       const base::Endpoint& server, base::MonotonicTime now,
                                       DatagramSink& sink);

  // Whether a ClientHello has a cookie, be it good or not: Receive may take long over it.
  static bool ShowsCookie(base::Bytes datagram);

  // For those that come from now on.
  void SetContext(std::shared_ptr<const TlsContext> context);

 private:
  struct Handle;
  std::shared_ptr<const TlsContext> context_;
  const DtlsCookies& cookies_;
  std::unique_ptr<Handle> handle_;
};

}  // namespace relay
