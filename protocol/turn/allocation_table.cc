#include "protocol/turn/allocation_table.h"

#include <utility>

#include "protocol/base/check.h"

namespace turn {

Allocation* AllocationTable::Find(const base::FiveTuple& five_tuple) const {
  const auto found = by_five_tuple_.find(five_tuple);
  return found == by_five_tuple_.end() ? nullptr : *found;
}

Allocation* AllocationTable::FindById(std::uint64_t id) const {
  const auto found = by_id_.find(id);
  return found == by_id_.end() ? nullptr : found->second.get();
}

std::vector<std::uint64_t> AllocationTable::ListIds() const {
  std::vector<std::uint64_t> ids;
  ids.reserve(by_id_.size());
  for (const auto& [id, allocation] : by_id_) ids.push_back(id);
  return ids;
}

AllocationTable::RelayOwner AllocationTable::FindByRelay(RelayHandle relay) const {
  const auto found = by_relay_.find(relay);
  if (found == by_relay_.end()) return {};
  const Relay* const ipv4 = found->second->FindRelay(base::AddressFamily::kIpv4);
  const bool is_ipv4 = ipv4 != nullptr && ipv4->handle == relay;
  return {found->second, is_ipv4 ? base::AddressFamily::kIpv4 : base::AddressFamily::kIpv6};
}

Allocation& AllocationTable::Insert(std::unique_ptr<Allocation> allocation) {
  const std::uint64_t id = allocation->id;
  const auto [place, is_new] = by_id_.emplace(id, std::move(allocation));
  CHECK(is_new);
  Allocation& inserted = *place->second;
  if (!inserted.is_detached()) {
    const bool is_free = by_five_tuple_.insert(&inserted).second;
    CHECK(is_free);
  }
  inserted.ForEachRelay([&](const Relay& relay) {
    const bool is_new_relay = by_relay_.emplace(relay.handle, &inserted).second;
    CHECK(is_new_relay);
  });
  return inserted;
}

void AllocationTable::ForgetRelay(RelayHandle relay) {
  const std::size_t erased = by_relay_.erase(relay);
  CHECK(erased == 1);
}

void AllocationTable::Erase(const Allocation& allocation) {
  if (!allocation.is_detached()) {
    const std::size_t erased = by_five_tuple_.erase(allocation.client.five_tuple);
    CHECK(erased == 1);
  }
  // A copy: the key must outlive the allocation that holds it.
  const std::uint64_t id = allocation.id;
  const std::size_t erased = by_id_.erase(id);
  CHECK(erased == 1);
}

std::unique_ptr<Allocation> AllocationTable::Extract(const Allocation& allocation) {
  allocation.ForEachRelay([&](const Relay& relay) { ForgetRelay(relay.handle); });
  std::unique_ptr<Allocation> extracted = std::move(by_id_.at(allocation.id));
  if (!extracted->is_detached()) by_five_tuple_.erase(extracted->client.five_tuple);
  by_id_.erase(extracted->id);
  return extracted;
}

void AllocationTable::Detach(Allocation& allocation) {
  const std::size_t erased = by_five_tuple_.erase(allocation.client.five_tuple);
  CHECK(erased == 1);
  allocation.mobility->is_detached = true;
}

void AllocationTable::Attach(Allocation& allocation, const Client& client) {
  CHECK(allocation.is_detached());
  allocation.client = client;
  const bool is_free = by_five_tuple_.insert(&allocation).second;
  CHECK(is_free);
  allocation.mobility->is_detached = false;
}

}  // namespace turn
