#pragma once

#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "protocol/base/ip_address.h"
#include "server/datapath/userspace/socket_address.h"

namespace test_support {

// A UDP socket on loopback for tests: sends and waits for datagrams.
class UdpSocket {
 public:
  explicit UdpSocket(std::string_view address = "127.0.0.1") {
    const base::Endpoint any{*base::IpAddress::Parse(address), 0};
    socket_ = ::socket(any.address.is_v4() ? AF_INET : AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    const relay::SocketAddress bind_address = relay::ToSocketAddress(any);
    if (::bind(socket_, &bind_address.generic, bind_address.length) != 0) std::abort();
    endpoint_ = relay::LocalEndpoint(socket_);
  }
  ~UdpSocket() { ::close(socket_); }
  UdpSocket(const UdpSocket&) = delete;
  UdpSocket& operator=(const UdpSocket&) = delete;

  int descriptor() const { return socket_; }
  const base::Endpoint& endpoint() const { return endpoint_; }

  void SendTo(const base::Endpoint& destination, std::string_view octets) const {
    const relay::SocketAddress address = relay::ToSocketAddress(destination);
    ::sendto(socket_, octets.data(), octets.size(), 0, &address.generic, address.length);
  }

  struct Received {
    std::string octets;
    base::Endpoint source;
  };
  // nullopt: nothing came within the time.
  std::optional<Received> Receive(std::chrono::milliseconds wait = std::chrono::seconds(5)) const {
    const timeval timeout{wait.count() / 1000, (wait.count() % 1000) * 1000};
    ::setsockopt(socket_, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout));
    std::array<char, 65536> buffer;
    relay::SocketAddress source;
    source.length = sizeof(source.v6);
    const ssize_t count =
        ::recvfrom(socket_, buffer.data(), buffer.size(), 0, &source.generic, &source.length);
    if (count < 0) return std::nullopt;
    return Received{std::string(buffer.data(), static_cast<std::size_t>(count)),
                    relay::ToEndpoint(source.generic)};
  }

 private:
  int socket_;
  base::Endpoint endpoint_;
};

}  // namespace test_support
