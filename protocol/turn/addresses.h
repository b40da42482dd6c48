#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>

#include "protocol/base/five_tuple.h"
#include "protocol/base/ip_address.h"

// The three roles that a transport address can have in TURN are three types, so that they cannot be
// swapped.
namespace turn {

// What peers are reached by; the numbers are those of REQUESTED-TRANSPORT.
enum class RelayProtocol : std::uint8_t { kTcp = 6, kUdp = 17 };

// Where a peer is reached, or where its datagram came from.
struct PeerAddress {
  base::Endpoint endpoint;
  friend constexpr auto operator<=>(const PeerAddress&, const PeerAddress&) = default;
};

// A transport address of this host that belongs to an allocation, as sockets know it (RFC 8656
// section 3.2). Behind 1:1 NAT the world knows it under another address: see RelayAddress in
// policy.h.
struct RelayedTransportAddress {
  base::Endpoint endpoint;
  friend constexpr auto operator<=>(const RelayedTransportAddress&,
                                    const RelayedTransportAddress&) = default;
};

// A client as the engine's caller knows it: the 5-tuple, and a number of the caller's own that
// finds the socket or connection again (the engine only stores it and hands it back).
struct ClientHandle {
  std::uint32_t value = 0;
  friend constexpr auto operator<=>(const ClientHandle&, const ClientHandle&) = default;
};

struct Client {
  base::FiveTuple five_tuple;
  ClientHandle handle;
};

// An open relay socket, numbered by Effects::OpenRelay. Never reused while it is open, in any shard
// of the process.
struct RelayHandle {
  std::int32_t value = -1;
  friend constexpr auto operator<=>(const RelayHandle&, const RelayHandle&) = default;
};

// The TCP connection between a relayed transport address and a peer (RFC 6062), numbered by
// Effects. Never reused while it is open, in any shard of the process.
struct PeerConnectionHandle {
  std::int32_t value = -1;
  friend constexpr auto operator<=>(const PeerConnectionHandle&,
                                    const PeerConnectionHandle&) = default;
};

// The value of CONNECTION-ID (RFC 6062 section 6.2.1): unique in the process and not to be guessed.
struct ConnectionId {
  std::uint32_t value = 0;
  friend constexpr auto operator<=>(const ConnectionId&, const ConnectionId&) = default;
};

// One of the engines of this process, each of which belongs to a shard.
struct ShardIndex {
  std::uint16_t value = 0;
  friend constexpr auto operator<=>(const ShardIndex&, const ShardIndex&) = default;
};

// Stands for a user as long as anything is charged to it (Ledger::NumberOf). From 1; 0: nobody.
struct UserNumber {
  std::uint32_t value = 0;
  friend constexpr auto operator<=>(const UserNumber&, const UserNumber&) = default;
};

struct RelayHandleHash {
  std::size_t operator()(RelayHandle handle) const noexcept {
    return static_cast<std::size_t>(handle.value) * 0x9e3779b97f4a7c15ULL;
  }
};

}  // namespace turn
