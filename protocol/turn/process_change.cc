#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/turn/engine_state.h"

// How allocations get from one process into the next one (docs/adr/0018). The former one shows what
// it has and goes on with it; the next one restores that; and only when it is the one who serves
// does the former let go.
namespace turn {

void Engine::State::VisitReservations(
    const std::function<void(const HeldReservationRecord&)>& visit) const {
  for (const HeldReservation& held : reservations_) {
    // Nobody has it any more when somebody redeemed it.
    if (const auto reservation = ledger_.FindReservation(held.token))
      visit({held.token, *reservation});
  }
}

bool Engine::State::MayRestore(const Allocation& allocation) const {
  if (allocation.protocol != RelayProtocol::kUdp || !allocation.HasRelay()) return false;
  if (allocations_.FindById(allocation.id) != nullptr) return false;
  if (!allocation.is_detached() && allocations_.Find(allocation.client.five_tuple) != nullptr)
    return false;
  bool has_sockets = true;
  allocation.ForEachRelay([&](const Relay& relay) {
    has_sockets = has_sockets && relay.handle != kNoRelay &&
                  allocations_.FindByRelay(relay.handle).allocation == nullptr;
  });
  return has_sockets;
}

bool Engine::State::ClaimPorts(const Allocation& allocation, base::MonotonicTime now) {
  std::vector<RelayedTransportAddress> claimed;
  bool is_done = true;
  allocation.ForEachRelay([&](const Relay& relay) {
    if (!is_done) return;
    is_done = ledger_.ClaimPort(relay.address);
    if (is_done) claimed.push_back(relay.address);
  });
  if (is_done) return true;
  for (const RelayedTransportAddress& address : claimed) ledger_.ReturnPort(address, now);
  return false;
}

bool Engine::State::Restore(std::unique_ptr<Allocation> owned, base::MonotonicTime now) {
  if (!MayRestore(*owned) || !ClaimPorts(*owned, now)) return false;
  if (owned->mobility && !ledger_.ClaimMobile(owned->mobility->id, {owned->id, shard_})) {
    owned->ForEachRelay([&](const Relay& relay) { ledger_.ReturnPort(relay.address, now); });
    return false;
  }
  Allocation& allocation = allocations_.Insert(std::move(owned));
  allocation.ForEachRelay([&](const Relay& relay) {
    // What was granted stays granted, whatever the limits are now.
    ledger_.ChargeBeyondLimits(allocation.owner);
    allocation.user = ledger_.NumberOf(allocation.owner);
    StartRelay(allocation, relay);
    ledger_.SetLive(relay.address, allocation.protocol, true);
  });
  BecomeOwn(allocation, now);
  return true;
}

bool Engine::State::Restore(const HeldReservationRecord& record) {
  const Reservation& reservation = record.reservation;
  if (reservation.relay == kNoRelay || !ledger_.ClaimPort(reservation.address)) return false;
  if (!ledger_.ClaimReservation(record.token, reservation)) {
    ledger_.ReturnPort(reservation.address, reservation.expires_at);
    return false;
  }
  ledger_.ChargeBeyondLimits(reservation.owner);
  HeldReservation& held = reservations_.emplace_back();
  held.self = std::prev(reservations_.end());
  held.token = record.token;
  wheel_.Reschedule(held, reservation.expires_at);
  return true;
}

void Engine::State::LetGo(const std::function<bool(const Allocation&)>& is_meant) {
  std::vector<Allocation*> meant;
  allocations_.ForEach([&](Allocation& allocation) {
    if (is_meant(allocation)) meant.push_back(&allocation);
  });
  for (Allocation* const allocation : meant) {
    RemoveRoutes(*allocation);
    ReportMove(*allocation, -1);
    effects_.Report(PermissionsChanged{-static_cast<std::int64_t>(allocation->permissions.size())});
    effects_.Report(ChannelsChanged{-static_cast<std::int64_t>(allocation->channels.size())});
    // Ports stay taken, and those who stay can go on sending there: the next process has them.
    allocation->ForEachRelay([&](const Relay& relay) {
      ledger_.SetLiveElsewhere(relay.address.endpoint, true);
      ledger_.SetLive(relay.address, allocation->protocol, false);
      effects_.StopRelay(relay.handle);
      effects_.CloseRelay(relay.handle);
      allocations_.ForgetRelay(relay.handle);
    });
    Forget(*allocation);
  }
  for (const HeldReservation& held : reservations_) {
    if (const auto reservation = ledger_.TakeBack(held.token))
      effects_.CloseRelay(reservation->relay);
  }
  reservations_.clear();
}

}  // namespace turn
