#include "server/doctor/listener_checks.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "server/datapath/userspace/socket_address.h"
#include "server/net/listener_socket.h"

namespace relay {
namespace {

bool IsDatagram(const Config::Listener& listener) {
  return listener.transport == Config::ListenerTransport::kUdp ||
         listener.transport == Config::ListenerTransport::kDtls;
}

// Without SO_REUSEPORT: beside another socket of the same user it would always succeed.
int TryToBind(const Config::Listener& listener) {
  const int family = listener.address.is_v4() ? AF_INET : AF_INET6;
  const int type = IsDatagram(listener) ? SOCK_DGRAM : SOCK_STREAM;
  const Descriptor socket(::socket(family, type | SOCK_CLOEXEC, 0));
  if (socket.get() < 0) return errno;
  const int on = 1;
  if (type == SOCK_STREAM) ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  if (family == AF_INET6) ::setsockopt(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
  const SocketAddress address = ToSocketAddress({listener.address, listener.port}, family);
  if (::bind(socket.get(), &address.generic, address.length) != 0) return errno;
  // Two sockets with SO_REUSEADDR may be bound to one port, but not both listen.
  if (type == SOCK_STREAM && ::listen(socket.get(), 1) != 0) return errno;
  return 0;
}

std::string NamesOf(const std::vector<PortHolder>& holders) {
  std::string names;
  for (const PortHolder& holder : holders) {
    names += (names.empty() ? "" : ", ") + holder.name + " (process " +
             std::to_string(holder.process) + ")";
  }
  return names;
}

}  // namespace

ListenerFacts ReadListenerFacts(const Config::Listener& listener, const std::string& proc) {
  ListenerFacts facts{listener, TryToBind(listener), {}};
  if (facts.bind_error == EADDRINUSE) {
    facts.holders = FindPortHolders(proc, {listener.address, listener.port},
                                    IsDatagram(listener) ? PortProtocol::kUdp : PortProtocol::kTcp);
  }
  return facts;
}

Finding CheckListener(const ListenerFacts& facts, std::optional<std::int32_t> server) {
  const std::string name = ToString(facts.listener);
  if (facts.bind_error == 0) {
    if (!server) return Fine("ports", name + " can be opened");
    return Problem(
        "ports",
        name + " is not open in the running server (process " + std::to_string(*server) + ")",
        "restart the server if the listener is new, and look into its log");
  }
  if (facts.bind_error == EADDRINUSE) {
    const bool is_ours = server && std::ranges::any_of(facts.holders, [&](const PortHolder& one) {
                           return one.process == *server;
                         });
    if (is_ours)
      return Fine("ports", name + " is held by the running server (process " +
                               std::to_string(*server) + ")");
    if (!facts.holders.empty()) {
      return Problem("ports", name + " is taken by " + NamesOf(facts.holders),
                     "stop that program, or name another port under listeners");
    }
    if (server)
      return Fine("ports", name + " is taken, by the running server if the way through it works");
    return Problem("ports", name + " is taken by a program that this user may not see",
                   "run doctor as root to see its name; stop it, or name another port");
  }
  const std::string what = name + " cannot be opened: " + std::strerror(facts.bind_error);
  if (facts.bind_error == EACCES) {
    return Problem("ports", what,
                   "ports below 1024 need CAP_NET_BIND_SERVICE: run as root, grant it "
                   "(AmbientCapabilities=, setcap cap_net_bind_service=+ep), or name another port");
  }
  if (facts.bind_error == EADDRNOTAVAIL) {
    return Problem("ports", what,
                   "no interface has this address: correct it under listeners, or give it to one");
  }
  return Problem("ports", what, "correct it under listeners");
}

}  // namespace relay
