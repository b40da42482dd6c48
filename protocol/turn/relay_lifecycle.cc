#include <utility>
#include <vector>

#include "protocol/base/check.h"
#include "protocol/turn/engine_state.h"

// Relays and allocations from their first socket to their last: every port, charge, socket and live
// bit that is taken here is given back here.
namespace turn {
namespace {

using base::AddressFamily;

// How many ports the system may refuse before the client is told that there is no capacity.
constexpr int kBindAttempts = 16;

// Identifiers are exact as JSON numbers.
constexpr std::uint32_t kIdHighBits = 1u << 21;

}  // namespace

std::optional<Engine::State::OpenedRelay> Engine::State::OpenRelay(RelayProtocol protocol,
                                                                   AddressFamily family,
                                                                   RelayPortPool::Request request,
                                                                   base::MonotonicTime now) {
  for (int attempt = 0; attempt < kBindAttempts; ++attempt) {
    const std::optional<RelayedTransportAddress> address =
        ledger_.TakePort(family, request, random_, now);
    if (!address) return std::nullopt;
    const std::optional<RelayHandle> handle =
        protocol == RelayProtocol::kTcp ? tcp_->OpenRelay(*address) : effects_.OpenRelay(*address);
    if (handle) return OpenedRelay{*handle, *address};
    ledger_.ReturnForeignPort(*address, now);
  }
  return std::nullopt;
}

std::optional<Engine::State::OpenedPair> Engine::State::OpenRelayPair(AddressFamily family,
                                                                      base::MonotonicTime now) {
  for (int attempt = 0; attempt < kBindAttempts; ++attempt) {
    const std::optional<RelayedTransportAddress> even =
        ledger_.TakePort(family, RelayPortPool::Request::kEvenPair, random_, now);
    if (!even) return std::nullopt;
    RelayedTransportAddress odd = *even;
    ++odd.endpoint.port;

    const std::optional<RelayHandle> even_handle = effects_.OpenRelay(*even);
    if (!even_handle) {
      ledger_.ReturnForeignPort(*even, now);
      ledger_.ReturnPort(odd, now);
      continue;
    }
    const std::optional<RelayHandle> odd_handle = effects_.OpenRelay(odd);
    if (!odd_handle) {
      effects_.CloseRelay(*even_handle);
      ledger_.ReturnPort(*even, now);
      ledger_.ReturnForeignPort(odd, now);
      continue;
    }
    return OpenedPair{{*even_handle, *even}, {*odd_handle, odd}};
  }
  return std::nullopt;
}

void Engine::State::AttachRelay(Allocation& allocation, const OpenedRelay& opened,
                                base::MonotonicTime expires_at, base::MonotonicTime now) {
  const base::Endpoint external =
      policy_->peers.FromWire(PeerAddress{opened.address.endpoint}).endpoint;
  allocation.AddRelay(Relay{opened.handle, opened.address, external, now, expires_at});
}

void Engine::State::StartRelay(const Allocation& allocation, const Relay& relay) {
  effects_.StartRelay(relay.handle, relay.address, allocation.user);
  if (allocation.relays_only) effects_.LimitRelay(relay.handle);
}

Allocation& Engine::State::Register(std::unique_ptr<Allocation> owned) {
  Allocation& allocation = allocations_.Insert(std::move(owned));
  allocation.user = ledger_.NumberOf(allocation.owner);
  allocation.ForEachRelay([&](const Relay& relay) {
    if (allocation.protocol == RelayProtocol::kTcp) {
      tcp_->StartRelay(relay.handle);
    } else {
      StartRelay(allocation, relay);
    }
    ledger_.SetLive(relay.address, allocation.protocol, true);
    effects_.Report(AllocationOpened{allocation.id, allocation.client, allocation.username,
                                     relay.external, allocation.owner.tenant, relay.handle});
  });
  wheel_.Reschedule(allocation, allocation.NextExpiry());
  return allocation;
}

stun::ReservationToken Engine::State::HoldReservation(const OpenedRelay& opened, const Owner& owner,
                                                      base::MonotonicTime now) {
  const base::MonotonicTime expires_at = now + policy_->reservation_lifetime;
  HeldReservation& held = reservations_.emplace_back();
  held.self = std::prev(reservations_.end());
  held.token =
      ledger_.Reserve(Reservation{opened.address, opened.handle, owner, expires_at}, random_);
  wheel_.Reschedule(held, expires_at);
  return held.token;
}

void Engine::State::ReleaseReservation(HeldReservation& held, base::MonotonicTime now) {
  // Nothing to take back when somebody redeemed it, on whatever shard.
  if (const std::optional<Reservation> unused = ledger_.TakeBack(held.token)) {
    effects_.CloseRelay(unused->relay);
    ledger_.ReturnPort(unused->address, now);
    ledger_.Discharge(unused->owner);
  }
  reservations_.erase(held.self);
}

void Engine::State::CloseFamily(Allocation& allocation, AddressFamily family, CloseReason reason,
                                base::MonotonicTime now) {
  const Relay* const found = allocation.FindRelay(family);
  if (found == nullptr) return;
  const Relay relay = *found;
  RemoveOfFamily(allocation, family);
  ledger_.SetLive(relay.address, allocation.protocol, false);
  effects_.Report(AllocationClosed{allocation.id, allocation.client, allocation.username,
                                   relay.external, reason, now - relay.opened_at,
                                   allocation.owner.tenant, relay.handle});
  if (allocation.protocol == RelayProtocol::kTcp) {
    tcp_->CloseRelay(relay.handle);
  } else {
    effects_.CloseRelay(relay.handle);
  }
  ledger_.ReturnPort(relay.address, now);
  ledger_.Discharge(allocation.owner);
  allocations_.ForgetRelay(relay.handle);
  allocation.RemoveRelay(family);
}

void Engine::State::CloseAllocation(Allocation& allocation, CloseReason reason,
                                    base::MonotonicTime now) {
  CloseFamily(allocation, AddressFamily::kIpv4, reason, now);
  CloseFamily(allocation, AddressFamily::kIpv6, reason, now);
  Forget(allocation);
}

void Engine::State::CloseWhere(const std::function<bool(const Allocation&)>& is_meant,
                               CloseReason reason, base::MonotonicTime now) {
  std::vector<Allocation*> meant;
  allocations_.ForEach([&](Allocation& allocation) {
    if (is_meant(allocation)) meant.push_back(&allocation);
  });
  for (Allocation* allocation : meant) CloseAllocation(*allocation, reason, now);
}

void Engine::State::Forget(Allocation& allocation) {
  if (allocation.mobility) {
    CancelMove(allocation);
    ledger_.ForgetMobile(allocation.mobility->id);
  }
  allocations_.Erase(allocation);
}

bool Engine::State::ExpireWithin(Allocation& allocation, base::MonotonicTime now) {
  for (const AddressFamily family : {AddressFamily::kIpv4, AddressFamily::kIpv6}) {
    const Relay* const relay = allocation.FindRelay(family);
    if (relay != nullptr && relay->expires_at <= now)
      CloseFamily(allocation, family, CloseReason::kExpired, now);
  }
  if (!allocation.HasRelay()) {
    Forget(allocation);
    return false;
  }
  RemoveExpired(allocation, now);
  wheel_.Reschedule(allocation, allocation.NextExpiry());
  return true;
}

std::uint64_t Engine::State::NewAllocationId() {
  // Random, so that shards need not agree on a counter; never 0.
  for (;;) {
    std::array<std::uint8_t, 4> low_octets;
    random_.Fill(low_octets);
    std::uint64_t id = random_.Below(kIdHighBits);
    for (const std::uint8_t octet : low_octets) id = (id << 8) | octet;
    if (id != 0 && allocations_.FindById(id) == nullptr) return id;
  }
}

}  // namespace turn
