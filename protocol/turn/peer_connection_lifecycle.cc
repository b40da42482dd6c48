#include <array>
#include <memory>
#include <utility>

#include "protocol/base/check.h"
#include "protocol/stun/message_writer.h"
#include "protocol/turn/engine_state.h"

// TCP connections with peers from their first moment to their last, and those that peers begin (RFC
// 6062 sections 5.3 and 5.5).
namespace turn {

using stun::AttributeType;
using stun::ErrorCode;

bool Engine::State::IsTcpOrTls(base::Transport transport) {
  return transport == base::Transport::kTcp || transport == base::Transport::kTls;
}

void Engine::State::OnPeerAccepted(RelayHandle relay, PeerConnectionHandle handle,
                                   const PeerAddress& source, base::MonotonicTime now) {
  const auto refuse = [&](DropReason reason) {
    effects_.Report(PacketDropped{reason});
    tcp_->Close(handle);
  };
  Allocation* const allocation = FindLiveByRelay(relay, now);
  if (allocation == nullptr) return refuse(DropReason::kNoAllocation);
  // A relay of ours is known to clients by its external address.
  const bool is_live_relay = ledger_.IsLive(source.endpoint, RelayProtocol::kTcp);
  const PeerAddress peer = is_live_relay ? policy_->peers.FromWire(source) : source;
  const Permission* const permission = allocation->permissions.Find(peer.endpoint.address, now);
  if (permission == nullptr) return refuse(DropReason::kNoPermission);
  if (permission->is_own_relay && !is_live_relay) return refuse(DropReason::kPolicy);
  if (policy_->peers.Judge(peer) == PeerPolicy::Verdict::kDenied)
    return refuse(DropReason::kPolicy);
  if (!HasRoomForConnection(*allocation)) return refuse(DropReason::kOverLimit);

  PeerConnection& connection = AddConnection(*allocation, peer, handle);
  connection.state = PeerConnection::State::kPending;
  wheel_.Reschedule(connection, now + kConnectionBindTimeout);
  std::array<std::uint8_t, kIcmpIndicationBytes> room;
  stun::TransactionId transaction_id;
  random_.Fill(transaction_id);
  stun::MessageWriter message(
      room, {stun::Method::kConnectionAttempt, stun::MessageClass::kIndication}, transaction_id);
  message.AddXorAddress(AttributeType::kXorPeerAddress, peer.endpoint);
  message.AddU32(AttributeType::kConnectionId, connection.id.value);
  CHECK(message.ok());
  effects_.SendToClient(allocation->client, message.message());
}

bool Engine::State::HasRoomForConnection(const Allocation& allocation) {
  const std::size_t limit = policy_->connections_per_allocation;
  if (limit == 0 || connections_.CountOf(allocation) < limit) return true;
  effects_.Report(QuotaRejected{QuotaScope::kConnections});
  return false;
}

PeerConnection& Engine::State::AddConnection(Allocation& allocation, const PeerAddress& peer,
                                             PeerConnectionHandle handle) {
  const ConnectionId id =
      ledger_.RegisterConnection({shard_, allocation.client.five_tuple.client}, random_);
  return connections_.Insert(std::make_unique<PeerConnection>(id, allocation, peer, handle));
}

void Engine::State::EndConnection(PeerConnection& connection) {
  switch (connection.state) {
    case PeerConnection::State::kConnecting:
      connection.request->Resume(
          [&](const Request& request) { Refuse(request, ErrorCode::kConnectionTimeoutOrFailure); });
      tcp_->Close(connection.handle);
      break;
    case PeerConnection::State::kPending:
      tcp_->Close(connection.handle);
      break;
    case PeerConnection::State::kJoined:
      if (connection.joined_by == shard_) {
        tcp_->EndJoined(connection.id);
      } else {
        effects_.PostToShard(*connection.joined_by, JoinedMustEnd{connection.id});
      }
      break;
  }
  ForgetConnection(connection);
}

void Engine::State::ForgetConnection(PeerConnection& connection) {
  ledger_.ForgetConnection(connection.id);
  connections_.Erase(connection);
}

// What waits in the wheel: a connection that is being made, or one that waits to be bound.
void Engine::State::OnConnectionDue(PeerConnection& connection) {
  if (connection.state != PeerConnection::State::kJoined) EndConnection(connection);
}

}  // namespace turn
