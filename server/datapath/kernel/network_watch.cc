#include "server/datapath/kernel/network_watch.h"

#include <linux/rtnetlink.h>
#include <sys/socket.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <utility>

#include "server/datapath/kernel/netlink_message.h"
#include "server/datapath/kernel/network_queries.h"

namespace relay {
namespace {

constexpr int kGroups[] = {RTNLGRP_LINK,        RTNLGRP_NEIGH,      RTNLGRP_IPV4_IFADDR,
                           RTNLGRP_IPV6_IFADDR, RTNLGRP_IPV4_ROUTE, RTNLGRP_IPV6_ROUTE,
                           RTNLGRP_IPV4_RULE,   RTNLGRP_IPV6_RULE,  RTNLGRP_NEXTHOP};

// Room for some thousands of notifications; when it overflows, everything is looked up again.
constexpr int kBufferBytes = 1 << 20;

}  // namespace

base::Result<NetworkWatch> NetworkWatch::Open() {
  OwnedDescriptor socket(
      ::socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE));
  if (!socket.is_open())
    return base::Error{std::string("cannot open a netlink socket: ") + std::strerror(errno)};
  // Beyond net.core.rmem_max, for which it takes CAP_NET_ADMIN.
  ::setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUFFORCE, &kBufferBytes, sizeof(kBufferBytes));
  // A socket without a number of its own hears nothing of what the kernel itself does.
  sockaddr_nl own{};
  own.nl_family = AF_NETLINK;
  bool is_following =
      ::bind(socket.get(), reinterpret_cast<const sockaddr*>(&own), sizeof(own)) == 0;
  for (const int group : kGroups) {
    is_following = is_following && ::setsockopt(socket.get(), SOL_NETLINK, NETLINK_ADD_MEMBERSHIP,
                                                &group, sizeof(group)) == 0;
  }
  if (!is_following)
    return base::Error{std::string("cannot follow changes of the network: ") +
                       std::strerror(errno)};
  return NetworkWatch(std::move(socket));
}

NetworkWatch::NetworkWatch(OwnedDescriptor socket)
    : socket_(std::move(socket)), buffer_(std::make_unique<std::array<std::uint8_t, 65536>>()) {}

NetworkChanges NetworkWatch::Read() {
  NetworkChanges changes;
  while (true) {
    const ssize_t received = ::recv(socket_.get(), buffer_->data(), buffer_->size(), MSG_TRUNC);
    if (received < 0 && errno == EINTR) continue;
    if (received < 0 && errno == ENOBUFS) {
      changes.is_everything = true;
      continue;
    }
    if (received <= 0) return changes;
    if (static_cast<std::size_t>(received) > buffer_->size()) {
      changes.is_everything = true;
      continue;
    }
    base::Bytes octets(buffer_->data(), static_cast<std::size_t>(received));
    while (const auto message = NetlinkMessage::Next(octets)) {
      if (message->type() != RTM_NEWNEIGH && message->type() != RTM_DELNEIGH) {
        changes.is_everything = true;
      } else if (const auto neighbour = ReadNeighbour(*message)) {
        changes.neighbours.push_back(*neighbour);
      }
    }
  }
}

}  // namespace relay
