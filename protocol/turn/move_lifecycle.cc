#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/turn/client_filter.h"
#include "protocol/turn/engine_state.h"

// How an allocation gets another client (RFC 8016 section 3.2.2): a Refresh with its ticket makes a
// move pending, the first thing that the new client says completes it. Until then the old client
// has everything, from then on the new one; nothing in between.
namespace turn {

void Engine::State::MakeMobile(Allocation& allocation) {
  allocation.mobility = std::make_unique<Mobility>();
  allocation.mobility->id = ledger_.RegisterMobile({allocation.id, shard_}, random_);
  RenewTicket(allocation);
}

void Engine::State::RenewTicket(Allocation& allocation) {
  allocation.mobility->ticket = tickets_.Seal(allocation.mobility->id, random_);
}

void Engine::State::GrantMove(Allocation& allocation, const Request& request) {
  Mobility& mobility = *allocation.mobility;
  mobility.last_refresh = Mobility::Refresh{request.message.transaction_id(),
                                            request.client.five_tuple, mobility.ticket};
  RenewTicket(allocation);

  // The one before, which nobody came for.
  CancelMove(allocation);
  ForwardedRequest* const forwarded = request.mobility.forwarded;
  mobility.pending =
      Mobility::Destination{request.client, forwarded == nullptr ? shard_ : forwarded->from};
  if (forwarded != nullptr) {
    forwarded->granted = allocation.id;
    forwarded->must_hand_over = mobility.is_detached;
    return;
  }
  moves_.Insert(request.client, allocation.id, shard_);
  if (mobility.is_detached) CompleteMove(allocation, request.now.monotonic);
}

void Engine::State::CancelMove(Allocation& allocation) {
  const std::optional<Mobility::Destination> pending =
      std::exchange(allocation.mobility->pending, std::nullopt);
  if (!pending) return;
  if (pending->shard == shard_) {
    moves_.Erase(pending->client.five_tuple);
  } else {
    effects_.PostToShard(pending->shard, MoveCancelled{pending->client, allocation.id});
  }
}

bool Engine::State::CompleteMove(Allocation& allocation, base::MonotonicTime now) {
  const Client client = allocation.mobility->pending->client;
  CancelMove(allocation);
  if (!MayMoveTo(client, now)) return false;
  ReportMove(allocation, -1);
  if (!allocation.is_detached()) Detach(allocation);
  allocations_.Attach(allocation, client);
  ReportMove(allocation, 1);
  InstallRoutes(allocation, now);
  return true;
}

bool Engine::State::MayMoveTo(const Client& client, base::MonotonicTime now) {
  return effects_.HasClient(client) && FindLive(client.five_tuple, now) == nullptr &&
         !IsRefusedClient(*policy_, client.five_tuple);
}

void Engine::State::CancelRefusedMove(Allocation& allocation) {
  if (!allocation.mobility || !allocation.mobility->pending) return;
  if (IsRefusedClient(*policy_, allocation.mobility->pending->client.five_tuple))
    CancelMove(allocation);
}

void Engine::State::HandOver(Allocation& allocation, base::Bytes trigger) {
  const Mobility::Destination to = *allocation.mobility->pending;
  allocation.mobility->pending.reset();
  RemoveRoutes(allocation);
  ReportMove(allocation, -1);
  effects_.Report(PermissionsChanged{-static_cast<std::int64_t>(allocation.permissions.size())});
  effects_.Report(ChannelsChanged{-static_cast<std::int64_t>(allocation.channels.size())});
  allocation.ForEachRelay([&](const Relay& relay) { effects_.StopRelay(relay.handle); });
  ExpiryWheel::Cancel(allocation);
  // Whoever brings the ticket to that shard from now on may come before the allocation, and waits
  // there (see FindNamed).
  ledger_.SetShardOf(allocation.mobility->id, to.shard);
  effects_.PostToShard(
      to.shard, AllocationHandedOver{
                    allocations_.Extract(allocation), to.client, {trigger.begin(), trigger.end()}});
}

void Engine::State::Adopt(std::unique_ptr<Allocation> owned, const Client& client,
                          base::MonotonicTime now) {
  // The client may have gone, or begun anew, while the allocation was on its way, or be refused by
  // a policy that came here first: then it waits for whoever brings its ticket.
  const bool has_client = MayMoveTo(client, now);
  owned->client = client;
  owned->mobility->is_detached = !has_client;
  Allocation& allocation = allocations_.Insert(std::move(owned));
  allocation.ForEachRelay([&](const Relay& relay) { StartRelay(allocation, relay); });
  BecomeOwn(allocation, now);
}

void Engine::State::BecomeOwn(Allocation& allocation, base::MonotonicTime now) {
  ReportMove(allocation, 1);
  effects_.Report(PermissionsChanged{static_cast<std::int64_t>(allocation.permissions.size())});
  effects_.Report(ChannelsChanged{static_cast<std::int64_t>(allocation.channels.size())});
  wheel_.Reschedule(allocation, allocation.NextExpiry());
  if (allocation.is_detached() && !policy_->mobility)
    return CloseAllocation(allocation, CloseReason::kClientGone, now);
  // Snapshots do not reach all shards at once.
  if (IsRevoked(allocation.username))
    return CloseAllocation(allocation, CloseReason::kRevoked, now);
  JudgeAgain(allocation, now);
  InstallRoutes(allocation, now);
}

bool Engine::State::LeaveClient(Allocation& allocation, base::MonotonicTime now) {
  if (const std::optional<Mobility::Destination>& pending = allocation.mobility->pending) {
    if (pending->shard != shard_) {
      HandOver(allocation, {});
      return true;
    }
    if (CompleteMove(allocation, now)) return true;
  }
  if (!policy_->mobility) return false;
  Detach(allocation);
  return true;
}

void Engine::State::Detach(Allocation& allocation) {
  RemoveRoutes(allocation);
  allocations_.Detach(allocation);
}

bool Engine::State::BringOver(const Request& request) {
  ForwardedRequest* const forwarded = request.mobility.forwarded;
  if (forwarded == nullptr) {
    CompleteMove(*request.allocation, request.now.monotonic);
    return true;
  }
  HandOver(*request.allocation, request.message.octets());
  forwarded->is_settled = true;
  return false;
}

void Engine::State::ReportMove(const Allocation& allocation, int delta) {
  allocation.ForEachRelay([&](const Relay& relay) {
    effects_.Report(AllocationMoved{allocation.id, allocation.client, relay.external, delta,
                                    allocation.owner.tenant, relay.handle});
  });
}

void Engine::State::CloseDetached(base::MonotonicTime now) {
  CloseWhere([](const Allocation& each) { return each.is_detached(); }, CloseReason::kClientGone,
             now);
}

}  // namespace turn
