#pragma once

#include <cstdint>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/base/time.h"
#include "protocol/turn/nonce.h"
#include "server/net/listener_socket.h"

namespace relay {

// The sockets of one listening address, one for each shard in their order, as the configuration
// names it (port 0: the system has chosen).
template <typename Socket>
struct ListenerSockets {
  bool is_datagram = false;
  base::Endpoint endpoint;
  std::vector<Socket> sockets;
};

// What the shards of a new process begin with when they take over from a former one (docs/adr/0018)
// instead of opening and making it. Datagram listeners stand in the order in which handles of
// clients number them.
struct Inheritance {
  std::vector<ListenerSockets<Descriptor>> listeners;
  turn::NonceKey nonce_key;
  base::MonotonicTime nonce_origin;
};

}  // namespace relay
