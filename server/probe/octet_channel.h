#pragma once

#include <cstddef>
#include <memory>
#include <string>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "protocol/base/time.h"
#include "server/net/listener_socket.h"
#include "server/tls/tls_client.h"

namespace relay {

// A connected UDP or TCP socket, with or without (D)TLS over it, whose calls wait until a deadline.
// One thread.
class OctetChannel {
 public:
  enum class Kind : std::uint8_t { kDatagram, kStream };
  enum class Security : std::uint8_t { kClear, kTls };

  // The error says which step failed.
  static base::Result<OctetChannel> Open(Kind kind, Security security, const base::Endpoint& server,
                                         const std::string& server_name,
                                         base::MonotonicTime deadline);

  // All of it; over a datagram socket as one message.
  base::Result<void> Write(base::Bytes octets, base::MonotonicTime deadline);
  // What is there, at least one octet; 0: nothing came in time.
  base::Result<std::size_t> Read(base::MutableBytes into, base::MonotonicTime deadline);

 private:
  explicit OctetChannel(Descriptor socket) : socket_(std::move(socket)) {}
  base::Result<void> Connect(const base::Endpoint& server, base::MonotonicTime deadline);
  base::Result<void> Secure(TlsClient::Protocol protocol, const std::string& server_name,
                            base::MonotonicTime deadline);
  // False: the deadline has passed.
  bool WaitFor(short events, base::MonotonicTime deadline);  // NOLINT(google-runtime-int): poll's
  StreamOutcome TryRead(base::MutableBytes into);
  StreamOutcome TryWrite(base::Bytes octets);

  Descriptor socket_;
  std::unique_ptr<TlsClient> tls_;  // before the socket goes
};

}  // namespace relay
