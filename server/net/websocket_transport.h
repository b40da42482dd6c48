#pragma once

#include <array>
#include <boost/beast/websocket/stream.hpp>
#include <cstdint>
#include <utility>
#include <vector>

#include "server/net/stream_adaptor.h"

namespace relay {

// A WebSocket with the buffers of its running operations. Shared with the handlers of those, which
// may outlive the connection that began them (docs/adr/0008).
struct WebSocketTransport {
  explicit WebSocketTransport(StreamAdaptor adaptor) : stream(std::move(adaptor)) {}

  boost::beast::websocket::stream<StreamAdaptor, /*deflateSupported=*/false> stream;
  std::array<std::uint8_t, 4096> incoming;
  std::vector<std::uint8_t> outgoing;
};

}  // namespace relay
