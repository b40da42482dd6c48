#include "server/app/firewall.h"

#include <algorithm>
#include <utility>

#include "server/app/add_once.h"
#include "server/app/open_ports.h"

namespace relay {
namespace {

using Rule = FirewallAdvice::Rule;
using Transport = Config::ListenerTransport;

std::string_view ProtocolOf(Transport transport) {
  return transport == Transport::kUdp || transport == Transport::kDtls ? "udp" : "tcp";
}

std::string_view PurposeOf(Transport transport) {
  switch (transport) {
    case Transport::kUdp:
      return "STUN and TURN over UDP";
    case Transport::kDtls:
      return "TURN over DTLS";
    case Transport::kTcp:
      return "TURN over TCP";
    case Transport::kTls:
      return "TURN over TLS";
    case Transport::kEdge:
      break;
  }
  return "TURN over TLS, HTTPS and WebSocket (WSS)";
}

std::vector<Rule>::iterator FindRule(std::vector<Rule>& rules, std::string_view protocol,
                                     std::uint16_t port) {
  return std::ranges::find_if(rules, [=](const Rule& rule) {
    return rule.protocol == protocol && rule.min_port <= port && port <= rule.max_port;
  });
}

// The rule for relayed addresses, which a listener may have its port among.
Rule RangeRule(const Config& config, const std::vector<Config::Listener>& listeners) {
  const bool has_listener = std::ranges::any_of(listeners, [&](const auto& listener) {
    return listener.transport == Transport::kUdp && listener.port >= config.relay.min_port &&
           listener.port <= config.relay.max_port;
  });
  return {"udp", config.relay.min_port, config.relay.max_port, true,
          std::string(has_listener ? "STUN and TURN over UDP, and " : "") +
              "what is sent to relayed addresses"};
}

// Those of one port and protocol share a rule.
void AddListener(const Config::Listener& listener, std::vector<Rule>& rules) {
  const std::string_view protocol = ProtocolOf(listener.transport);
  const std::string purpose(PurposeOf(listener.transport));
  const auto rule = FindRule(rules, protocol, listener.port);
  if (rule == rules.end()) {
    rules.push_back({protocol, listener.port, listener.port, false, purpose});
  } else if (rule->purpose.find(purpose) == std::string::npos) {
    rule->purpose += ", " + purpose;
  }
}

// One way over UDP, and one for networks that let nothing else out: the first listener of its kind,
// if possible at the port that such networks leave open.
void MarkNeeded(const std::vector<Config::Listener>& listeners, std::vector<Rule>& rules) {
  const auto is_needed_already = [&](const Config::Listener& listener) {
    return FindRule(rules, "udp", listener.port)->is_needed;
  };
  const auto udp = [](const auto& listener) { return listener.transport == Transport::kUdp; };
  const auto first_udp = std::ranges::find_if(listeners, udp);
  const bool has_udp = std::ranges::any_of(listeners, [&](const auto& listener) {
    return udp(listener) && is_needed_already(listener);
  });
  if (!has_udp && first_udp != listeners.end())
    FindRule(rules, "udp", first_udp->port)->is_needed = true;

  auto stream = FindRule(rules, "tcp", kHttpsPort);
  if (stream == rules.end()) stream = std::ranges::find(rules, "tcp", &Rule::protocol);
  if (stream != rules.end()) stream->is_needed = true;
}

// "*.turn.example.org" for "eu01.turn.example.org"; a name of two labels has no level to spare.
std::string Covering(const std::string& name) {
  const std::size_t dot = name.find('.');
  if (dot == std::string::npos || name.find('.', dot + 1) == std::string::npos) return name;
  return "*" + name.substr(dot);
}

}  // namespace

FirewallAdvice AdviseFirewall(const Config& config, std::vector<FirewallAdvice::Node> nodes) {
  const std::vector<Config::Listener> listeners = ReachableListeners(config);
  FirewallAdvice advice;
  advice.rules.push_back(RangeRule(config, listeners));
  for (const Config::Listener& listener : listeners) AddListener(listener, advice.rules);
  MarkNeeded(listeners, advice.rules);
  std::ranges::stable_partition(advice.rules, &Rule::is_needed);

  for (const FirewallAdvice::Node& node : nodes) {
    if (!node.name.empty()) AddOnce(advice.names, Covering(node.name));
    for (const std::string& address : node.addresses) AddOnce(advice.addresses, address);
  }
  std::ranges::stable_partition(advice.addresses, [](const std::string& address) {
    return address.find(':') == std::string::npos;
  });
  advice.nodes = std::move(nodes);
  return advice;
}

}  // namespace relay
