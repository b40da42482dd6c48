#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string_view>

#include "protocol/base/bytes.h"
#include "protocol/base/random.h"
#include "protocol/base/time.h"
#include "protocol/stun/icmp.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/allocation_record.h"
#include "protocol/turn/credential_source.h"
#include "protocol/turn/discovery_sockets.h"
#include "protocol/turn/effects.h"
#include "protocol/turn/engine_message.h"
#include "protocol/turn/ledger.h"
#include "protocol/turn/nonce.h"
#include "protocol/turn/policy.h"
#include "protocol/turn/revocations.h"
#include "protocol/turn/tcp_effects.h"

namespace turn {

// The rules of STUN and TURN (RFC 8489, 8656, 5389, 5766, 3489) for the clients of one shard.
// Sans-IO: octets and a time point in, calls on Effects out; no socket, thread or clock. It never
// sees ChannelData: datapaths forward it along the routes that the engine installs. All calls on
// one thread.
class Engine {
 public:
  // `ledger`, `random` and `effects` must outlive the engine. `shard` is its own number among the
  // engines of the process.
  Engine(std::shared_ptr<const Policy> policy, std::shared_ptr<const CredentialSource> credentials,
         const NonceKey& nonce_key, Ledger& ledger, base::RandomSource& random, Effects& effects,
         base::MonotonicTime start, ShardIndex shard = {});
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;
  ~Engine();

  // Turns on NAT behaviour discovery (RFC 5780) at these sockets. All but the first of them serve
  // Binding requests only. Before the first message.
  void SetDiscovery(const DiscoverySockets& sockets);

  // Turns on TCP relaying (RFC 6062), which the policy then allows or not. `effects` must outlive
  // the engine. Before the first message.
  void SetTcpEffects(TcpEffects& effects);

  // What a stream listener must know about a message: after too many invalid ones in a row it
  // closes the connection.
  enum class Outcome : std::uint8_t { kValid, kInvalid };

  // One message that Classify calls STUN: a whole UDP datagram, or what the framer cut out of a
  // stream.
  Outcome OnMessage(const Client& client, base::Bytes octets, const base::Now& now);

  // A datagram that arrived at a relay socket and that no datapath forwarded. `payload` may be
  // preceded by kHeadroomBytes and followed by kTailroomBytes of writable room, which is used to
  // build a Data indication in place. `source` is as on the wire.
  void OnPeerDatagram(RelayHandle relay, const PeerAddress& source, base::MutableBytes payload,
                      const base::Now& now);

  // An ICMP error about a datagram that left a relay socket for `destination`, which is as on the
  // wire (RFC 8656 section 11.5). `room` is for the Data indication and stays until the caller ends
  // its batch; at least kIcmpIndicationBytes.
  void OnPeerUnreachable(RelayHandle relay, const PeerAddress& destination,
                         const stun::IcmpValue& icmp, base::MutableBytes room,
                         const base::Now& now);

  // How a connection that TcpEffects::Connect began has come out.
  void OnPeerConnected(PeerConnectionHandle peer, bool is_connected, const base::Now& now);
  // A connection that came in at the socket of a TCP relay. `source` is as on the wire.
  void OnPeerAccepted(RelayHandle relay, PeerConnectionHandle peer, const PeerAddress& source,
                      const base::Now& now);
  // Joined connections have ended by themselves.
  void OnJoinedEnded(ConnectionId connection);

  // What another engine of the process posted (Effects::PostToShard).
  void OnEngineMessage(EngineMessage message, const base::Now& now);

  // ChannelData over a 5-tuple and channel that no datapath has a route for. The client may be one
  // that a move is pending to, and gets its routes now (RFC 8016 section 3.2.2), or, from another
  // shard, soon.
  Unrouted OnUnroutedChannelData(const base::FiveTuple& client, stun::ChannelNumber channel,
                                 base::Bytes data, const base::Now& now);

  // The stream connection (or association) ended: its allocation goes (TURN-45), unless a mobility
  // ticket can revive it.
  void OnClientGone(const Client& client, const base::Now& now);

  // Ends what is over: allocations, permissions, channels, reservations. Call it about once a
  // second, and at any time.
  void Advance(const base::Now& now);

  // Snapshots that a reload brings. Existing allocations keep the lifetimes they were promised;
  // peers are judged by the new policy from now on, and routes to peers that are no longer allowed
  // are removed; allocations of clients that are denied now end. Whose credentials are gone keeps
  // the allocation until its lifetime is over, and cannot refresh it.
  void SetPolicy(std::shared_ptr<const Policy> policy, const base::Now& now);
  void SetCredentials(std::shared_ptr<const CredentialSource> credentials);
  // Who is covered is refused from now on, and allocations of theirs end. nullptr: nobody is.
  void SetRevocations(std::shared_ptr<const Revocations> revocations, const base::Now& now);

  struct AllocationSummary {
    std::uint64_t id;
    Client client;     // the last one, if it is detached
    bool is_detached;  // waits for a client with its mobility ticket
    std::string_view username;
    std::vector<base::Endpoint> relayed;  // as the world knows it
    std::chrono::seconds remaining;
    std::size_t permissions;
    std::size_t channels;
    std::string_view subject;         // whom it is charged to: many user names may stand for one
    std::string_view tenant;          // empty: none
    std::chrono::nanoseconds age;     // of its oldest relay
    std::vector<RelayHandle> relays;  // in the order of `relayed`
  };
  std::size_t allocation_count() const;
  bool HasAllocation(const base::FiveTuple& client) const;
  // In any order.
  std::vector<std::uint64_t> ListAllocationIds() const;
  // nullopt: no such allocation. Views live until the next call that is not const.
  std::optional<AllocationSummary> FindAllocation(std::uint64_t id, const base::Now& now) const;
  void ForEachAllocation(const base::Now& now,
                         const std::function<void(const AllocationSummary&)>& visit) const;
  // An upgrade (docs/adr/0018). What another process is to have: each allocation, and each
  // reservation that this engine made and nobody has redeemed. The references live during the call.
  void VisitAllocations(const std::function<void(const Allocation&)>& visit) const;
  void VisitReservations(const std::function<void(const HeldReservationRecord&)>& visit) const;
  // The other process takes one in, with the handles of its own relay sockets, before the first
  // message. False: it cannot be, for its port is not ours to give or somebody has it, or its
  // 5-tuple or identifier is there already; then nothing has changed, and the sockets are the
  // caller's.
  [[nodiscard]] bool Restore(std::unique_ptr<Allocation> allocation, const base::Now& now);
  [[nodiscard]] bool Restore(const HeldReservationRecord& held);
  // The other process serves these allocations, and all reservations: they are not here any more,
  // without a word to their clients.
  void LetGo(const std::function<bool(const Allocation&)>& is_meant);

  // Ends one allocation by the id that AllocationOpened reported. False: no such allocation.
  bool Disconnect(std::uint64_t allocation_id, const base::Now& now);
  // Ends all of them (the process stops).
  void CloseAll(const base::Now& now);

 private:
  class State;
  std::unique_ptr<State> state_;
};

}  // namespace turn
