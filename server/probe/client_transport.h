#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"
#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "protocol/base/time.h"

namespace relay {

// How a client reaches a server. kWebSocket: binary frames over TLS.
enum class ProbeTransport : std::uint8_t { kUdp, kTcp, kTls, kDtls, kWebSocket };

// "udp", "tcp", "tls", "dtls", "wss".
std::string_view ToString(ProbeTransport transport);

// What a client's messages go out by and come in by, over any transport. Each call waits until it
// is done or `deadline` has passed. One thread.
class ClientTransport {
 public:
  virtual ~ClientTransport() = default;

  // Connects, with every handshake that the transport has. `server_name` goes into the handshakes;
  // empty: none. The error says at which step it failed, and why.
  static base::Result<std::unique_ptr<ClientTransport>> Open(ProbeTransport transport,
                                                             const base::Endpoint& server,
                                                             const std::string& server_name,
                                                             base::MonotonicTime deadline);

  // One STUN message, or ChannelData without padding. The error: the connection is of no use.
  virtual base::Result<void> Send(base::Bytes message, base::MonotonicTime deadline) = 0;
  // The next one; nullopt: none came in time.
  virtual base::Result<std::optional<std::vector<std::uint8_t>>> Receive(
      base::MonotonicTime deadline) = 0;
};

}  // namespace relay
