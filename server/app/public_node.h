#pragma once

#include <string>
#include <vector>

#include "protocol/turn/peer_policy.h"
#include "server/config/config.h"
#include "server/fleet/fleet.h"

namespace relay {

// A relay as those outside have to know it: for their firewalls, and for DNS.
struct PublicNode {
  std::string name;                    // the name that clients are given; empty: none
  std::vector<std::string> addresses;  // as the world knows them
  std::string region = {};             // empty: none

  friend bool operator==(const PublicNode&, const PublicNode&) = default;
};

// The listeners that are not on loopback, where they are nobody's business.
std::vector<Config::Listener> ReachableListeners(const Config& config);

// The node that `config` describes, with every address that clients or peers meet.
PublicNode ThisNode(const Config& config, const std::vector<turn::RelayAddress>& relay_addresses);

// The same, with only those addresses at which clients reach a listener. One on all addresses of a
// family is reached at that family's relay addresses.
PublicNode ServingNode(const Config& config,
                       const std::vector<turn::RelayAddress>& relay_addresses);

// With the others of its fleet behind it, those of its name left out: of itself it knows better.
std::vector<PublicNode> WithOthers(PublicNode self, const std::vector<FleetNode>& fleet);

}  // namespace relay
