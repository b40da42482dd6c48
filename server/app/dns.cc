#include "server/app/dns.h"

#include <algorithm>
#include <map>
#include <set>

#include "server/app/add_once.h"

namespace relay {
namespace {

using Transport = Config::ListenerTransport;

// An SRV label pair and where it leads.
struct Service {
  std::string_view name;  // "_turn._udp"
  int priority = 0;
  std::uint16_t port = 0;

  friend auto operator<=>(const Service&, const Service&) = default;
};

// Of a domain, or of a region in it.
struct Group {
  std::string domain;
  std::vector<const PublicNode*> nodes;
};

// Ports that strict firewalls let out come first (docs/firewall.md).
int PriorityOf(const Config& config, const Config::Listener& listener) {
  constexpr std::uint16_t kHttpsPort = 443;
  constexpr int kFirst = 10;
  constexpr int kSecond = 20;
  const bool is_over_udp =
      listener.transport == Transport::kUdp || listener.transport == Transport::kDtls;
  const bool is_first =
      is_over_udp ? listener.port >= config.relay.min_port && listener.port <= config.relay.max_port
                  : listener.port == kHttpsPort;
  return is_first ? kFirst : kSecond;
}

// RFC 8656 section 3, RFC 7350, RFC 8489 section 8.1.
std::pair<std::string_view, std::string_view> ServiceNames(Transport transport) {
  switch (transport) {
    case Transport::kUdp:
      return {"_turn._udp", "_stun._udp"};
    case Transport::kDtls:
      return {"_turns._udp", "_stuns._udp"};
    case Transport::kTcp:
      return {"_turn._tcp", "_stun._tcp"};
    case Transport::kTls:
    case Transport::kEdge:
      break;
  }
  return {"_turns._tcp", "_stuns._tcp"};
}

// Each once, by name and priority.
std::set<Service> ServicesOf(const Config& config) {
  std::set<Service> services;
  for (const Config::Listener& listener : ReachableListeners(config)) {
    const auto [turn, stun] = ServiceNames(listener.transport);
    services.insert({turn, PriorityOf(config, listener), listener.port});
    services.insert({stun, PriorityOf(config, listener), listener.port});
  }
  return services;
}

std::string Lower(std::string text) {
  for (char& c : text) {
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  }
  return text;
}

std::string InFull(const std::string& name) { return name + "."; }

void AddAddresses(const std::string& name, const PublicNode& node,
                  std::vector<DnsRecord>& records) {
  for (const std::string& address : node.addresses)
    AddOnce(records, {name, address.find(':') == std::string::npos ? "A" : "AAAA", address});
}

// RFC 5928 section 5 knows no tags for STUN, and neither has anybody else registered any.
void AddNaptr(const std::string& domain, const std::set<Service>& services,
              std::vector<DnsRecord>& records) {
  constexpr std::pair<std::string_view, std::string_view> kTags[] = {{"turn.udp", "_turn._udp"},
                                                                     {"turn.tls", "_turns._tcp"},
                                                                     {"turn.tcp", "_turn._tcp"},
                                                                     {"turn.dtls", "_turns._udp"}};
  int order = 0;
  for (const auto& [tag, name] : kTags) {
    order += 10;
    if (std::ranges::find(services, name, &Service::name) == services.end()) continue;
    records.push_back({domain, "NAPTR",
                       std::to_string(order) + " 10 \"S\" \"RELAY:" + std::string(tag) +
                           "\" \"\" " + std::string(name) + "." + domain});
  }
}

// All nodes weigh the same: how busy they are changes faster than DNS.
void AddSrv(const Group& group, const std::set<Service>& services,
            std::vector<DnsRecord>& records) {
  for (const Service& service : services) {
    for (const PublicNode* node : group.nodes) {
      AddOnce(records, {std::string(service.name) + "." + group.domain, "SRV",
                        std::to_string(service.priority) + " 10 " + std::to_string(service.port) +
                            " " + InFull(node->name)});
    }
  }
}

base::Result<PublicNode> Checked(PublicNode node) {
  node.name = Lower(std::move(node.name));
  if (node.name.ends_with('.')) node.name.pop_back();
  const std::size_t dot = node.name.find('.');
  if (node.name.empty()) {
    return base::Error{
        "a node without a name has no records: node has to be a DNS name, such as "
        "eu01.turn.example.org"};
  }
  if (dot == std::string::npos || dot == 0 || node.name.find("..") != std::string::npos)
    return base::Error{"node: '" + node.name + "' is no name below a domain"};
  if (node.addresses.empty()) {
    return base::Error{node.name +
                       " has no address that clients reach: all its listeners are on loopback"};
  }
  return node;
}

}  // namespace

base::Result<std::vector<DnsDomain>> AdviseDns(const Config& config,
                                               const std::vector<PublicNode>& nodes) {
  if (nodes.empty()) return base::Error{"there is no node"};
  std::vector<PublicNode> checked;
  for (const PublicNode& node : nodes) {
    auto good = Checked(node);
    if (!good.ok()) return good.error();
    checked.push_back(std::move(good).value());
  }
  const std::set<Service> services = ServicesOf(config);

  std::map<std::string, std::vector<const PublicNode*>> by_domain;
  for (const PublicNode& node : checked)
    by_domain[node.name.substr(node.name.find('.') + 1)].push_back(&node);
  std::vector<DnsDomain> domains;
  for (const auto& [name, members] : by_domain) {
    DnsDomain domain{name, {}};
    std::map<std::string, Group> regions;
    for (const PublicNode* node : members) {
      AddAddresses(InFull(node->name), *node, domain.records);
      if (node->region.empty()) continue;
      Group& region = regions[Lower(node->region) + "." + name];
      region.nodes.push_back(node);
    }
    for (auto& [region, group] : regions) {
      if (std::ranges::find(checked, region, &PublicNode::name) != checked.end()) {
        return base::Error{"'" + region +
                           "' is the name of a node and of a region; one of them needs another"};
      }
      group.domain = InFull(region);
      for (const PublicNode* node : group.nodes) AddAddresses(group.domain, *node, domain.records);
    }
    const Group all{InFull(name), members};
    AddNaptr(all.domain, services, domain.records);
    AddSrv(all, services, domain.records);
    for (const auto& [region, group] : regions) {
      AddNaptr(group.domain, services, domain.records);
      AddSrv(group, services, domain.records);
    }
    domains.push_back(std::move(domain));
  }
  return domains;
}

}  // namespace relay
