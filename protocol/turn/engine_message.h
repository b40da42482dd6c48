#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <optional>
#include <variant>
#include <vector>

#include "protocol/stun/error_code.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/allocation.h"
#include "protocol/turn/credential_source.h"

// What the engines of one process tell each other. SO_REUSEPORT hands a new 5-tuple to any shard,
// while the thing that it asks for may belong to another one.
namespace turn {

// Asks the shard that owns a peer data connection to hand it over (RFC 6062 section 5.4).
struct BindWanted {
  ShardIndex from;
  Client client;
  ConnectionId connection;
  Credential credential;
};
// The answer: the connection, or why not.
struct BindGranted {
  Client client;
  ConnectionId connection;
  ShardIndex owner;
  PeerConnectionHandle peer;
  std::uint64_t allocation_id;
  UserNumber user;
};
struct BindRefused {
  Client client;
  stun::ErrorCode error;
};
// The joined connections are over, to the shard of the allocation; or have to be, to the shard that
// joined them.
struct JoinedEnded {
  ConnectionId connection;
};
struct JoinedMustEnd {
  ConnectionId connection;
};

// Mobility (RFC 8016): the client is in one shard, its allocation in another. The client's shard
// passes a request on, which the allocation's shard judges as if it had arrived there. Each of them
// is answered with exactly one ForwardedAnswer, RequestReturned or, with `trigger`,
// AllocationHandedOver.
struct RequestForwarded {
  ShardIndex from;
  Client client;
  std::vector<std::uint8_t> octets;
  // The allocation that the client waits for; nullopt: the request brings a ticket.
  std::optional<std::uint64_t> awaited;
  bool is_client_taken = false;  // the 5-tuple has another allocation, or waits for another one
};
struct ForwardedAnswer {
  Client client;
  std::vector<std::uint8_t> answer;  // empty: silence
  // The allocation that moves to the client as soon as it speaks; nullopt: no news.
  std::optional<std::uint64_t> granted;
  ShardIndex owner;  // who answers
};
// Nothing is pending here for the client: its own shard knows more.
struct RequestReturned {
  Client client;
  std::vector<std::uint8_t> octets;
};
// The client has spoken: the allocation is its own now.
struct MoveWanted {
  ShardIndex from;
  Client client;
  std::uint64_t allocation_id;
};
// The allocation, which the sender has let go of. `trigger` is the request that decided it; empty:
// something else did.
struct AllocationHandedOver {
  std::unique_ptr<Allocation> allocation;
  Client client;
  std::vector<std::uint8_t> trigger;
};
// The move is off: the allocation has ended or goes elsewhere (from its shard); the client is gone
// (from the client's).
struct MoveCancelled {
  Client client;
  std::uint64_t allocation_id;
};
struct MoveDeclined {
  ShardIndex from;
  Client client;
  std::uint64_t allocation_id;
};

using EngineMessage = std::variant<BindWanted, BindGranted, BindRefused, JoinedEnded, JoinedMustEnd,
                                   RequestForwarded, ForwardedAnswer, RequestReturned, MoveWanted,
                                   AllocationHandedOver, MoveCancelled, MoveDeclined>;

}  // namespace turn
