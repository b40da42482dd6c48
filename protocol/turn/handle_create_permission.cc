#include <algorithm>

#include "protocol/stun/attributes.h"
#include "protocol/turn/engine_state.h"

namespace turn {

using stun::AttributeType;
using stun::ErrorCode;

// RFC 8656 section 10.2. The checks stand in the order of what outweighs what: syntax, family,
// policy, capacity. All addresses of a request are granted, or none.
std::optional<StunError> Engine::State::HandleCreatePermission(const Request& request) {
  Allocation& allocation = *request.allocation;
  const base::MonotonicTime now = request.now.monotonic;

  // At least one XOR-PEER-ADDRESS, and none malformed.
  bool is_malformed = false;
  bool is_family_missing = false;
  bool is_forbidden = false;
  wanted_peers_.clear();
  request.message.ForEach([&](const stun::Attribute& attribute) {
    if (attribute.type != AttributeType::kXorPeerAddress) return;
    const std::optional<stun::AddressValue> peer =
        stun::DecodeXorAddress(attribute.value, request.message.cookie_and_transaction_id());
    if (!peer) {
      is_malformed = true;
      return;
    }
    const base::AddressFamily family = peer->endpoint.address.family();
    if (peer->wire_family != family) {
      is_forbidden = true;  // an IPv4 address in IPv6 spelling
    } else if (allocation.FindRelay(family) == nullptr) {
      is_family_missing = true;
    }
    // Permissions know no ports.
    wanted_peers_.push_back(NameOf(PeerAddress{{peer->endpoint.address, 0}}));
  });
  if (is_malformed || wanted_peers_.empty()) return ErrorCode::kBadRequest;
  if (is_family_missing) return ErrorCode::kPeerAddressFamilyMismatch;

  // Restrictions on peers.
  std::sort(wanted_peers_.begin(), wanted_peers_.end());
  wanted_peers_.erase(std::unique(wanted_peers_.begin(), wanted_peers_.end()), wanted_peers_.end());
  for (const PeerAddress& peer : wanted_peers_) {
    if (allocation.Narrow(policy_->peers.JudgeAddress(peer.endpoint.address)) ==
        PeerPolicy::Verdict::kDenied)
      is_forbidden = true;
  }
  if (is_forbidden) return ErrorCode::kForbidden;

  // Capacity.
  RemoveExpired(allocation, now);
  const auto added = static_cast<std::size_t>(
      std::count_if(wanted_peers_.begin(), wanted_peers_.end(), [&](const PeerAddress& peer) {
        return allocation.permissions.Find(peer.endpoint.address, now) == nullptr;
      }));
  const std::size_t limit = policy_->permissions_per_allocation;
  if (limit != 0 && added != 0 && allocation.permissions.size() + added > limit) {
    effects_.Report(QuotaRejected{QuotaScope::kPermissions});
    return ErrorCode::kInsufficientCapacity;
  }

  for (const PeerAddress& peer : wanted_peers_)
    InstallPermission(allocation, peer.endpoint.address, now);
  return std::nullopt;
}

}  // namespace turn
