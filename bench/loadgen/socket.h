#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <string_view>
#include <utility>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"

// Sockets of the load generator: every one is non-blocking and close-on-exec.
namespace loadgen {

// Owns one file descriptor.
class FileDescriptor {
 public:
  FileDescriptor() = default;
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(FileDescriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  FileDescriptor& operator=(FileDescriptor&& other) noexcept;
  ~FileDescriptor() { Close(); }

  void Close();
  bool is_open() const { return number_ >= 0; }
  int get() const { return number_; }

 private:
  int number_ = -1;
};

// An endpoint in the form that system calls take.
class SocketAddress {
 public:
  SocketAddress() = default;
  explicit SocketAddress(const base::Endpoint& endpoint);

  base::Endpoint endpoint() const;
  int family() const { return storage_.ss_family; }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage_); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage_); }
  socklen_t size() const;
  static constexpr socklen_t capacity() { return sizeof(sockaddr_storage); }

 private:
  sockaddr_storage storage_{};
};

// The peer's socket: bound to `local`, whose port may be 0.
base::Result<FileDescriptor> OpenBoundUdpSocket(const base::Endpoint& local, int buffer_bytes);
// A client's socket: connected to `server`, from `source` unless that is unspecified.
base::Result<FileDescriptor> OpenConnectedUdpSocket(const base::IpAddress& source,
                                                    const base::Endpoint& server, int buffer_bytes);
// The same over TCP: the connection is under way; the socket becomes writable when that is decided.
base::Result<FileDescriptor> StartTcpConnection(const base::IpAddress& source,
                                                const base::Endpoint& server);
// 0, or the errno with which connecting failed.
int PendingError(const FileDescriptor& socket);

base::Result<base::Endpoint> LocalEndpoint(const FileDescriptor& socket);
// The address that the routing table gives packets to `remote`.
base::Result<base::IpAddress> LocalAddressTowards(const base::Endpoint& remote);
// "192.0.2.1:3478", "[2001:db8::1]:3478" or "name:port"; names are resolved, the first address
// wins.
base::Result<base::Endpoint> Resolve(std::string_view host_and_port);

// Datagrams that the kernel threw away because this socket's buffer was full.
std::uint64_t ReceiveDrops(const FileDescriptor& socket);

}  // namespace loadgen
