#include <algorithm>
#include <optional>
#include <utility>

#include "protocol/stun/attributes.h"
#include "protocol/turn/engine_state.h"

namespace turn {

using stun::AttributeType;
using stun::ErrorCode;

// RFC 6062 section 5.2. nullopt: the connection is being made, and the answer follows.
std::optional<StunError> Engine::State::StartConnect(const Request& request) {
  Allocation& allocation = *request.allocation;
  if (allocation.protocol != RelayProtocol::kTcp) return ErrorCode::kForbidden;

  // The peer.
  const auto attribute = request.message.Find(AttributeType::kXorPeerAddress);
  if (!attribute) return ErrorCode::kBadRequest;
  const std::optional<stun::AddressValue> value =
      stun::DecodeXorAddress(attribute->value, request.message.cookie_and_transaction_id());
  if (!value || value->endpoint.port == 0) return ErrorCode::kBadRequest;
  const PeerAddress peer = NameOf(PeerAddress{value->endpoint});
  const base::AddressFamily family = peer.endpoint.address.family();
  if (value->wire_family != family) return ErrorCode::kForbidden;
  const Relay* const relay = allocation.FindRelay(family);
  if (relay == nullptr) return ErrorCode::kPeerAddressFamilyMismatch;
  if (connections_.FindByPeer(allocation, peer) != nullptr)
    return ErrorCode::kConnectionAlreadyExists;

  // Restrictions on peers. Of our own relay ports only those of other live allocations.
  const PeerPolicy::Verdict verdict = policy_->peers.Judge(peer);
  if (verdict == PeerPolicy::Verdict::kDenied) return ErrorCode::kForbidden;
  const PeerAddress wire = policy_->peers.ToWire(peer);
  if (verdict == PeerPolicy::Verdict::kOwnRelay &&
      (wire.endpoint == relay->address.endpoint ||
       !ledger_.IsLive(wire.endpoint, RelayProtocol::kTcp)))
    return ErrorCode::kForbidden;

  // Who fails often is looking for open ports (security row A11).
  if (allocation.connect_failures_until > request.now.monotonic + kMaxConnectFailures)
    return ErrorCode::kInsufficientCapacity;

  // Capacity.
  if (!HasRoomForConnection(allocation)) return ErrorCode::kInsufficientCapacity;
  const std::optional<PeerConnectionHandle> handle = tcp_->Connect(relay->handle, wire);
  if (!handle) return ErrorCode::kInsufficientCapacity;
  PeerConnection& connection = AddConnection(allocation, peer, *handle);
  connection.request.emplace(request);
  wheel_.Reschedule(connection, request.now.monotonic + kConnectTimeout);
  return std::nullopt;
}

void Engine::State::OnPeerConnected(PeerConnectionHandle handle, bool is_connected,
                                    base::MonotonicTime now) {
  PeerConnection* const connection = connections_.FindByHandle(handle);
  if (connection == nullptr) return;
  if (!is_connected) {
    base::MonotonicTime& until = connection->allocation.connect_failures_until;
    until = std::max(until, now) + kConnectFailure;
    return EndConnection(*connection);
  }
  connection->state = PeerConnection::State::kPending;
  wheel_.Reschedule(*connection, now + kConnectionBindTimeout);
  const std::optional<DeferredRequest> deferred = std::exchange(connection->request, std::nullopt);
  deferred->Resume([&](const Request& request) {
    Response success(request, *policy_);
    success.attributes().AddU32(AttributeType::kConnectionId, connection->id.value);
    Answer(request, std::nullopt, success);
  });
}

}  // namespace turn
