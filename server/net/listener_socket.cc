#include "server/net/listener_socket.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "server/datapath/userspace/error_queue.h"
#include "server/datapath/userspace/socket_address.h"
#include "server/net/descriptor_reserve.h"

namespace relay {
namespace {

constexpr int kAcceptBacklog = 4096;
constexpr int kRelayBacklog = 64;

bool Enable(int socket, int level, int option, int value = 1) {
  return ::setsockopt(socket, level, option, &value, sizeof(value)) == 0;
}

// Needs CAP_NET_ADMIN. Who has not got it, or has given it up, never gets it again, and asks in
// vain only once.
std::atomic<bool> may_force_buffers = true;

void SetBuffer(int socket, int force_option, int option, int bytes) {
  if (may_force_buffers.load(std::memory_order_relaxed)) {
    if (Enable(socket, SOL_SOCKET, force_option, bytes)) return;
    if (errno == EPERM) may_force_buffers.store(false, std::memory_order_relaxed);
  }
  Enable(socket, SOL_SOCKET, option, bytes);
}

void SetBuffers(int socket, int receive_bytes, int send_bytes) {
  SetBuffer(socket, SO_RCVBUFFORCE, SO_RCVBUF, receive_bytes);
  SetBuffer(socket, SO_SNDBUFFORCE, SO_SNDBUF, send_bytes);
}

base::Error Failure(const char* what, const ListenerAddress& address) {
  const int error = errno;
  std::string message =
      std::string(what) + " " + address.endpoint.ToString() + ": " + std::strerror(error);
  if (error == EADDRINUSE) message += " (another program has this port)";
  if (error == EACCES) message += " (ports below 1024 need CAP_NET_BIND_SERVICE)";
  return {std::move(message)};
}

base::Result<Descriptor> OpenListener(const ListenerAddress& address, int type) {
  const char* what = type == SOCK_DGRAM ? "cannot listen on udp" : "cannot listen on tcp";
  const int family = address.endpoint.address.is_v4() ? AF_INET : AF_INET6;
  Descriptor socket(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return Failure(what, address);
  if (type == SOCK_STREAM) Enable(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  if (!Enable(socket.get(), SOL_SOCKET, SO_REUSEPORT)) return Failure(what, address);
  if (family == AF_INET6)
    Enable(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, address.dual_stack ? 0 : 1);
  const SocketAddress bind_address = ToSocketAddress(address.endpoint, family);
  if (::bind(socket.get(), &bind_address.generic, bind_address.length) != 0)
    return Failure(what, address);
  return socket;
}

OpenRelayResult MakeRelaySocket(int family, int type) {
  Descriptor socket(::socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return {{}, errno};
  if (!LeavesReserve(socket.get(), kReservedFromRelays)) return {{}, EMFILE};
  if (family == AF_INET6) Enable(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY);
  return {std::move(socket), 0};
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (value_ >= 0) ::close(value_);
    value_ = other.Release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (value_ >= 0) ::close(value_);
}

int Descriptor::Release() { return std::exchange(value_, -1); }

base::Result<Descriptor> OpenUdpListener(const ListenerAddress& address) {
  auto socket = OpenListener(address, SOCK_DGRAM);
  if (!socket.ok()) return socket;
  const int descriptor = socket.value().get();
  // The address that was asked is the address that answers (RFC 8489 section 6.3.1.2).
  if (address.endpoint.address.is_unspecified()) {
    Enable(descriptor, IPPROTO_IP, IP_PKTINFO);
    if (!address.endpoint.address.is_v4()) Enable(descriptor, IPPROTO_IPV6, IPV6_RECVPKTINFO);
  }
  Enable(descriptor, IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_DONT);
  Enable(descriptor, SOL_SOCKET, SO_RXQ_OVFL);
  SetBuffers(descriptor, kListenerReceiveBytes, kListenerSendBytes);
  return socket;
}

base::Result<Descriptor> OpenTcpListener(const ListenerAddress& address) {
  auto socket = OpenListener(address, SOCK_STREAM);
  if (!socket.ok()) return socket;
  if (::listen(socket.value().get(), kAcceptBacklog) != 0)
    return Failure("cannot listen on tcp", address);
  return socket;
}

OpenRelayResult OpenRelaySocket(const base::Endpoint& address) {
  const int family = address.address.is_v4() ? AF_INET : AF_INET6;
  OpenRelayResult opened = MakeRelaySocket(family, SOCK_DGRAM);
  if (opened.error != 0) return opened;
  const Descriptor& socket = opened.descriptor;
  // DF stays off unless a Send indication asks for it (RFC 8656 section 14). What routers say about
  // the length of a path is the client's to act on, not ours.
  if (family == AF_INET) Enable(socket.get(), IPPROTO_IP, IP_MTU_DISCOVER, IP_PMTUDISC_OMIT);
  EnableErrorQueue(socket.get(), family);  // without it clients hear less
  Enable(socket.get(), SOL_SOCKET, SO_RXQ_OVFL);
  SetBuffers(socket.get(), kRelayBufferBytes, kRelayBufferBytes);
  const SocketAddress bind_address = ToSocketAddress(address, family);
  if (::bind(socket.get(), &bind_address.generic, bind_address.length) != 0) return {{}, errno};
  return opened;
}

OpenRelayResult OpenTcpRelaySocket(const base::Endpoint& address) {
  const int family = address.address.is_v4() ? AF_INET : AF_INET6;
  OpenRelayResult opened = MakeRelaySocket(family, SOCK_STREAM);
  if (opened.error != 0) return opened;
  const Descriptor& socket = opened.descriptor;
  // Connections that have ended do not keep the port.
  Enable(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  const SocketAddress bind_address = ToSocketAddress(address, family);
  if (::bind(socket.get(), &bind_address.generic, bind_address.length) != 0) return {{}, errno};
  // Only now, so that nobody else's socket was joined; OpenTcpSocketFrom needs it.
  if (!Enable(socket.get(), SOL_SOCKET, SO_REUSEPORT)) return {{}, errno};
  if (::listen(socket.get(), kRelayBacklog) != 0) return {{}, errno};
  return opened;
}

OpenRelayResult OpenTcpSocketFrom(const base::Endpoint& relay) {
  const int family = relay.address.is_v4() ? AF_INET : AF_INET6;
  OpenRelayResult opened = MakeRelaySocket(family, SOCK_STREAM);
  if (opened.error != 0) return opened;
  const Descriptor& socket = opened.descriptor;
  Enable(socket.get(), SOL_SOCKET, SO_REUSEADDR);
  Enable(socket.get(), SOL_SOCKET, SO_REUSEPORT);
  const SocketAddress bind_address = ToSocketAddress(relay, family);
  if (::bind(socket.get(), &bind_address.generic, bind_address.length) != 0) return {{}, errno};
  return opened;
}

}  // namespace relay
