#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/bytes.h"

// The client's side of a WebSocket (RFC 6455) as far as a stream of TURN over one needs it.
namespace relay {

using WebSocketMask = std::array<std::uint8_t, 4>;

// The request that asks for an upgrade to the subprotocol `turn` at /turn; `key` is 16 random
// octets (section 4.1).
std::string WebSocketRequest(std::string_view host, base::Bytes key);

// Whether a whole answer, up to the empty line, accepts the upgrade. The check of the accepted key
// is left out: the connection is authenticated by TURN, and its end is ours.
bool IsWebSocketAccepted(std::string_view answer);

// One binary message in a masked frame (section 5.2).
std::vector<std::uint8_t> WrapInWebSocketFrame(base::Bytes payload, const WebSocketMask& mask);

// The frame at the front of `octets`.
struct WebSocketFrame {
  enum class Kind : std::uint8_t { kData, kClose, kOther };
  Kind kind = Kind::kOther;
  std::size_t header_bytes = 0;
  std::size_t payload_bytes = 0;
};
// nullopt: more octets are needed to tell, or for the payload.
std::optional<WebSocketFrame> ReadWebSocketFrame(base::Bytes octets);

}  // namespace relay
