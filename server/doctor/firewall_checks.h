#pragma once

#include <optional>
#include <string>
#include <vector>

#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"
#include "server/doctor/finding.h"
#include "server/doctor/netfilter.h"

namespace relay {

// Whether packets come to the relay ports of an address.
struct RelayPortFacts {
  base::IpAddress address;
  std::uint16_t port = 0;  // the one that was tried
  // Why no port could be tried; empty: one was.
  std::string untried;
  bool has_arrived = false;
};

// Opens a relay port, sends it a datagram from another socket of this host (from the loopback
// address, else from the same), and looks whether it comes.
RelayPortFacts TryRelayPort(const base::IpAddress& address, const Config& config);

// Area "firewall". `chains` are the rules that could be read. Pure.
Findings CheckFirewall(const std::vector<RelayPortFacts>& facts,
                       const std::optional<std::vector<NetfilterChain>>& chains,
                       const Config& config);

}  // namespace relay
