#include "server/app/relay_addresses.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <memory>

namespace relay {
namespace {

// Not in every libc's headers (linux/in6.h).
constexpr int kAddressPreferences = 72;
constexpr int kPreferPublic = 0x0002;

class Socket {
 public:
  explicit Socket(int family) : fd_(::socket(family, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {}
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  ~Socket() {
    if (fd_ >= 0) ::close(fd_);
  }
  int fd() const { return fd_; }

 private:
  int fd_;
};

// An address of the family as the system has it.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = 0;

  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress ToSocketAddress(const base::IpAddress& address, std::uint16_t port) {
  SocketAddress out;
  if (address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = htons(port);
    std::memcpy(&v4.sin_addr, address.v4_octets().data(), 4);
    std::memcpy(&out.storage, &v4, sizeof(v4));
    out.size = sizeof(v4);
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = htons(port);
    std::memcpy(&v6.sin6_addr, address.octets().data(), 16);
    std::memcpy(&out.storage, &v6, sizeof(v6));
    out.size = sizeof(v6);
  }
  return out;
}

std::optional<base::IpAddress> FromSocketAddress(const sockaddr* address) {
  if (address == nullptr) return std::nullopt;
  if (address->sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, address, sizeof(v4));
    std::array<std::uint8_t, 4> octets;
    std::memcpy(octets.data(), &v4.sin_addr, octets.size());
    return base::IpAddress::FromV4(octets);
  }
  if (address->sa_family == AF_INET6) {
    sockaddr_in6 v6;
    std::memcpy(&v6, address, sizeof(v6));
    std::array<std::uint8_t, 16> octets;
    std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
    return base::IpAddress::FromV6(octets);
  }
  return std::nullopt;
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
  const Socket socket(is_v4 ? AF_INET : AF_INET6);
  if (socket.fd() < 0) return std::nullopt;
  if (!is_v4) {
    // A temporary address would be gone tomorrow. If the option is not known, any address will do.
    ::setsockopt(socket.fd(), IPPROTO_IPV6, kAddressPreferences, &kPreferPublic,
                 sizeof(kPreferPublic));
  }
  // Documentation addresses: nothing is sent, only a route is looked up.
  SocketAddress far =
      ToSocketAddress(*base::IpAddress::Parse(is_v4 ? "192.0.2.1" : "2001:db8::1"), 9);
  SocketAddress own;
  own.size = sizeof(own.storage);
  if (::connect(socket.fd(), far.get(), far.size) != 0 ||
      ::getsockname(socket.fd(), own.get(), &own.size) != 0) {
    return std::nullopt;
  }
  const auto address = FromSocketAddress(own.get());
  if (!address || !IsGlobal(*address)) return std::nullopt;
  return address;
}

std::optional<base::IpAddress> AddressOfInterface(base::AddressFamily family) {
  ifaddrs* list = nullptr;
  if (::getifaddrs(&list) != 0) return std::nullopt;
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> owned(list, ::freeifaddrs);
  for (const ifaddrs* entry = list; entry != nullptr; entry = entry->ifa_next) {
    if ((entry->ifa_flags & IFF_UP) == 0 || (entry->ifa_flags & IFF_LOOPBACK) != 0) continue;
    const auto address = FromSocketAddress(entry->ifa_addr);
    if (address && address->family() == family && IsGlobal(*address)) return address;
  }
  return std::nullopt;
}

}  // namespace

std::optional<base::IpAddress> DefaultRouteAddress(base::AddressFamily family) {
  if (const auto address = AddressOfRoute(family)) return address;
  return AddressOfInterface(family);
}

bool FamilyExists(base::AddressFamily family) {
  const bool is_v4 = family == base::AddressFamily::kIpv4;
  const Socket socket(is_v4 ? AF_INET : AF_INET6);
  if (socket.fd() < 0) return false;
  if (!is_v4) {
    const int only_v6 = 1;
    ::setsockopt(socket.fd(), IPPROTO_IPV6, IPV6_V6ONLY, &only_v6, sizeof(only_v6));
  }
  SocketAddress any =
      ToSocketAddress(is_v4 ? base::IpAddress::FromV4({0, 0, 0, 0}) : base::IpAddress(), 0);
  return ::bind(socket.fd(), any.get(), any.size) == 0;
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
  bool is_any_used = config.relay.external_addresses.empty();
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
  return addresses;
}

}  // namespace relay
