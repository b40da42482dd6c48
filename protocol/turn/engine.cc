#include "protocol/turn/engine.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include "protocol/turn/engine_state.h"

namespace turn {
namespace {

Engine::AllocationSummary Summarize(const Allocation& allocation, base::MonotonicTime now) {
  Engine::AllocationSummary summary{
      .id = allocation.id,
      .client = allocation.client,
      .is_detached = allocation.is_detached(),
      .username = allocation.username,
      .relayed = {},
      .remaining = std::chrono::ceil<std::chrono::seconds>(
          std::max(allocation.LatestExpiry() - now, base::MonotonicTime::duration::zero())),
      .permissions = allocation.permissions.size(),
      .channels = allocation.channels.size(),
      .subject = allocation.owner.subject,
      .tenant = allocation.owner.tenant,
      .age = {},
      .relays = {}};
  allocation.ForEachRelay([&](const Relay& relay) {
    summary.relayed.push_back(relay.external);
    summary.relays.push_back(relay.handle);
    summary.age = std::max<std::chrono::nanoseconds>(summary.age, now - relay.opened_at);
  });
  return summary;
}

}  // namespace

Engine::Engine(std::shared_ptr<const Policy> policy,
               std::shared_ptr<const CredentialSource> credentials, const NonceKey& nonce_key,
               Ledger& ledger, base::RandomSource& random, Effects& effects,
               base::MonotonicTime start, ShardIndex shard)
    : state_(std::make_unique<State>(std::move(policy), std::move(credentials), nonce_key, ledger,
                                     random, effects, start, shard)) {}

Engine::~Engine() = default;

void Engine::SetDiscovery(const DiscoverySockets& sockets) { state_->SetDiscovery(sockets); }

void Engine::SetTcpEffects(TcpEffects& effects) { state_->SetTcpEffects(effects); }

Engine::Outcome Engine::OnMessage(const Client& client, base::Bytes octets, const base::Now& now) {
  return state_->OnMessage(client, octets, now);
}

void Engine::OnPeerUnreachable(RelayHandle relay, const PeerAddress& destination,
                               const stun::IcmpValue& icmp, base::MutableBytes room,
                               const base::Now& now) {
  state_->OnPeerUnreachable(relay, destination, icmp, room, now.monotonic);
}

void Engine::OnPeerDatagram(RelayHandle relay, const PeerAddress& source,
                            base::MutableBytes payload, const base::Now& now) {
  state_->OnPeerDatagram(relay, source, payload, now.monotonic);
}

void Engine::OnPeerConnected(PeerConnectionHandle peer, bool is_connected, const base::Now& now) {
  state_->OnPeerConnected(peer, is_connected, now.monotonic);
}

void Engine::OnPeerAccepted(RelayHandle relay, PeerConnectionHandle peer, const PeerAddress& source,
                            const base::Now& now) {
  state_->OnPeerAccepted(relay, peer, source, now.monotonic);
}

void Engine::OnJoinedEnded(ConnectionId connection) { state_->OnJoinedEnded(connection); }

void Engine::OnEngineMessage(EngineMessage message, const base::Now& now) {
  state_->OnEngineMessage(std::move(message), now);
}

Unrouted Engine::OnUnroutedChannelData(const base::FiveTuple& client, stun::ChannelNumber channel,
                                       base::Bytes data, const base::Now& now) {
  return state_->OnUnexpectedClient(client, channel, data, now.monotonic);
}

void Engine::OnClientGone(const Client& client, const base::Now& now) {
  state_->OnClientGone(client, now.monotonic);
}

void Engine::Advance(const base::Now& now) { state_->Advance(now.monotonic); }

void Engine::SetPolicy(std::shared_ptr<const Policy> policy, const base::Now& now) {
  state_->SetPolicy(std::move(policy), now.monotonic);
}

void Engine::SetCredentials(std::shared_ptr<const CredentialSource> credentials) {
  state_->SetCredentials(std::move(credentials));
}

void Engine::SetRevocations(std::shared_ptr<const Revocations> revocations, const base::Now& now) {
  state_->SetRevocations(std::move(revocations), now.monotonic);
}

std::size_t Engine::allocation_count() const { return state_->allocations().size(); }

bool Engine::HasAllocation(const base::FiveTuple& client) const {
  return state_->allocations().Find(client) != nullptr;
}

void Engine::ForEachAllocation(const base::Now& now,
                               const std::function<void(const AllocationSummary&)>& visit) const {
  state_->allocations().ForEach(
      [&](const Allocation& allocation) { visit(Summarize(allocation, now.monotonic)); });
}

std::vector<std::uint64_t> Engine::ListAllocationIds() const {
  return state_->allocations().ListIds();
}

std::optional<Engine::AllocationSummary> Engine::FindAllocation(std::uint64_t id,
                                                                const base::Now& now) const {
  const Allocation* const found = state_->allocations().FindById(id);
  return found == nullptr ? std::nullopt : std::optional(Summarize(*found, now.monotonic));
}

void Engine::VisitAllocations(const std::function<void(const Allocation&)>& visit) const {
  state_->allocations().ForEach([&](const Allocation& allocation) { visit(allocation); });
}

void Engine::VisitReservations(
    const std::function<void(const HeldReservationRecord&)>& visit) const {
  state_->VisitReservations(visit);
}

bool Engine::Restore(std::unique_ptr<Allocation> allocation, const base::Now& now) {
  return state_->Restore(std::move(allocation), now.monotonic);
}

bool Engine::Restore(const HeldReservationRecord& held) { return state_->Restore(held); }

void Engine::LetGo(const std::function<bool(const Allocation&)>& is_meant) {
  state_->LetGo(is_meant);
}

bool Engine::Disconnect(std::uint64_t allocation_id, const base::Now& now) {
  return state_->Disconnect(allocation_id, now.monotonic);
}

void Engine::CloseAll(const base::Now& now) { state_->CloseAll(now.monotonic); }

}  // namespace turn
