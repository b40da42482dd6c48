#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "server/app/public_node.h"
#include "server/config/config.h"

namespace relay {

// What a network has to let out so that its clients reach these servers.
struct FirewallAdvice {
  using Node = PublicNode;
  struct Rule {
    std::string_view protocol;  // "udp" or "tcp"
    std::uint16_t min_port = 0;
    std::uint16_t max_port = 0;
    bool is_needed = false;  // else one more way for those who can have it
    std::string purpose;
  };

  std::vector<Node> nodes;
  // The shortest list of names that covers the nodes: a wildcard of one level where there is a
  // level for it, the name itself elsewhere.
  std::vector<std::string> names;
  std::vector<std::string> addresses;  // of all nodes, each once, IPv4 first
  std::vector<Rule> rules;             // what is needed first
  bool is_complete = true;             // false: there may be more nodes
};

// The rules come from the listeners and relay ports of `config`, which all nodes are taken to
// share. Listeners on loopback are nobody's business. Without nodes there are no destinations.
FirewallAdvice AdviseFirewall(const Config& config, std::vector<FirewallAdvice::Node> nodes);

// "443", "49152-65535".
std::string PortsOf(const FirewallAdvice::Rule& rule);

// For a person, with a newline at the end.
std::string PrintFirewallText(const FirewallAdvice& advice);
// The same as one JSON object: nodes, complete, names, addresses, rules,
// notes.
std::string PrintFirewallJson(const FirewallAdvice& advice);
// docs/firewall.md.
std::string PrintFirewallDocument(const FirewallAdvice& advice);

}  // namespace relay
