#include "server/app/relay_settings.h"

#include <ifaddrs.h>
#include <sched.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "auth/credential_verifier.h"
#include "protocol/base/check.h"
#include "protocol/base/crypto.h"
#include "server/app/control_group.h"
#include "server/app/relay_addresses.h"
#include "server/datapath/userspace/socket_address.h"

namespace relay {
namespace {

turn::Policy::SoftwareAttribute From(Config::Software software) {
  switch (software) {
    case Config::Software::kNever:
      return turn::Policy::SoftwareAttribute::kNever;
    case Config::Software::kAuthenticated:
      return turn::Policy::SoftwareAttribute::kAuthenticated;
    case Config::Software::kAlways:
      break;
  }
  return turn::Policy::SoftwareAttribute::kAlways;
}

ShardGroup::ListenerKind From(Config::ListenerTransport transport) {
  switch (transport) {
    case Config::ListenerTransport::kUdp:
      return ShardGroup::ListenerKind::kUdp;
    case Config::ListenerTransport::kDtls:
      return ShardGroup::ListenerKind::kDtls;
    case Config::ListenerTransport::kTcp:
      return ShardGroup::ListenerKind::kTcp;
    case Config::ListenerTransport::kTls:
      return ShardGroup::ListenerKind::kTls;
    case Config::ListenerTransport::kEdge:
      break;
  }
  return ShardGroup::ListenerKind::kEdge;
}

// Every address of the host's interfaces, and the broadcast addresses of its networks.
struct HostAddresses {
  std::vector<base::IpAddress> own;
  std::vector<base::IpPrefix> broadcast;
};

HostAddresses ReadHostAddresses() {
  HostAddresses out;
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return out;
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if (!IsInternetAddress(entry->ifa_addr)) continue;
    const base::IpAddress own = ToEndpoint(*entry->ifa_addr).address;
    out.own.push_back(own);
    if (!own.is_v4() || !IsInternetAddress(entry->ifa_netmask)) continue;
    const auto octets = own.v4_octets();
    const auto mask = ToEndpoint(*entry->ifa_netmask).address.v4_octets();
    // A network of one or two addresses has no broadcast address, and loopback is no network to
    // flood.
    if (mask[3] >= 254 || octets[0] == 127) continue;
    std::array<std::uint8_t, 4> last;
    for (std::size_t i = 0; i < 4; ++i) last[i] = static_cast<std::uint8_t>(octets[i] | ~mask[i]);
    out.broadcast.emplace_back(base::IpAddress::FromV4(last), 128);
  }
  ::freeifaddrs(list);
  return out;
}

bool IsDatagram(Config::ListenerTransport transport) {
  return transport == Config::ListenerTransport::kUdp ||
         transport == Config::ListenerTransport::kDtls;
}

base::IpAddress ExternalOf(const Config& config,
                           const std::vector<turn::RelayAddress>& relay_addresses,
                           const base::IpAddress& internal) {
  if (const auto external = MappedAddress(config, internal)) return *external;
  const auto relay = std::ranges::find(relay_addresses, internal, &turn::RelayAddress::internal);
  return relay == relay_addresses.end() ? internal : relay->external;
}

// nullopt: it is off.
std::optional<ShardGroup::Discovery> MakeDiscovery(
    const Config& config, const std::vector<turn::RelayAddress>& relay_addresses) {
  const Config::NatDiscovery& discovery = config.protocol.nat_discovery;
  const Config::Listener* const primary = FirstUdpListener(config);
  if (!discovery.alternate_address || primary == nullptr) return std::nullopt;
  return ShardGroup::Discovery{
      .alternate_address = *discovery.alternate_address,
      .alternate_port = discovery.alternate_port,
      .external_primary = ExternalOf(config, relay_addresses, primary->address),
      .external_alternate = ExternalOf(config, relay_addresses, *discovery.alternate_address)};
}

// The sockets of NAT discovery besides the listener.
std::vector<base::Endpoint> FurtherSockets(const Config& config) {
  const auto discovery = MakeDiscovery(config, {});
  if (!discovery) return {};
  const Config::Listener& primary = *FirstUdpListener(config);
  return {{primary.address, discovery->alternate_port},
          {discovery->alternate_address, primary.port},
          {discovery->alternate_address, discovery->alternate_port}};
}

// Listeners inside the relay range, each with the other half of its pair: no allocation ever gets
// them.
std::vector<std::uint16_t> PortsOfListeners(const Config& config) {
  std::vector<std::uint16_t> ports;
  for (const Config::Listener& listener : config.listeners) {
    if (!IsDatagram(listener.transport) || listener.port < config.relay.min_port) continue;
    ports.push_back(listener.port);
    ports.push_back(static_cast<std::uint16_t>(listener.port ^ 1));
  }
  const Config::NatDiscovery& discovery = config.protocol.nat_discovery;
  if (discovery.alternate_address && discovery.alternate_port >= config.relay.min_port) {
    ports.push_back(discovery.alternate_port);
    ports.push_back(static_cast<std::uint16_t>(discovery.alternate_port ^ 1));
  }
  return ports;
}

// At most half of what each shard of this process may have goes to clients that do not read (twice
// `waiting_data`) and to connections that may be a stranger's, which need some in any case.
MemoryLimits LimitsWithin(std::uint64_t memory) {
  constexpr std::size_t kLeastForStrangers = 1024 * 1024;
  const auto eighth = static_cast<std::size_t>(memory / 8);
  const MemoryLimits ample;
  return {.waiting_data = std::min(ample.waiting_data, eighth),
          .strangers = std::clamp(eighth, kLeastForStrangers, ample.strangers)};
}

// Its affinity mask, and the quota of its control group if that is less.
std::size_t UsableCores(const ControlGroupLimits& group) {
  cpu_set_t mask;
  CPU_ZERO(&mask);
  std::size_t cores = 1;
  if (::sched_getaffinity(0, sizeof(mask), &mask) == 0) {
    cores = static_cast<std::size_t>(std::max(1, CPU_COUNT(&mask)));
  }
  return std::min(cores, group.cores.value_or(cores));
}

}  // namespace

