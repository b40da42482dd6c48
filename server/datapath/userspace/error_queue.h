#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "protocol/base/ip_address.h"
#include "protocol/stun/icmp.h"

namespace relay {

// What became of an earlier datagram of a socket: where it went, and what ICMP said about it.
struct DeliveryError {
  base::Endpoint destination;
  stun::IcmpValue icmp;
};

// Has the system keep ICMP errors about the datagrams of a UDP socket (IP_RECVERR), quoting their
// destination. From then on each of them also fails one call on the socket that has nothing to do
// with it. False: not possible.
bool EnableErrorQueue(int socket, int family);

// Takes errors from the queue (MSG_ERRQUEUE) until it is empty or `into` is full; returns how many
// are there. A datagram that was longer than the MTU of the host's own interface counts as one that
// the first router refused. Whatever else the system reports is taken and passed over, at most
// kMaxPassedOver in one call. Never blocks.
std::size_t ReadErrorQueue(int socket, std::span<DeliveryError> into);

inline constexpr std::size_t kMaxPassedOver = 64;

}  // namespace relay
