#pragma once

#include <sys/socket.h>

#include <boost/asio/ip/tcp.hpp>

#include "server/datapath/userspace/socket_address.h"

namespace relay {

// What Asio has to be told of a TCP socket that it did not open itself.
inline boost::asio::ip::tcp ProtocolOf(int socket) {
  SocketAddress address;
  address.length = sizeof(address.v6);
  ::getsockname(socket, &address.generic, &address.length);
  return address.generic.sa_family == AF_INET ? boost::asio::ip::tcp::v4()
                                              : boost::asio::ip::tcp::v6();
}

}  // namespace relay
