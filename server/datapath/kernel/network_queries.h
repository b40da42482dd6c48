#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "protocol/base/result.h"
#include "server/datapath/kernel/netlink_message.h"
#include "server/datapath/kernel/network_state.h"
#include "server/datapath/kernel/owned_descriptor.h"

namespace relay {

// Asks the kernel's routing, neighbour and interface tables. Each question is two system calls,
// which the kernel answers before it returns from the first. One thread at a time.
class NetworkQueries {
 public:
  // In the network namespace of the calling thread.
  static base::Result<NetworkQueries> Open();

  // The very route that a socket bound to `source` would take: source rules, the choice among
  // several paths and learnt MTUs are the system's. nullopt: there is none, or one that needs more
  // than a link-layer header (local delivery, a tunnel, multicast, a blackhole).
  std::optional<NetworkRoute> FindRoute(const base::IpAddress& source,
                                        const base::IpAddress& destination);
  std::optional<NetworkInterface> FindInterface(std::uint32_t index);
  // nullopt: the system did not tell, which says nothing about the addresses.
  std::optional<std::vector<LocalAddress>> ListAddresses();
  Neighbour FindNeighbour(std::uint32_t interface_index, const base::IpAddress& address);

  // Has the system treat the neighbour as if a packet had been sent to it: an unknown one is looked
  // for, an old one is asked whether it is still there, and neither is forgotten. Needs
  // CAP_NET_ADMIN; otherwise it does nothing.
  void UseNeighbour(std::uint32_t interface_index, const base::IpAddress& address);

 private:
  explicit NetworkQueries(OwnedDescriptor socket);

  // What of an answer has arrived, which lives until the next call; nullopt: nothing, or not whole.
  std::optional<base::Bytes> Receive();
  // The answer, which lives until the next question; nullopt: an error.
  std::optional<NetlinkMessage> Ask(NetlinkRequest& request);
  // One attempt at the whole list; nullopt: an error, or the addresses changed meanwhile.
  std::optional<std::vector<LocalAddress>> TryListAddresses();

  OwnedDescriptor socket_;
  std::uint32_t sequence_ = 0;
  std::unique_ptr<std::array<std::uint8_t, 65536>> buffer_;
};

// The content of RTM_NEWNEIGH and RTM_DELNEIGH; nullopt: of no IP address.
std::optional<Neighbour> ReadNeighbour(const NetlinkMessage& message);

}  // namespace relay
