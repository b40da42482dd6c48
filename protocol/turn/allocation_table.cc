#include "protocol/turn/allocation_table.h"

#include <utility>

#include "protocol/base/check.h"

namespace turn {

Allocation* AllocationTable::Find(const base::FiveTuple& five_tuple) const {
  const auto found = by_five_tuple_.find(five_tuple);
  return found == by_five_tuple_.end() ? nullptr : found->second.get();
}

AllocationTable::RelayOwner AllocationTable::FindByRelay(RelayHandle relay) const {
  const auto found = by_relay_.find(relay);
  return found == by_relay_.end() ? RelayOwner{} : found->second;
}

Allocation& AllocationTable::Insert(std::unique_ptr<Allocation> allocation) {
  Allocation& inserted = *allocation;
  const bool is_new =
      by_five_tuple_.emplace(inserted.client.five_tuple, std::move(allocation)).second;
  CHECK(is_new);
  inserted.ForEachRelay([&](const Relay& relay) {
    const RelayOwner owner{&inserted, relay.address.endpoint.address.family()};
    const bool is_new_relay = by_relay_.emplace(relay.handle, owner).second;
    CHECK(is_new_relay);
  });
  return inserted;
}

void AllocationTable::ForgetRelay(RelayHandle relay) {
  const std::size_t erased = by_relay_.erase(relay);
  CHECK(erased == 1);
}

void AllocationTable::Erase(const Allocation& allocation) {
  // A copy: the key must outlive the allocation that holds it.
  const base::FiveTuple five_tuple = allocation.client.five_tuple;
  const std::size_t erased = by_five_tuple_.erase(five_tuple);
  CHECK(erased == 1);
}

}  // namespace turn
