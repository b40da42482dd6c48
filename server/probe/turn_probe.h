#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/random.h"
#include "protocol/base/result.h"
#include "server/probe/client_transport.h"
#include "server/probe/turn_exchange.h"

namespace relay {

// One way to a server.
struct ProbeTarget {
  ProbeTransport transport = ProbeTransport::kUdp;
  base::Endpoint server;
  std::string server_name;  // for handshakes; empty: none
};

struct ProbePlan {
  std::uint32_t packets = 3;
  // For everything before the packets, and for each packet to come back.
  std::chrono::milliseconds setup_patience{3000};
  std::chrono::milliseconds packet_patience{500};
  std::chrono::milliseconds pause{0};  // between packets
};

// What came of a probe.
struct ProbeReport {
  // At which step it failed and why, such as "Allocate: 401 Unauthenticated"; empty: every step was
  // done, though packets may have been lost.
  std::string failure;
  base::Endpoint mapped;   // as the server sees the client, once it got so far
  base::Endpoint relayed;  // of the first of the two allocations, likewise
  std::uint32_t sent = 0;
  std::vector<std::chrono::microseconds> round_trips;  // of those that came back, in their order

  bool is_whole() const { return failure.empty() && sent > 0 && round_trips.size() == sent; }
};

// Relays numbered packets through a server, as two clients of it do who call each other: each has
// an allocation and a channel to the other's, what the first sends goes by both relays to the
// second, which sends it back. No other host has a part in it, and no peer policy is in the way
// (relays of the server are peers that it allows). Both allocations are deleted at the end. Blocks;
// `random` gives transaction IDs.
ProbeReport ProbeRelay(const ProbeTarget& target, const ProbeCredential& credential,
                       const ProbePlan& plan, base::RandomSource& random);

// How a STUN server sees a UDP socket that is bound to `source`. The error says why nobody knows.
base::Result<base::Endpoint> AskMappedAddress(const base::Endpoint& server,
                                              const base::IpAddress& source,
                                              std::chrono::milliseconds patience,
                                              base::RandomSource& random);

// The same of a server by its name: "HOST:PORT", or a host alone, which is at 3478 (RFC 8489
// section 18.6). Blocks while it is looked up, too.
base::Result<base::Endpoint> AskMappedAddress(std::string_view server,
                                              const base::IpAddress& source,
                                              std::chrono::milliseconds patience,
                                              base::RandomSource& random);

// The mean difference of successive round trips, in the manner of RFC 3550 section 6.4.1 without
// its smoothing; 0 for fewer than two.
std::chrono::microseconds JitterOf(const std::vector<std::chrono::microseconds>& round_trips);

}  // namespace relay
