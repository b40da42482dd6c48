#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include <boost/unordered/unordered_flat_map.hpp>

#include "protocol/base/five_tuple.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/allocation.h"

namespace turn {

// The allocations of one engine, found by 5-tuple and by relay socket. It owns them; a pointer
// lives until Erase.
class AllocationTable {
 public:
  Allocation* Find(const base::FiveTuple& five_tuple) const;

  struct RelayOwner {
    Allocation* allocation = nullptr;  // nullptr: nobody
    base::AddressFamily family = base::AddressFamily::kIpv4;
  };
  RelayOwner FindByRelay(RelayHandle relay) const;

  // The 5-tuple and the relays must be new to the table.
  Allocation& Insert(std::unique_ptr<Allocation> allocation);
  // One relay of an allocation that goes on with its other one.
  void ForgetRelay(RelayHandle relay);
  // Its relays must have been forgotten.
  void Erase(const Allocation& allocation);

  std::size_t size() const { return by_five_tuple_.size(); }

  // Calls `visit(Allocation&)` for each. `visit` must not change the table.
  template <typename Visitor>
  void ForEach(Visitor&& visit) const {
    for (const auto& [five_tuple, allocation] : by_five_tuple_) visit(*allocation);
  }

 private:
  boost::unordered_flat_map<base::FiveTuple, std::unique_ptr<Allocation>, base::FiveTupleHash>
      by_five_tuple_;
  boost::unordered_flat_map<RelayHandle, RelayOwner, RelayHandleHash> by_relay_;
};

}  // namespace turn
