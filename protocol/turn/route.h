#pragma once

#include <cstdint>

#include "protocol/base/time.h"
#include "protocol/stun/channel_data.h"
#include "protocol/turn/addresses.h"

namespace turn {

// What a datapath needs to forward ChannelData of one channel both ways without asking (RFC 8656
// section 12). The deadline is the earliest end of allocation, channel binding and permission: past
// it the datapath stops forwarding by itself and shows peer packets to the engine instead.
struct Route {
  Client client;
  stun::ChannelNumber channel;
  RelayHandle relay;
  RelayedTransportAddress relayed;  // the local address of `relay`
  PeerAddress peer;  // where datagrams go and come from on the wire (behind 1:1 NAT: translated)
  bool peer_is_own_relay = false;  // then forward only while Ledger::IsLive(peer)
  bool is_limited = false;         // Effects::LimitRelay was called for `relay`
  UserNumber user;                 // whose the allocation is
  base::MonotonicTime deadline;
};

// Names a route: (client 5-tuple, channel) in one direction, (relay, peer) in the other. Both are
// unique.
struct RouteKey {
  Client client;
  stun::ChannelNumber channel;
  RelayHandle relay;
  PeerAddress peer;
};

// What became of ChannelData without a route.
enum class Unrouted : std::uint8_t {
  kNobodys,  // nothing: it is to be dropped
  kRouted,   // there may be a route now
  kTaken     // somebody has kept it, and sees to it
};

}  // namespace turn
