#pragma once

#include <optional>
#include <string>
#include <vector>

#include "server/config/config.h"
#include "server/doctor/finding.h"
#include "server/probe/turn_probe.h"

namespace relay {

// What a probe through one listener came to.
struct RoundTripFacts {
  Config::Listener listener;
  ProbeTransport transport = ProbeTransport::kUdp;
  ProbeReport report;
};

// The transports that a listener is probed by: an edge listener by TLS and by WebSocket.
std::vector<ProbeTransport> TransportsOf(Config::ListenerTransport transport);

// Relays a few packets through each listener, one after another, from this host.
std::vector<RoundTripFacts> ProbeListeners(const std::vector<Config::Listener>& listeners,
                                           const std::string& node,
                                           const ProbeCredential& credential,
                                           base::RandomSource& random);

// Area "relaying". Pure.
Finding CheckRoundTrip(const RoundTripFacts& facts);

}  // namespace relay
