#include "server/app/public_node.h"

#include <algorithm>
#include <utility>

#include "server/app/add_once.h"

namespace relay {
namespace {

bool IsLoopback(const base::IpAddress& address) {
  static const auto v6 = base::IpAddress::Parse("::1");
  return address == v6 || (address.is_v4() && address.v4_octets()[0] == 127);
}

PublicNode WithoutAddresses(const Config& config) {
  PublicNode node;
  if (!base::IpAddress::Parse(config.node)) node.name = config.node;
  node.region = config.region;
  return node;
}

// Of a listener on one address.
std::string External(const base::IpAddress& address,
                     const std::vector<turn::RelayAddress>& relay_addresses) {
  const auto relay = std::ranges::find(relay_addresses, address, &turn::RelayAddress::internal);
  return (relay == relay_addresses.end() ? address : relay->external).ToString();
}

}  // namespace

std::vector<Config::Listener> ReachableListeners(const Config& config) {
  std::vector<Config::Listener> listeners = config.listeners;
  std::erase_if(listeners, [](const auto& listener) { return IsLoopback(listener.address); });
  return listeners;
}

PublicNode ThisNode(const Config& config, const std::vector<turn::RelayAddress>& relay_addresses) {
  PublicNode node = WithoutAddresses(config);
  for (const turn::RelayAddress& relay : relay_addresses)
    AddOnce(node.addresses, relay.external.ToString());
  for (const Config::Listener& listener : ReachableListeners(config)) {
    if (listener.address.is_unspecified()) continue;
    AddOnce(node.addresses, External(listener.address, relay_addresses));
  }
  return node;
}

PublicNode ServingNode(const Config& config,
                       const std::vector<turn::RelayAddress>& relay_addresses) {
  PublicNode node = WithoutAddresses(config);
  for (const Config::Listener& listener : ReachableListeners(config)) {
    if (!listener.address.is_unspecified()) {
      AddOnce(node.addresses, External(listener.address, relay_addresses));
      continue;
    }
    for (const turn::RelayAddress& relay : relay_addresses) {
      if (relay.internal.family() == listener.address.family())
        AddOnce(node.addresses, relay.external.ToString());
    }
  }
  return node;
}

std::vector<PublicNode> WithOthers(PublicNode self, const std::vector<FleetNode>& fleet) {
  std::vector<PublicNode> nodes{std::move(self)};
  for (const FleetNode& each : fleet) {
    PublicNode node{each.name, each.addresses, each.region};
    // Who has no name is announced by an address.
    if (base::IpAddress::Parse(each.name)) node.name.clear();
    const PublicNode& first = nodes.front();
    const bool is_known =
        node.name.empty() ? node.addresses == first.addresses : node.name == first.name;
    if (!is_known) nodes.push_back(std::move(node));
  }
  return nodes;
}

}  // namespace relay
