#pragma once

#include <cstdint>
#include <optional>

#include "protocol/turn/addresses.h"

namespace turn {

// What the engine can do to TCP connections with peers (RFC 6062), beside Effects. Synchronous, and
// nothing of it calls the engine back before it returns. One object per engine, called on the
// engine's thread only.
class TcpEffects {
 public:
  virtual ~TcpEffects() = default;

  // Binds a listening socket to the address; nullopt: the system says no. Nothing is accepted until
  // StartRelay.
  virtual std::optional<RelayHandle> OpenRelay(const RelayedTransportAddress& address) = 0;
  // From now on connections are accepted and given to Engine::OnPeerAccepted.
  virtual void StartRelay(RelayHandle relay) = 0;
  // Closes it, started or not. Connections that came through it stay.
  virtual void CloseRelay(RelayHandle relay) = 0;

  // Connects to a peer from the relay's address; Engine::OnPeerConnected says how it ended, unless
  // the connection is closed before. nullopt: out of descriptors.
  virtual std::optional<PeerConnectionHandle> Connect(RelayHandle relay,
                                                      const PeerAddress& peer) = 0;
  // Closes a connection that was not joined.
  virtual void Close(PeerConnectionHandle peer) = 0;
  // Lets go of a connection that the engine of another shard will join.
  virtual void Surrender(PeerConnectionHandle peer) = 0;

  // What a client over TCP or TLS sends behind the message at hand stays unread until Release or
  // Join.
  virtual void Hold(const Client& client) = 0;
  virtual void Release(const Client& client) = 0;
  // Makes one of the client's connection, which carries STUN no more, and the peer's: what arrives
  // on either is sent on the other as it is, beginning with what waits already. The peer's
  // connection may come from another engine. Engine::OnJoinedEnded says when it is over. False: the
  // client is gone; the peer's connection is closed. All connections of one allocation share its
  // limits, and all of a user the user's.
  virtual bool Join(const Client& client, PeerConnectionHandle peer, ConnectionId connection,
                    std::uint64_t allocation_id, UserNumber user) = 0;
  // Ends both connections, after what has been received already was sent. OnJoinedEnded does not
  // follow.
  virtual void EndJoined(ConnectionId connection) = 0;
};

}  // namespace turn
