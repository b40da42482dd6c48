#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>
#include <boost/unordered/unordered_flat_set.hpp>

#include "protocol/base/five_tuple.h"
#include "protocol/turn/addresses.h"
#include "protocol/turn/allocation.h"

namespace turn {

// The allocations of one engine, found by id, by 5-tuple and by relay socket. It owns them; a
// pointer lives until Erase or Extract. A table has free room, which is a share of what an
// idle allocation costs: large keys are read from the allocations.
class AllocationTable {
 public:
  Allocation* Find(const base::FiveTuple& five_tuple) const;
  Allocation* FindById(std::uint64_t id) const;

  struct RelayOwner {
    Allocation* allocation = nullptr;  // nullptr: nobody
    base::AddressFamily family = base::AddressFamily::kIpv4;
  };
  RelayOwner FindByRelay(RelayHandle relay) const;

  // The id, the relays and, unless it is detached, the 5-tuple must be new to the table.
  Allocation& Insert(std::unique_ptr<Allocation> allocation);
  // One relay of an allocation that goes on with its other one.
  void ForgetRelay(RelayHandle relay);
  // Its relays must have been forgotten.
  void Erase(const Allocation& allocation);
  // With its relays.
  std::unique_ptr<Allocation> Extract(const Allocation& allocation);

  // An allocation with a ticket leaves its 5-tuple, which is free then; and gets one that must be
  // free.
  void Detach(Allocation& allocation);
  void Attach(Allocation& allocation, const Client& client);

  std::size_t size() const { return by_id_.size(); }
  // In any order; touches no allocation.
  std::vector<std::uint64_t> ListIds() const;

  // Calls `visit(Allocation&)` for each. `visit` must not change the table.
  template <typename Visitor>
  void ForEach(Visitor&& visit) const {
    for (const auto& [id, allocation] : by_id_) visit(*allocation);
  }

 private:
  // Hashes and compares allocations by their 5-tuples, and with one.
  struct ByFiveTuple {
    using is_transparent = void;  // NOLINT(readability-identifier-naming): the table asks for it
    static const base::FiveTuple& Of(const base::FiveTuple& five_tuple) { return five_tuple; }
    static const base::FiveTuple& Of(const Allocation* each) { return each->client.five_tuple; }
    template <typename Any>
    std::size_t operator()(const Any& any) const noexcept {
      return base::FiveTupleHash{}(Of(any));
    }
    template <typename One, typename Other>
    bool operator()(const One& one, const Other& other) const noexcept {
      return Of(one) == Of(other);
    }
  };

  boost::unordered_flat_map<std::uint64_t, std::unique_ptr<Allocation>> by_id_;
  boost::unordered_flat_set<Allocation*, ByFiveTuple, ByFiveTuple> by_five_tuple_;
  boost::unordered_flat_map<RelayHandle, Allocation*, RelayHandleHash> by_relay_;
};

}  // namespace turn
