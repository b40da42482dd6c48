#include "server/http/listening_socket.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>

namespace relay {
namespace {

// As much as the system allows: clients that wait here cost it little, and are not sent away.
constexpr int kBacklog = 4096;

base::Error SystemError(const std::string& what, int code) {
  return {what + ": " + std::strerror(code)};
}

struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t length = 0;

  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }
};

SocketAddress ToSocketAddress(const base::Endpoint& endpoint) {
  SocketAddress out;
  if (endpoint.address.is_v4()) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(endpoint.port);
    const auto octets = endpoint.address.v4_octets();
    std::memcpy(&address.sin_addr, octets.data(), octets.size());
    std::memcpy(&out.storage, &address, sizeof(address));
    out.length = sizeof(address);
  } else {
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = htons(endpoint.port);
    const auto& octets = endpoint.address.octets();
    std::memcpy(&address.sin6_addr, octets.data(), octets.size());
    std::memcpy(&out.storage, &address, sizeof(address));
    out.length = sizeof(address);
  }
  return out;
}

std::optional<SocketAddress> ToSocketAddress(const std::string& path) {
  sockaddr_un address{};
  if (path.empty() || path.size() >= sizeof(address.sun_path)) return std::nullopt;
  address.sun_family = AF_UNIX;
  std::copy(path.begin(), path.end(), address.sun_path);
  SocketAddress out;
  std::memcpy(&out.storage, &address, sizeof(address));
  out.length = sizeof(address);
  return out;
}

base::Error PathTooLong(const std::string& path) {
  return {"the socket path \"" + path + "\" is empty or longer than " +
          std::to_string(sizeof(sockaddr_un::sun_path) - 1) + " characters"};
}

base::Result<void> CreateDirectory(const std::string& path) {
  const std::filesystem::path directory = std::filesystem::path(path).parent_path();
  std::error_code failure;
  if (directory.empty() || std::filesystem::is_directory(directory, failure)) return {};
  if (std::filesystem::create_directories(directory, failure)) {
    using std::filesystem::perms;
    std::filesystem::permissions(directory,
                                 perms::owner_all | perms::group_read | perms::group_exec, failure);
  }
  if (failure)
    return base::Error{"cannot create the directory " + directory.string() + ": " +
                       failure.message()};
  return {};
}

// Removes what a process left behind that did not end in order.
base::Result<void> RemoveStaleSocket(const std::string& path) {
  struct stat status {};
  if (lstat(path.c_str(), &status) != 0) return {};
  if (!S_ISSOCK(status.st_mode)) return base::Error{path + " exists and is not a socket"};
  if (ConnectUnix(path).ok()) return base::Error{"another server answers on " + path};
  if (unlink(path.c_str()) != 0 && errno != ENOENT)
    return SystemError("cannot remove the stale socket " + path, errno);
  return {};
}

}  // namespace

base::Result<FileDescriptor> ListenTcp(const base::Endpoint& address) {
  const SocketAddress socket_address = ToSocketAddress(address);
  const std::string what = "cannot listen on tcp " + address.ToString();
  FileDescriptor listener(socket(socket_address.get()->sa_family,
                                 SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_TCP));
  if (!listener.is_open()) return SystemError(what, errno);
  const int on = 1;
  const int off = 0;
  setsockopt(listener.number(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (!address.address.is_v4())
    setsockopt(listener.number(), IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof(off));
  if (bind(listener.number(), socket_address.get(), socket_address.length) != 0 ||
      listen(listener.number(), kBacklog) != 0) {
    return SystemError(what, errno);
  }
  return listener;
}

std::uint16_t LocalPort(const FileDescriptor& socket) {
  SocketAddress address;
  address.length = sizeof(address.storage);
  if (getsockname(socket.number(), address.get(), &address.length) != 0) return 0;
  // The port stands at the same place in both families.
  sockaddr_in common{};
  std::memcpy(&common, &address.storage, sizeof(common));
  return ntohs(common.sin_port);
}

base::Result<FileDescriptor> ListenUnix(const std::string& path) {
  const auto address = ToSocketAddress(path);
  if (!address) return PathTooLong(path);
  if (auto created = CreateDirectory(path); !created.ok()) return created.error();
  if (auto removed = RemoveStaleSocket(path); !removed.ok()) return removed.error();

  FileDescriptor listener(socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (!listener.is_open()) return SystemError("cannot listen on " + path, errno);
  if (bind(listener.number(), address->get(), address->length) != 0) {
    return SystemError("cannot listen on " + path, errno);
  }
  // Nobody can connect before listen(), so nobody gets in under the former mode.
  if (chmod(path.c_str(), 0660) != 0 || listen(listener.number(), kBacklog) != 0) {
    const int code = errno;
    unlink(path.c_str());
    return SystemError("cannot listen on " + path, code);
  }
  return listener;
}

base::Result<FileDescriptor> ConnectUnix(const std::string& path) {
  const auto address = ToSocketAddress(path);
  if (!address) return PathTooLong(path);
  FileDescriptor connection(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!connection.is_open()) return SystemError("cannot connect to " + path, errno);
  if (connect(connection.number(), address->get(), address->length) != 0) {
    return SystemError("cannot connect to " + path, errno);
  }
  return connection;
}

}  // namespace relay
