#pragma once

#include <compare>
#include <cstdint>
#include <optional>
#include <variant>

#include "protocol/stun/error_code.h"
#include "protocol/turn/addresses.h"
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

using EngineMessage =
    std::variant<BindWanted, BindGranted, BindRefused, JoinedEnded, JoinedMustEnd>;

}  // namespace turn
