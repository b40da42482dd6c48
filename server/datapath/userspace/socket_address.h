#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <array>
#include <cstdint>
#include <cstring>

#include "protocol/base/ip_address.h"

// Between our addresses and the system's. Network byte order stays in here.
namespace relay {

// A sockaddr of either family with its length.
struct SocketAddress {
  union {
    sockaddr generic;
    sockaddr_in v4;
    sockaddr_in6 v6;
  };
  socklen_t length = 0;

  SocketAddress() : v6{} {}
};

// Family, port and address as words, to compare and to hash addresses by.
inline std::array<std::uint64_t, 3> WordsOf(const SocketAddress& address) {
  std::array<std::uint64_t, 3> words;
  std::memcpy(words.data(), &address.v6, sizeof(words));
  return words;
}

// `socket_family` is AF_INET or AF_INET6: an IPv4 address on an IPv6 (dual-stack) socket is spelled
// IPv4-mapped. An IPv6 address on an AF_INET socket is a bug of the caller.
SocketAddress ToSocketAddress(const base::Endpoint& endpoint, int socket_family);
// In the address's own family.
SocketAddress ToSocketAddress(const base::Endpoint& endpoint);

// Whether ToEndpoint takes it; nullptr and other families (as getifaddrs lists them) are not.
bool IsInternetAddress(const sockaddr* address);

// The family must be AF_INET or AF_INET6; IPv4-mapped becomes IPv4.
base::Endpoint ToEndpoint(const sockaddr& address);

// The local address of a bound socket; "[::]:0" if the system does not tell.
base::Endpoint LocalEndpoint(int socket);

}  // namespace relay
