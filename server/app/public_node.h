#pragma once

#include <string>
#include <vector>

#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"

namespace relay {

// A relay as those outside have to know it: for their firewalls, and for DNS.
struct PublicNode {
  std::string name;                    // the name that clients are given; empty: none
  std::vector<std::string> addresses;  // as the world knows them
  std::string region = {};             // empty: none
};

// The listeners that are not on loopback, where they are nobody's business.
std::vector<Config::Listener> ReachableListeners(const Config& config);

// The node that `config` describes, with every address that clients or peers meet.
PublicNode ThisNode(const Config& config, const std::vector<turn::RelayAddress>& relay_addresses);

// The same, with only those addresses at which clients reach a listener. One on all addresses of a
// family is reached at that family's relay addresses.
PublicNode ServingNode(const Config& config,
                       const std::vector<turn::RelayAddress>& relay_addresses);

}  // namespace relay
