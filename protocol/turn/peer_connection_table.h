#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "protocol/base/ip_address.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/deferred_request.h"
#include "protocol/turn/expiry_wheel.h"

namespace turn {

class Allocation;

// A TCP connection between a relayed transport address and a peer (RFC 6062 sections 5.2 to 5.5).
class PeerConnection : public ExpiryWheel::Entry {
 public:
  enum class State : std::uint8_t {
    kConnecting,  // a Connect request waits for it
    kPending,     // waits for a ConnectionBind request
    kJoined,      // one with a connection of the client
  };

  PeerConnection(ConnectionId connection_id, Allocation& owner, const PeerAddress& peer_address,
                 PeerConnectionHandle peer_handle)
      : Entry(ExpiryWheel::Kind::kPeerConnection),
        id(connection_id),
        allocation(owner),
        peer(peer_address),
        handle(peer_handle) {}

  ConnectionId id;
  Allocation& allocation;
  PeerAddress peer;             // as permissions name it
  PeerConnectionHandle handle;  // not when joined
  State state = State::kConnecting;
  std::optional<DeferredRequest> request;  // of a connection that is being made
  std::optional<ShardIndex> joined_by;     // the shard that has both connections
};

// The peer connections of one engine's allocations. It owns them; a pointer lives until Erase.
class PeerConnectionTable {
 public:
  PeerConnection* Find(ConnectionId id) const;
  PeerConnection* FindByHandle(PeerConnectionHandle handle) const;  // unless it is joined
  PeerConnection* FindByPeer(const Allocation& allocation, const PeerAddress& peer) const;
  std::size_t CountOf(const Allocation& allocation) const;

  // The identifier must be new to the table.
  PeerConnection& Insert(std::unique_ptr<PeerConnection> connection);
  // It can no longer be found by handle.
  void NoteJoined(PeerConnection& connection);
  void Erase(const PeerConnection& connection);

  std::size_t size() const { return by_id_.size(); }

  // Calls `visit(PeerConnection&)` for each of the allocation. `visit` may erase what it is given.
  template <typename Visitor>
  void ForEachOf(const Allocation& allocation, Visitor&& visit) const {
    const auto found = by_allocation_.find(&allocation);
    if (found == by_allocation_.end()) return;
    const std::vector<PeerConnection*> connections = found->second;
    for (PeerConnection* connection : connections) visit(*connection);
  }

 private:
  std::unordered_map<std::uint32_t, std::unique_ptr<PeerConnection>> by_id_;
  std::unordered_map<std::int32_t, PeerConnection*> by_handle_;
  std::unordered_map<const Allocation*, std::vector<PeerConnection*>> by_allocation_;
};

}  // namespace turn
