#include "bench/loadgen/socket.h"

#include <linux/sock_diag.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <unistd.h>

#include <array>
#include <bit>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>

namespace loadgen {
namespace {

using base::Error;
using base::Result;

std::string Errno(int number) { return std::string(std::strerror(number)); }

std::uint16_t SwapToNetwork(std::uint16_t value) { return htons(value); }

void SetIntOption(const FileDescriptor& socket, int level, int name, int value) {
  static_cast<void>(::setsockopt(socket.get(), level, name, &value, sizeof(value)));
}

// The privileged form goes beyond net.core.rmem_max; without the privilege the limit holds.
void SetBuffers(const FileDescriptor& socket, int buffer_bytes) {
  SetIntOption(socket, SOL_SOCKET, SO_RCVBUF, buffer_bytes);
  SetIntOption(socket, SOL_SOCKET, SO_RCVBUFFORCE, buffer_bytes);
  SetIntOption(socket, SOL_SOCKET, SO_SNDBUF, buffer_bytes);
  SetIntOption(socket, SOL_SOCKET, SO_SNDBUFFORCE, buffer_bytes);
}

Result<FileDescriptor> Open(const SocketAddress& towards, int type) {
  FileDescriptor socket(::socket(towards.family(), type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!socket.is_open()) return Error{"cannot open a socket: " + Errno(errno)};
  return socket;
}

Result<void> BindTo(const FileDescriptor& socket, const base::Endpoint& local) {
  const SocketAddress address(local);
  if (::bind(socket.get(), address.get(), address.size()) != 0) {
    return Error{"cannot bind " + local.ToString() + ": " + Errno(errno)};
  }
  return {};
}

Result<void> ConnectTo(const FileDescriptor& socket, const base::IpAddress& source,
                       const base::Endpoint& server) {
  if (!source.is_unspecified()) {
    Result<void> bound = BindTo(socket, {source, 0});
    if (!bound.ok()) return bound;
  }
  const SocketAddress address(server);
  if (::connect(socket.get(), address.get(), address.size()) != 0 && errno != EINPROGRESS) {
    return Error{"cannot connect to " + server.ToString() + ": " + Errno(errno)};
  }
  return {};
}

}  // namespace

FileDescriptor& FileDescriptor::operator=(FileDescriptor&& other) noexcept {
  if (this != &other) {
    Close();
    number_ = std::exchange(other.number_, -1);
  }
  return *this;
}

void FileDescriptor::Close() {
  if (number_ >= 0) ::close(std::exchange(number_, -1));
}

SocketAddress::SocketAddress(const base::Endpoint& endpoint) {
  if (endpoint.address.is_v4()) {
    sockaddr_in v4{};
    v4.sin_family = AF_INET;
    v4.sin_port = SwapToNetwork(endpoint.port);
    v4.sin_addr = std::bit_cast<in_addr>(endpoint.address.v4_octets());
    std::memcpy(&storage_, &v4, sizeof(v4));
  } else {
    sockaddr_in6 v6{};
    v6.sin6_family = AF_INET6;
    v6.sin6_port = SwapToNetwork(endpoint.port);
    v6.sin6_addr = std::bit_cast<in6_addr>(endpoint.address.octets());
    std::memcpy(&storage_, &v6, sizeof(v6));
  }
}

base::Endpoint SocketAddress::endpoint() const {
  if (storage_.ss_family == AF_INET) {
    sockaddr_in v4;
    std::memcpy(&v4, &storage_, sizeof(v4));
    const auto octets = std::bit_cast<std::array<std::uint8_t, 4>>(v4.sin_addr);
    return {base::IpAddress::FromV4(octets), SwapToNetwork(v4.sin_port)};
  }
  sockaddr_in6 v6;
  std::memcpy(&v6, &storage_, sizeof(v6));
  const auto octets = std::bit_cast<std::array<std::uint8_t, 16>>(v6.sin6_addr);
  return {base::IpAddress::FromV6(octets), SwapToNetwork(v6.sin6_port)};
}

socklen_t SocketAddress::size() const {
  return storage_.ss_family == AF_INET ? sizeof(sockaddr_in) : sizeof(sockaddr_in6);
}

Result<FileDescriptor> OpenBoundUdpSocket(const base::Endpoint& local, int buffer_bytes) {
  Result<FileDescriptor> socket = Open(SocketAddress(local), SOCK_DGRAM);
  if (!socket.ok()) return socket;
  SetBuffers(socket.value(), buffer_bytes);
  const Result<void> bound = BindTo(socket.value(), local);
  if (!bound.ok()) return bound.error();
  return socket;
}

Result<FileDescriptor> OpenConnectedUdpSocket(const base::IpAddress& source,
                                              const base::Endpoint& server, int buffer_bytes) {
  Result<FileDescriptor> socket = Open(SocketAddress(server), SOCK_DGRAM);
  if (!socket.ok()) return socket;
  SetBuffers(socket.value(), buffer_bytes);
  const Result<void> connected = ConnectTo(socket.value(), source, server);
  if (!connected.ok()) return connected.error();
  return socket;
}

Result<FileDescriptor> StartTcpConnection(const base::IpAddress& source,
                                          const base::Endpoint& server) {
  Result<FileDescriptor> socket = Open(SocketAddress(server), SOCK_STREAM);
  if (!socket.ok()) return socket;
  SetIntOption(socket.value(), IPPROTO_TCP, TCP_NODELAY, 1);
  SetIntOption(socket.value(), IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
  const Result<void> connected = ConnectTo(socket.value(), source, server);
  if (!connected.ok()) return connected.error();
  return socket;
}

int PendingError(const FileDescriptor& socket) {
  int error = 0;
  socklen_t size = sizeof(error);
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_ERROR, &error, &size) != 0) return errno;
  return error;
}

Result<base::Endpoint> LocalEndpoint(const FileDescriptor& socket) {
  SocketAddress address;
  socklen_t size = SocketAddress::capacity();
  if (::getsockname(socket.get(), address.get(), &size) != 0) {
    return Error{"cannot read a socket's address: " + Errno(errno)};
  }
  return address.endpoint();
}

Result<base::IpAddress> LocalAddressTowards(const base::Endpoint& remote) {
  const Result<FileDescriptor> socket = OpenConnectedUdpSocket(base::IpAddress(), remote, 4096);
  if (!socket.ok()) return socket.error();
  const Result<base::Endpoint> local = LocalEndpoint(socket.value());
  if (!local.ok()) return local.error();
  return local.value().address;
}

Result<base::Endpoint> Resolve(std::string_view host_and_port) {
  if (const auto endpoint = base::Endpoint::Parse(host_and_port)) return *endpoint;
  const std::size_t colon = host_and_port.rfind(':');
  if (colon == std::string_view::npos || colon == 0 || colon + 1 == host_and_port.size()) {
    return Error{"\"" + std::string(host_and_port) + "\" is not HOST:PORT"};
  }
  const std::string host(host_and_port.substr(0, colon));
  const std::string port(host_and_port.substr(colon + 1));
  addrinfo hints{};
  hints.ai_socktype = SOCK_DGRAM;
  hints.ai_flags = AI_NUMERICSERV | AI_ADDRCONFIG;
  addrinfo* found = nullptr;
  if (const int code = ::getaddrinfo(host.c_str(), port.c_str(), &hints, &found); code != 0) {
    return Error{"cannot resolve " + host + ": " + ::gai_strerror(code)};
  }
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  SocketAddress address;
  std::memcpy(address.get(), found->ai_addr, found->ai_addrlen);
  return address.endpoint();
}

std::uint64_t ReceiveDrops(const FileDescriptor& socket) {
  std::array<std::uint32_t, SK_MEMINFO_VARS> memory{};
  socklen_t size = sizeof(memory);
  if (!socket.is_open()) return 0;
  if (::getsockopt(socket.get(), SOL_SOCKET, SO_MEMINFO, memory.data(), &size) != 0) return 0;
  return memory[SK_MEMINFO_DROPS];
}

}  // namespace loadgen
