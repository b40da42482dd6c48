#pragma once

#include <cstdint>

#include "protocol/base/ip_address.h"
#include "protocol/base/result.h"
#include "server/datapath/userspace/route_table.h"

namespace relay {

// A descriptor that closes itself.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int value) : value_(value) {}
  Descriptor(Descriptor&& other) noexcept : value_(other.Release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  ~Descriptor();

  int get() const { return value_; }
  int Release();

 private:
  int value_ = -1;
};

// What the buffers of a UDP listener are asked to hold: room for a burst while the shard is busy.
// The system caps it at net.core.rmem_max (wmem_max) unless the process may override.
inline constexpr int kListenerReceiveBytes = 8 * 1024 * 1024;
inline constexpr int kListenerSendBytes = 4 * 1024 * 1024;
// Of each relay, in either direction.
inline constexpr int kRelayBufferBytes = 1024 * 1024;

// What a listener is opened with.
struct ListenerAddress {
  base::Endpoint endpoint;  // port 0: the system chooses
  // An IPv6 wildcard that also takes IPv4 clients, because no IPv4 wildcard stands beside it.
  bool dual_stack = false;
};

// Opens UDP and TCP listening sockets with SO_REUSEPORT, one per shard on the same address. Errors
// say address and reason.
base::Result<Descriptor> OpenUdpListener(const ListenerAddress& address);
base::Result<Descriptor> OpenTcpListener(const ListenerAddress& address);

// A relay socket: exactly this address, no sharing. The error is errno.
struct OpenRelayResult {
  Descriptor descriptor;
  int error = 0;
};
OpenRelayResult OpenRelaySocket(const base::Endpoint& address);

// The same for TCP (RFC 6062): a listening socket, whose port TCP connections of the relay's own
// may leave from, too.
OpenRelayResult OpenTcpRelaySocket(const base::Endpoint& address);
// A TCP socket that is bound to the address of such a relay.
OpenRelayResult OpenTcpSocketFrom(const base::Endpoint& relay);

}  // namespace relay