turn::Policy MakePolicy(const Config& config,
                        const std::vector<turn::RelayAddress>& relay_addresses) {
  turn::Policy policy;
  policy.realm = config.realm;
  policy.software = "senso-turn " SENSO_TURN_VERSION;
  policy.software_attribute = From(config.protocol.software);
  policy.channel_numbers = config.protocol.channel_numbers == Config::ChannelNumbers::kRfc5766
                               ? turn::Policy::ChannelNumbers::kRfc5766
                               : turn::Policy::ChannelNumbers::kRfc8656;
  policy.classic_stun = config.protocol.classic_stun;
  policy.udp_relay = config.protocol.udp_relay;
  policy.tcp_relay = config.protocol.tcp_relay;
  policy.mobility = config.protocol.mobility;
  policy.password_algorithms = config.protocol.password_algorithms;
  policy.username_anonymity = config.protocol.username_anonymity;
  policy.discovery_padding = config.protocol.nat_discovery.padding;
  policy.discovery_response_port = config.protocol.nat_discovery.response_port;
  policy.default_lifetime = config.lifetimes.default_lifetime;
  policy.max_lifetime = config.lifetimes.max;
  policy.nonce_lifetime = config.lifetimes.nonce;
  policy.permission_lifetime = config.lifetimes.permission;
  policy.channel_lifetime = config.lifetimes.channel;
  policy.expired_refresh = config.auth.expired_refresh == Config::ExpiredRefresh::kRefuse
                               ? turn::Policy::ExpiredRefresh::kRefuse
                               : turn::Policy::ExpiredRefresh::kGrace;
  policy.expired_refresh_max = config.auth.expired_refresh_max;
  policy.permissions_per_allocation = config.limits.permissions_per_allocation;
  policy.channels_per_allocation = config.limits.channels_per_allocation;
  policy.connections_per_allocation = config.limits.connections_per_allocation;
  policy.challenge_rate = config.limits.challenges_per_source_rate;
  policy.challenge_burst = config.limits.challenges_per_source_burst;
  policy.denied_clients = config.clients.deny;
  policy.redirect = {.when = config.redirect.when == Config::RedirectWhen::kAlways
                                 ? turn::Redirect::When::kAlways
                                 : turn::Redirect::When::kDraining,
                     .servers = config.redirect.servers,
                     .domain = config.redirect.domain};

  HostAddresses host = ReadHostAddresses();
  turn::PeerPolicy::Rules rules;
  for (const Config::Listener& listener : config.listeners) {
    rules.own_sockets.push_back({listener.address, listener.port});
  }
  for (const base::Endpoint& socket : FurtherSockets(config)) rules.own_sockets.push_back(socket);
  rules.own_sockets.push_back({config.metrics.address, config.metrics.port});
  if (OffersCredentials(config)) {
    rules.own_sockets.push_back(
        {config.credentials.listener_address, config.credentials.listener_port});
  }
  rules.own_addresses = std::move(host.own);
  rules.relay_addresses = relay_addresses;
  rules.deny = config.peers.deny;
  rules.deny.insert(rules.deny.end(), host.broadcast.begin(), host.broadcast.end());
  rules.allow = config.peers.allow;
  policy.peers = turn::PeerPolicy(std::move(rules));
  return policy;
}

