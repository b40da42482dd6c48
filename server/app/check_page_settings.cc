#include "server/app/check_page_settings.h"

#include <algorithm>

#include "server/app/firewall.h"
#include "server/app/open_ports.h"

namespace relay {
namespace {

using Transport = Config::ListenerTransport;

constexpr std::size_t kStunPorts = 2;

// The ports of the transport, each once, in the order of the configuration.
std::vector<std::uint16_t> PortsOf(const Config& config, Transport transport) {
  std::vector<std::uint16_t> ports;
  for (const Config::Listener& listener : config.listeners) {
    if (listener.transport == transport && std::ranges::find(ports, listener.port) == ports.end())
      ports.push_back(listener.port);
  }
  return ports;
}

std::optional<std::uint16_t> First(const std::vector<std::uint16_t>& ports) {
  return ports.empty() ? std::nullopt : std::optional(ports.front());
}

std::optional<std::uint16_t> TlsPort(const Config& config) {
  std::vector<std::uint16_t> ports = PortsOf(config, Transport::kEdge);
  const std::vector<std::uint16_t> others = PortsOf(config, Transport::kTls);
  ports.insert(ports.end(), others.begin(), others.end());
  const bool has_https = std::ranges::find(ports, kHttpsPort) != ports.end();
  return has_https ? std::optional(kHttpsPort) : First(ports);
}

}  // namespace

CheckPageSettings MakeCheckPageSettings(const Config& config,
                                        const std::vector<turn::RelayAddress>& relay_addresses) {
  CheckPageSettings settings;
  if (!config.check_page.is_enabled || config.auth.shared_secrets.empty()) return settings;
  settings.is_enabled = true;
  settings.secret = config.auth.shared_secrets.front();
  const auto address = base::IpAddress::Parse(config.node);
  settings.host = address && !address->is_v4() ? "[" + config.node + "]" : config.node;

  std::vector<std::uint16_t> udp = PortsOf(config, Transport::kUdp);
  std::ranges::stable_partition(udp, [](std::uint16_t port) { return port >= kFirstOpenPort; });
  settings.udp_port = First(udp);
  settings.tcp_port = First(PortsOf(config, Transport::kTcp));
  settings.tls_port = TlsPort(config);
  udp.resize(std::min(udp.size(), kStunPorts));
  settings.stun_ports = std::move(udp);

  const FirewallAdvice advice = AdviseFirewall(config, {ThisNode(config, relay_addresses)});
  for (const FirewallAdvice::Rule& rule : advice.rules) {
    settings.rules.push_back(
        {std::string(rule.protocol), PortsOf(rule), rule.is_needed, rule.purpose});
  }
  settings.destinations = advice.names;
  settings.destinations.insert(settings.destinations.end(), advice.addresses.begin(),
                               advice.addresses.end());
  return settings;
}

}  // namespace relay
