#include <algorithm>

#include "protocol/turn/client_filter.h"
#include "protocol/turn/engine_state.h"

namespace turn {
namespace {

using stun::AttributeType;
using stun::ErrorCode;

// Section 3.2.2: the old ticket is good for this only.
bool IsRetransmission(const Request& request, base::Bytes ticket, const Mobility& mobility) {
  const std::optional<Mobility::Refresh>& last = mobility.last_refresh;
  return last && std::ranges::equal(last->ticket, ticket) &&
         last->transaction_id == request.message.transaction_id() &&
         last->five_tuple == request.client.five_tuple;
}

bool IsClientOf(const Request& request, const Allocation& allocation) {
  const base::FiveTuple& five_tuple = request.client.five_tuple;
  if (!allocation.is_detached() && allocation.client.five_tuple == five_tuple) return true;
  const std::optional<Mobility::Destination>& pending = allocation.mobility->pending;
  return pending && pending->client.five_tuple == five_tuple;
}

}  // namespace

// A Refresh with MOBILITY-TICKET: RFC 8016 section 3.2.2 in its order. Authentication and unknown
// attributes are behind us; the allocation is the ticket's, not the 5-tuple's.
std::optional<StunError> Engine::State::HandleMove(Request& request, Response& success) {
  if (!policy_->mobility) return ErrorCode::kMobilityForbidden;

  // The ticket, and the allocation that it names.
  if (!request.mobility.is_ticket_genuine) return ErrorCode::kBadRequest;
  if (request.allocation == nullptr || !request.allocation->mobility)
    return ErrorCode::kAllocationMismatch;
  Allocation& allocation = *request.allocation;
  const base::Bytes ticket = request.message.Find(AttributeType::kMobilityTicket)->value;
  const bool is_retransmission = IsRetransmission(request, ticket, *allocation.mobility);
  if (!is_retransmission) {
    if (!std::ranges::equal(allocation.mobility->ticket, ticket)) return ErrorCode::kBadRequest;
    // Whoever has not moved needs no ticket.
    if (IsClientOf(request, allocation)) return ErrorCode::kBadRequest;
  }

  // The same user.
  if (!allocation.BelongsTo(request.user->credential)) return ErrorCode::kWrongCredentials;

  // What an Allocate from there would be told.
  if (request.mobility.is_client_taken) return ErrorCode::kAllocationMismatch;
  if (IsTunnelled(request.client.five_tuple.client.address)) return ErrorCode::kForbidden;

  // Otherwise it is a Refresh like others, which may end the allocation.
  const std::uint64_t id = allocation.id;
  if (std::optional<StunError> error = HandleRefresh(request, success)) return error;
  if (allocations_.FindById(id) == nullptr) return std::nullopt;

  if (!is_retransmission) GrantMove(allocation, request);
  success.attributes().AddBytes(AttributeType::kMobilityTicket, allocation.mobility->ticket);
  return std::nullopt;
}

}  // namespace turn
