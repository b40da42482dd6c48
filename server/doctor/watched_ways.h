#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/result.h"
#include "server/config/config.h"
#include "server/probe/client_transport.h"

namespace relay {

// One way to a node that is tried again and again.
struct WatchedWay {
  std::string node;  // as it was named: a host name or an address
  std::uint16_t port = 0;
  ProbeTransport transport = ProbeTransport::kUdp;

  friend bool operator==(const WatchedWay&, const WatchedWay&) = default;
};

// The ways to the nodes that an operator names. One is a host, which has the listeners of the
// configuration, the first of each transport; or a single way as clients are told it (RFC 7065):
// "turn:host:port?transport=udp", "tcp" with turn: and turns:, and turns: over udp for DTLS. The
// error says what cannot be understood, or which way there would be twice.
base::Result<std::vector<WatchedWay>> WaysTo(const std::vector<std::string>& nodes,
                                             const std::vector<Config::Listener>& listeners);

}  // namespace relay
