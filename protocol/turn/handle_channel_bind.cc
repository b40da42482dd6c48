#include "protocol/stun/attributes.h"
#include "protocol/turn/engine_state.h"

namespace turn {
namespace {

using stun::AttributeType;
using stun::ErrorCode;

bool IsInRange(stun::ChannelNumber number, Policy::ChannelNumbers numbers) {
  const stun::ChannelNumber last =
      numbers == Policy::ChannelNumbers::kRfc5766 ? stun::kLastChannelRfc5766 : stun::kLastChannel;
  return number >= stun::kFirstChannel && number <= last;
}

}  // namespace

// RFC 8656 section 12.2, with the same precedence as CreatePermission.
std::optional<StunError> Engine::State::HandleChannelBind(const Request& request) {
  Allocation& allocation = *request.allocation;
  const base::MonotonicTime now = request.now.monotonic;
  // There are no channels to peers over TCP (RFC 6062).
  if (allocation.protocol != RelayProtocol::kUdp) return ErrorCode::kForbidden;

  // Both attributes, a number in range, a port.
  const auto number_attribute = request.message.Find(AttributeType::kChannelNumber);
  const auto peer_attribute = request.message.Find(AttributeType::kXorPeerAddress);
  if (!number_attribute || !peer_attribute) return ErrorCode::kBadRequest;
  const std::optional<stun::ChannelNumber> number =
      stun::DecodeChannelNumber(number_attribute->value);
  const std::optional<stun::AddressValue> value =
      stun::DecodeXorAddress(peer_attribute->value, request.message.cookie_and_transaction_id());
  if (!number || !value) return ErrorCode::kBadRequest;
  if (!IsInRange(*number, policy_->channel_numbers)) return ErrorCode::kBadRequest;
  if (value->endpoint.port == 0) return ErrorCode::kBadRequest;

  // Neither number nor address is bound otherwise.
  const PeerAddress peer = NameOf(PeerAddress{value->endpoint});
  const ChannelBinding* const by_number = allocation.channels.FindByNumber(*number, now);
  const ChannelBinding* const by_peer = allocation.channels.FindByPeer(peer, now);
  if (by_number != nullptr && by_number->peer != peer) return ErrorCode::kBadRequest;
  if (by_peer != nullptr && by_peer->number != *number) return ErrorCode::kBadRequest;

  // Family.
  const base::AddressFamily family = peer.endpoint.address.family();
  if (value->wire_family != family) return ErrorCode::kForbidden;
  const Relay* const relay = allocation.FindRelay(family);
  if (relay == nullptr) return ErrorCode::kPeerAddressFamilyMismatch;

  // Restrictions on peers. Of our own relay ports only those of other live allocations.
  const PeerPolicy::Verdict verdict = allocation.Narrow(policy_->peers.Judge(peer));
  if (verdict == PeerPolicy::Verdict::kDenied) return ErrorCode::kForbidden;
  const bool is_own_relay = verdict == PeerPolicy::Verdict::kOwnRelay;
  if (is_own_relay) {
    const base::Endpoint wire = policy_->peers.ToWire(peer).endpoint;
    if (wire == relay->address.endpoint || !ledger_.IsLive(wire)) return ErrorCode::kForbidden;
  }

  // Capacity, of both sets before either changes.
  RemoveExpired(allocation, now);
  const bool needs_permission = allocation.permissions.Find(peer.endpoint.address, now) == nullptr;
  const std::size_t permission_limit = policy_->permissions_per_allocation;
  if (needs_permission && permission_limit != 0 &&
      allocation.permissions.size() >= permission_limit) {
    effects_.Report(QuotaRejected{QuotaScope::kPermissions});
    return ErrorCode::kInsufficientCapacity;
  }
  const bool needs_channel = allocation.channels.FindByPeer(peer, now) == nullptr;
  const std::size_t channel_limit = policy_->channels_per_allocation;
  if (needs_channel && channel_limit != 0 && allocation.channels.size() >= channel_limit) {
    effects_.Report(QuotaRejected{QuotaScope::kChannels});
    return ErrorCode::kInsufficientCapacity;
  }

  InstallChannel(allocation, {peer, *number, is_own_relay, now + policy_->channel_lifetime}, now);
  return std::nullopt;
}

}  // namespace turn
