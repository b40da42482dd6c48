#include "server/datapath/userspace/socket_address.h"

#include <arpa/inet.h>

#include <cstring>

#include "protocol/base/check.h"

namespace relay {

SocketAddress ToSocketAddress(const base::Endpoint& endpoint, int socket_family) {
  SocketAddress out;
  if (socket_family == AF_INET) {
    CHECK(endpoint.address.is_v4());
    out.v4.sin_family = AF_INET;
    out.v4.sin_port = htons(endpoint.port);
    const auto octets = endpoint.address.v4_octets();
    std::memcpy(&out.v4.sin_addr, octets.data(), octets.size());
    out.length = sizeof(sockaddr_in);
  } else {
    out.v6.sin6_family = AF_INET6;
    out.v6.sin6_port = htons(endpoint.port);
    std::memcpy(&out.v6.sin6_addr, endpoint.address.octets().data(), 16);
    out.length = sizeof(sockaddr_in6);
  }
  return out;
}

SocketAddress ToSocketAddress(const base::Endpoint& endpoint) {
  return ToSocketAddress(endpoint, endpoint.address.is_v4() ? AF_INET : AF_INET6);
}

bool IsInternetAddress(const sockaddr* address) {
  return address != nullptr && (address->sa_family == AF_INET || address->sa_family == AF_INET6);
}

base::Endpoint ToEndpoint(const sockaddr& address) {
  if (address.sa_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &address, sizeof(v4));
    std::array<std::uint8_t, 4> octets;
    std::memcpy(octets.data(), &v4.sin_addr, octets.size());
    return {base::IpAddress::FromV4(octets), ntohs(v4.sin_port)};
  }
  CHECK(address.sa_family == AF_INET6);
  sockaddr_in6 v6;
  std::memcpy(&v6, &address, sizeof(v6));
  std::array<std::uint8_t, 16> octets;
  std::memcpy(octets.data(), &v6.sin6_addr, octets.size());
  return {base::IpAddress::FromV6(octets), ntohs(v6.sin6_port)};
}

base::Endpoint LocalEndpoint(int socket) {
  SocketAddress address;
  socklen_t length = sizeof(address.v6);
  if (::getsockname(socket, &address.generic, &length) != 0) return {};
  return ToEndpoint(address.generic);
}

}  // namespace relay
