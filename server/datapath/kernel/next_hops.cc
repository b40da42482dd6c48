#include "server/datapath/kernel/next_hops.h"

#include <linux/neighbour.h>

#include <algorithm>
#include <utility>

#include "protocol/base/check.h"

namespace relay {

std::size_t NextHops::PairHash::operator()(const Pair& pair) const noexcept {
  const base::IpAddressHash hash;
  return hash(pair.source) * 31 + hash(pair.destination);
}

std::size_t NextHops::PlaceHash::operator()(const Place& place) const noexcept {
  return base::IpAddressHash()(place.address) * 31 + place.interface_index;
}

NextHops::NextHops(NetworkQueries& queries, std::uint32_t capacity, OnChange on_change)
    : queries_(queries), capacity_(capacity), on_change_(std::move(on_change)) {}

std::optional<std::uint32_t> NextHops::Acquire(const base::IpAddress& source,
                                               const base::IpAddress& destination,
                                               base::MonotonicTime now) {
  const Pair pair{source, destination};
  if (const auto found = by_pair_.find(pair); found != by_pair_.end()) {
    ++hops_[found->second]->users;
    return found->second;
  }
  if (free_.empty()) {
    if (hops_.size() == capacity_) return std::nullopt;
    free_.push_back(static_cast<std::uint32_t>(hops_.size()));
    hops_.emplace_back();
  }
  const std::uint32_t index = free_.back();
  free_.pop_back();
  hops_[index] = Hop{.pair = pair, .users = 1, .route = {}, .value = {}, .unused_since = now};
  by_pair_.emplace(pair, index);
  LookUp(index, now);
  return index;
}

void NextHops::Release(std::uint32_t index) {
  Hop& hop = *hops_[index];
  CHECK(hop.users > 0);
  --hop.users;
}

void NextHops::LookUp(std::uint32_t index, base::MonotonicTime now) {
  Hop& hop = *hops_[index];
  const std::optional<Place> before = PlaceOf(hop);
  hop.looked_up_in = generation_;
  hop.route = queries_.FindRoute(hop.pair.source, hop.pair.destination);
  if (hop.route) {
    const NetworkInterface* const leaving = FindInterface(hop.route->interface_index);
    if (leaving == nullptr || !leaving->is_ethernet) hop.route.reset();
  }
  const std::optional<Place> place = PlaceOf(hop);
  if (place) Join(*place, index, now);
  if (before && before != place) Leave(*before, index);
  Update(index);
}

std::optional<NextHops::Place> NextHops::PlaceOf(const Hop& hop) {
  if (!hop.route) return std::nullopt;
  return Place{hop.route->interface_index, hop.route->neighbour};
}

void NextHops::Join(const Place& place, std::uint32_t index, base::MonotonicTime now) {
  const auto [found, is_new] = neighbours_.try_emplace(place);
  if (is_new) ++leaving_[place.interface_index];
  KnownNeighbour& known = found->second;
  known.hops.insert(index);
  if (known.looked_up_in == generation_) return;
  known.looked_up_in = generation_;
  known.now = queries_.FindNeighbour(place.interface_index, place.address);
  if (known.now.mac || now - known.used_at < kAskInterval) return;
  queries_.UseNeighbour(place.interface_index, place.address);
  known.used_at = now;
}

void NextHops::Leave(const Place& place, std::uint32_t index) {
  const auto found = neighbours_.find(place);
  CHECK(found != neighbours_.end());
  found->second.hops.erase(index);
  if (!found->second.hops.empty()) return;
  neighbours_.erase(found);
  const auto leaving = leaving_.find(place.interface_index);
  if (--leaving->second == 0) leaving_.erase(leaving);
}

std::vector<std::uint32_t> NextHops::Interfaces() const {
  std::vector<std::uint32_t> interfaces;
  interfaces.reserve(leaving_.size());
  for (const auto& [index, neighbours] : leaving_) interfaces.push_back(index);
  return interfaces;
}

void NextHops::Update(std::uint32_t index) {
  Hop& hop = *hops_[index];
  std::optional<NextHop> value = ValueOf(hop);
  if (value == hop.value) return;
  hop.value = value;
  on_change_(index, value ? &*value : nullptr);
}

std::optional<NextHop> NextHops::ValueOf(const Hop& hop) {
  if (!hop.route || !is_usable_(hop.route->interface_index)) return std::nullopt;
  const NetworkInterface* const leaving = FindInterface(hop.route->interface_index);
  const auto known = neighbours_.find({hop.route->interface_index, hop.route->neighbour});
  if (leaving == nullptr || !leaving->is_running || known == neighbours_.end() ||
      !known->second.now.mac)
    return std::nullopt;
  const std::uint32_t mtu_bytes = hop.route->mtu_bytes == 0
                                      ? leaving->mtu_bytes
                                      : std::min(hop.route->mtu_bytes, leaving->mtu_bytes);
  return NextHop{.interface_index = leaving->index,
                 .source = leaving->address,
                 .destination = *known->second.now.mac,
                 .mtu_bytes = mtu_bytes};
}

const NetworkInterface* NextHops::FindInterface(std::uint32_t index) {
  auto [found, is_new] = interfaces_.try_emplace(index);
  if (is_new) found->second = queries_.FindInterface(index);
  return found->second ? &*found->second : nullptr;
}

void NextHops::OnNeighbour(const Neighbour& neighbour) {
  const auto found = neighbours_.find({neighbour.interface_index, neighbour.address});
  if (found == neighbours_.end()) return;
  found->second.now = neighbour;
  for (const std::uint32_t index : found->second.hops) Update(index);
}

void NextHops::LookUpAgain() {
  ++generation_;
  interfaces_.clear();
  unchecked_ = hops_.size();
}

bool NextHops::LookUpSome(std::size_t limit, base::MonotonicTime now) {
  for (; unchecked_ != 0; --unchecked_) {
    if (cursor_ >= hops_.size()) cursor_ = 0;
    const auto& hop = hops_[cursor_];
    if (hop && hop->looked_up_in != generation_) {
      if (limit == 0) return true;
      --limit;
      LookUp(static_cast<std::uint32_t>(cursor_), now);
    }
    ++cursor_;
  }
  return false;
}

void NextHops::Advance(base::MonotonicTime now) {
  for (std::uint32_t index = 0; index < hops_.size(); ++index) {
    auto& hop = hops_[index];
    if (!hop) continue;
    if (hop->users != 0) {
      hop->unused_since = now;
    } else if (now - hop->unused_since > kRetention) {
      Forget(index);
    }
  }
  for (auto& [place, known] : neighbours_) {
    if ((known.now.state & NUD_STALE) == 0 || now - known.used_at < kProbeInterval) continue;
    queries_.UseNeighbour(place.interface_index, place.address);
    known.used_at = now;
  }
}

void NextHops::Forget(std::uint32_t index) {
  const Hop& hop = *hops_[index];
  if (const auto place = PlaceOf(hop)) Leave(*place, index);
  if (hop.value) on_change_(index, nullptr);
  by_pair_.erase(hop.pair);
  hops_[index].reset();
  free_.push_back(index);
}

}  // namespace relay