auth::AccessTokenSettings MakeAccessTokenSettings(const Config& config) {
  const Config::AccessTokens& tokens = config.auth.access_tokens;
  auth::AccessTokenSettings settings{tokens.server_name, {}};
  for (const Config::AccessTokenKey& key : tokens.keys) {
    auto octets = base::Base64Decode(key.key_base64);
    CHECK(octets.has_value());
    settings.keys.push_back({key.kid, *std::move(octets)});
  }
  return settings;
}

std::string_view KindName(ShardGroup::ListenerKind kind) {
  using Transport = Config::ListenerTransport;
  for (const Transport transport :
       {Transport::kUdp, Transport::kDtls, Transport::kTcp, Transport::kTls}) {
    if (From(transport) == kind) return TransportName(transport);
  }
  return TransportName(Transport::kEdge);
}

ShardGroup::Options MakeShardGroupOptions(const Config& config,
                                          const std::vector<turn::RelayAddress>& relay_addresses,
                                          std::shared_ptr<const turn::Policy> policy) {
  ShardGroup::Options options;
  const ControlGroupLimits group = ReadControlGroupLimits();
  options.shards = config.shards == 0 ? UsableCores(group) : config.shards;
  if (group.memory) options.memory = LimitsWithin(*group.memory / options.shards);
  for (const Config::Listener& listener : config.listeners) {
    options.listeners.push_back(
        {.kind = From(listener.transport),
         .endpoint = {listener.address, listener.port},
         .is_required = config.listeners_were_given,
         .trusted_proxies = listener.trusted_proxies.value_or(std::vector<base::IpPrefix>())});
  }
  options.discovery = MakeDiscovery(config, relay_addresses);
  options.connections_per_source = config.limits.connections_per_source;
  options.hop_limits = config.relay.hop_limit == Config::HopLimit::kDefault ? HopLimits::kSystem
                                                                            : HopLimits::kDecrement;
  options.busy_poll = config.relay.busy_poll;
  options.limits = MakeTrafficLimits(config);
  options.ledger = MakeLedgerOptions(config, relay_addresses);
  options.policy = std::move(policy);
  options.credentials = MakeCredentials(config);
  return options;
}

std::shared_ptr<const turn::CredentialSource> MakeCredentials(const Config& config) {
  return std::make_shared<const auth::CredentialVerifier>(
      config.realm, config.auth.users,
      auth::KeyRing(config.auth.shared_secrets).ForRegion(config.region),
      MakeAccessTokenSettings(config));
}

TrafficLimits MakeTrafficLimits(const Config& config) {
  const auto& limits = config.limits;
  return {.allocation = {.bytes_per_second = limits.bandwidth_per_allocation_bits_per_second / 8,
                         .packets_per_second = limits.packets_per_allocation_per_second},
          .shared = {.user = {.bytes_per_second = limits.bandwidth_per_user_bits_per_second / 8,
                              .packets_per_second = limits.packets_per_user_per_second},
                     .total = {.bytes_per_second = limits.bandwidth_total_bits_per_second / 8,
                               .packets_per_second = limits.packets_total_per_second}}};
}

turn::Ledger::Options MakeLedgerOptions(const Config& config,
                                        const std::vector<turn::RelayAddress>& relay_addresses) {
  turn::Ledger::Options options;
  options.allocations = config.limits.allocations;
  options.allocations_per_user = config.limits.allocations_per_user;
  options.allocations_per_tenant = config.limits.allocations_per_tenant;
  options.allocations_per_source = config.limits.allocations_per_source;
  options.min_port = config.relay.min_port;
  options.max_port = config.relay.max_port;
  options.excluded_ports = PortsOfListeners(config);
  options.relay_addresses = relay_addresses;
  return options;
}

}  // namespace relay
