#include "server/app/relay_addresses.h"

#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <memory>

#include "server/app/external_addresses.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/net/listener_socket.h"

namespace relay {
namespace {

// Not in every libc's headers (linux/in6.h).
constexpr int kAddressPreferences = 72;
constexpr int kPreferPublic = 0x0002;

Descriptor OpenSocket(base::AddressFamily family) {
  const int domain = family == base::AddressFamily::kIpv4 ? AF_INET : AF_INET6;
  return Descriptor(::socket(domain, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

// Neither loopback nor link-local nor unspecified.
bool IsGlobal(const base::IpAddress& address) {
  if (address.is_unspecified()) return false;
  if (address.is_v4()) {
    const auto octets = address.v4_octets();
    const bool is_link_local = octets[0] == 169 && octets[1] == 254;
    return octets[0] != 127 && !is_link_local;
  }
  const auto& octets = address.octets();
  const bool is_link_local = octets[0] == 0xfe && (octets[1] & 0xc0) == 0x80;
  return address != base::IpAddress::Parse("::1") && !is_link_local;
}

std::optional<base::IpAddress> AddressOfRoute(base::AddressFamily family) {
  const bool is_v4 = family == base::AddressFamily::kIpv4;
  const Descriptor socket = OpenSocket(family);
  if (socket.get() < 0) return std::nullopt;
  if (!is_v4) {
    // A temporary address would be gone tomorrow. If the option is not known, any address will do.
    ::setsockopt(socket.get(), IPPROTO_IPV6, kAddressPreferences, &kPreferPublic,
                 sizeof(kPreferPublic));
  }
  // Documentation addresses: nothing is sent, only a route is looked up.
  const SocketAddress far =
      ToSocketAddress({*base::IpAddress::Parse(is_v4 ? "192.0.2.1" : "2001:db8::1"), 9});
  if (::connect(socket.get(), &far.generic, far.length) != 0) return std::nullopt;
  const base::IpAddress address = LocalEndpoint(socket.get()).address;
  if (!IsGlobal(address)) return std::nullopt;
  return address;
}

std::optional<base::IpAddress> AddressOfInterface(base::AddressFamily family) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if ((entry->ifa_flags & IFF_UP) == 0 || (entry->ifa_flags & IFF_LOOPBACK) != 0) continue;
    if (!IsInternetAddress(entry->ifa_addr)) continue;
    const base::IpAddress address = ToEndpoint(*entry->ifa_addr).address;
    if (address.family() == family && IsGlobal(address)) return address;
  }
  return std::nullopt;
}

}  // namespace

std::optional<base::IpAddress> MappedAddress(const Config& config,
                                             const base::IpAddress& internal) {
  const auto& pairs = config.relay.external_addresses;
  const auto found = std::ranges::find(pairs, internal, &Config::ExternalAddress::internal);
  return found == pairs.end() ? std::nullopt : std::optional(found->external);
}

std::optional<base::IpAddress> DefaultRouteAddress(base::AddressFamily family) {
  if (const auto address = AddressOfRoute(family)) return address;
  return AddressOfInterface(family);
}

bool FamilyExists(base::AddressFamily family) {
  const bool is_v4 = family == base::AddressFamily::kIpv4;
  const Descriptor socket = OpenSocket(family);
  if (socket.get() < 0) return false;
  if (!is_v4) {
    const int only_v6 = 1;
    ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6));
  }
  const SocketAddress any =
      ToSocketAddress({is_v4 ? base::IpAddress::FromV4({0, 0, 0, 0}) : base::IpAddress(), 0});
  return ::bind(socket.get(), &any.generic, any.length) == 0;
}

base::Result<std::vector<turn::RelayAddress>> ResolveRelayAddresses(const Config& config) {
  std::vector<base::IpAddress> internal = config.relay.addresses;
  if (internal.empty()) {
    for (const auto family : {base::AddressFamily::kIpv4, base::AddressFamily::kIpv6}) {
      if (const auto address = DefaultRouteAddress(family)) internal.push_back(*address);
    }
  }
  if (internal.empty()) internal.push_back(base::IpAddress::FromV4({127, 0, 0, 1}));

  std::vector<turn::RelayAddress> addresses;
  addresses.reserve(internal.size());
  for (const base::IpAddress& address : internal) addresses.push_back({address, address});
  const std::string& stun_uri = config.relay.external_addresses_auto;
  bool is_any_used = config.relay.external_addresses.empty() || !stun_uri.empty();
  for (const Config::ExternalAddress& pair : config.relay.external_addresses) {
    const auto found = std::ranges::find(addresses, pair.internal, &turn::RelayAddress::internal);
    if (found == addresses.end()) continue;  // one file may serve several hosts
    is_any_used = true;
    if (pair.internal.family() != pair.external.family()) {
      return base::Error{"relay.external_addresses: " + pair.internal.ToString() + " and " +
                         pair.external.ToString() + " are not of one family"};
    }
    found->external = pair.external;
  }
  if (!is_any_used && config.relay.addresses.empty()) {
    return base::Error{
        "relay.external_addresses: none of them is for " + addresses.front().internal.ToString() +
        ", the address that this host relays from; relay.addresses can name another"};
  }
  for (turn::RelayAddress& address : addresses) {
    if (stun_uri.empty() || MappedAddress(config, address.internal)) continue;
    auto external = AskExternalAddress(stun_uri, address.internal);
    if (!external.ok()) return base::Error{"relay.external_addresses: " + external.error().message};
    address.external = external.value();
  }
  return addresses;
}

}  // namespace relay
