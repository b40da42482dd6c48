#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/turn/addresses.h"
#include "server/datapath/relay_traffic.h"

namespace relay {

// An allocation of a shard as another process is to have it (docs/adr/0018). Its sockets stay the
// shard's. By relay, IPv4 first, stand the sockets and what they have carried.
struct AllocationImage {
  std::uint64_t id;
  std::vector<std::uint8_t> record;  // turn::EncodeAllocation
  std::vector<int> sockets;
  std::vector<RelayTraffic> carried;
};
struct ReservationImage {
  std::vector<std::uint8_t> record;  // turn::EncodeReservation
  int socket;
};
// A client's TCP connection in the clear. The socket stays the shard's.
struct ConnectionImage {
  // Both together; whoever has more stays where it is.
  static constexpr std::size_t kMostBytes = 96 * 1024;

  turn::Client client;
  bool had_valid_message = false;
  std::vector<std::uint8_t> unread;  // has arrived and was not handled
  std::vector<std::uint8_t> unsent;  // is to be sent before anything else
  int socket = -1;
};
struct ShardImage {
  std::vector<ConnectionImage> connections;  // before the allocations of their clients
  std::vector<AllocationImage> allocations;
  std::vector<ReservationImage> reservations;
  std::vector<base::Endpoint> staying;  // relayed transport addresses over UDP of those who stay
};

// What the relays of an allocation had carried in all when the shard let go of it: packets may have
// passed in the kernel since its image was taken.
struct LastTraffic {
  std::uint64_t id;
  std::vector<RelayTraffic> carried;
};

}  // namespace relay
