#pragma once

#include <optional>

#include "protocol/base/bytes.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/engine_message.h"
#include "protocol/turn/event.h"
#include "protocol/turn/route.h"

namespace turn {

// How many octets before, and after, a payload that is given to Engine::OnPeerDatagram can be
// written: room for the header of a Data indication with an IPv6 peer (20 + 24 + 4), or of
// ChannelData, and for padding.
inline constexpr std::size_t kHeadroomBytes = 64;
inline constexpr std::size_t kTailroomBytes = 4;
// The longest Data indication with ICMP: header, an IPv6 peer, eight octets of ICMP.
inline constexpr std::size_t kIcmpIndicationBytes = 20 + 24 + 12;

// What the engine can do to the world. Synchronous: an answer is true when it is given. One object
// per engine, called on the engine's thread only, never after the engine's destruction.
class Effects {
 public:
  virtual ~Effects() = default;

  // Sends one control message. `message` lives during the call only.
  virtual void SendToClient(const Client& client, base::Bytes message) = 0;
  // Whether the client still has its connection or association; always over UDP.
  virtual bool HasClient(const Client& client) = 0;
  // Sends a Data indication (or ChannelData) that stands in the buffer given to OnPeerDatagram or
  // OnPeerUnreachable: it may be queued without a copy until the caller of that ends its batch. May
  // be dropped when the client reads too slowly. `payload_bytes` of it are the peer's.
  virtual void SendDataToClient(const Client& client, base::Bytes message,
                                std::size_t payload_bytes) = 0;
  // Sends `payload` from a relay socket on behalf of its client. It stands in the octets given to
  // OnMessage and may be queued without a copy until the caller of OnMessage ends its batch.
  // `dont_fragment` sets DF on IPv4 (RFC 8656 section 14).
  virtual void SendToPeer(const Client& client, RelayHandle relay, const PeerAddress& peer,
                          base::Bytes payload, bool dont_fragment) = 0;

  // Binds a UDP socket to the address; nullopt: the system says no (port taken, out of
  // descriptors). Nothing is read from it until StartRelay.
  virtual std::optional<RelayHandle> OpenRelay(const RelayedTransportAddress& address) = 0;
  // From now on datagrams that arrive are given to OnPeerDatagram of this engine. The handle may
  // come from another engine's OpenRelay by way of a reservation, or of a move (RFC 8016).
  virtual void StartRelay(RelayHandle relay, const RelayedTransportAddress& address,
                          UserNumber user) = 0;
  // A started one gets little bandwidth, whatever others get: it is a stranger's who tests. Only
  // datagrams are meant.
  virtual void LimitRelay(RelayHandle /*relay*/) {}
  // Nothing is read from it any more, until the engine of another shard starts it. What was to be
  // sent from it has been sent.
  virtual void StopRelay(RelayHandle relay) = 0;
  // Closes it, started or not.
  virtual void CloseRelay(RelayHandle relay) = 0;

  // Adds a route, or replaces the one with the same key (a longer deadline). May be ignored: speed
  // is lost, nothing else.
  virtual void InstallRoute(const Route& route) = 0;
  virtual void RemoveRoute(const RouteKey& key) = 0;

  // Gives the message to the engine of another shard, as its OnEngineMessage, in the order of
  // posting. Dropped when the process stops.
  virtual void PostToShard(ShardIndex shard, EngineMessage message) = 0;

  virtual void Report(const Event& event) = 0;
};

}  // namespace turn
